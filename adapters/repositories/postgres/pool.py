"""The connections of a process: taken by one thread at a time, opened when they are needed, given up when one of them is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

import psycopg
from psycopg.pq import TransactionStatus

from payports.adapters.repositories.postgres.connection import Link
from payports.ports.store import StoreFailed


class Pool:
    """At most ``size`` connections, the one used last first. Not for forked children: two processes would speak on one line."""

    def __init__(self, open_one: Callable[[], Link], size: int, wait_s: float) -> None:
        self._open = open_one
        self._wait_s = wait_s
        self._free = BoundedSemaphore(size)
        self._idle: list[Link] = []
        self._lock = Lock()
        self._process = os.getpid()
        self._closed = False

    @contextmanager
    def link(self) -> Generator[Link]:
        """A connection for this thread alone."""
        if os.getpid() != self._process:
            raise StoreFailed("the store was opened before a fork: open it anew in the child process")
        if not self._free.acquire(timeout=self._wait_s):
            raise StoreFailed("busy: all connections have been in use for too long")
        try:
            link = self._take()
            try:
                yield link
            finally:
                self._give_back(link)
        finally:
            self._free.release()

    def close(self) -> None:
        """Let go of all that are idle, and of the others as they come back; a forked child leaves them alone, for they are its parent's."""
        if os.getpid() == self._process:
            self._closed = True
            self._drop_idle()

    def _take(self) -> Link:
        with self._lock:
            if self._closed:
                raise StoreFailed("the store is closed")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, link: Link) -> None:
        """Keep it if it is as good as new. If it was lost, so are the others, perhaps."""
        if _is_clean(link):
            with self._lock:
                if not self._closed:
                    self._idle.append(link)
                    return
        elif link.pgconn.transaction_status == TransactionStatus.UNKNOWN:
            self._drop_idle()
        link.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()


def _is_clean(link: Link) -> bool:
    """End what was begun and not committed, and tell whether that worked."""
    try:
        link.end()
    except psycopg.Error:
        return False
    return link.pgconn.transaction_status == TransactionStatus.IDLE
