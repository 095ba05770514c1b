"""The connection pool of a process: opens connections on demand, and drops the idle ones when one is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

import psycopg
from psycopg.pq import TransactionStatus

from payports.adapters.repositories.postgres.connection import PostgresConnection
from payports.ports.store import StoreFailed


class ConnectionPool:
    """At most ``size`` connections; the last used is taken first. Forked children are refused: two processes would share a connection."""

    def __init__(self, open_connection: Callable[[], PostgresConnection], size: int, wait_s: float) -> None:
        self._open = open_connection
        self._wait_s = wait_s
        self._free = BoundedSemaphore(size)
        self._idle: list[PostgresConnection] = []
        self._lock = Lock()
        self._process = os.getpid()
        self._closed = False

    @contextmanager
    def connection(self) -> Generator[PostgresConnection]:
        """Take a connection for the block; no other thread uses it meanwhile."""
        if os.getpid() != self._process:
            raise StoreFailed("the store was opened before a fork: open it anew in the child process")
        if not self._free.acquire(timeout=self._wait_s):
            raise StoreFailed("busy: all connections have been in use for too long")
        try:
            connection = self._send_writes()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close idle connections now and the others when they come back. A forked child closes none: they belong to its parent."""
        if os.getpid() == self._process:
            self._closed = True
            self._drop_idle()

    def _send_writes(self) -> PostgresConnection:
        with self._lock:
            if self._closed:
                raise StoreFailed("the store is closed")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: PostgresConnection) -> None:
        """Keep the connection if it is clean. If it was lost, drop the idle ones too, which may be lost as well."""
        if _is_clean(connection):
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
        elif connection.pgconn.transaction_status == TransactionStatus.UNKNOWN:
            self._drop_idle()
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _is_clean(connection: PostgresConnection) -> bool:
    """Roll back an open transaction, and tell whether the connection is idle then."""
    try:
        connection.reset()
    except psycopg.Error:
        return False
    return connection.pgconn.transaction_status == TransactionStatus.IDLE
