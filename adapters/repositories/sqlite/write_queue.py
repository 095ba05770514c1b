"""Fair queue of the processes that wait to write to one SQLite file.

SQLite's busy handler polls less often the longer a process has waited, so that late comers win and some wait in vain
(``docs/decisions/0034-sqlite-write-queue.md``). Here each waiting process locks the byte at its arrival time in a file beside the store,
and polls often only while no earlier byte is locked. A late comer that finds the store free still goes first, unless another process has
waited for long.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from payports.adapters.repositories.common.wait_clock import SYSTEM_WAIT_CLOCK, WaitClock

_POLL_S: Final = 0.001
_POLLS_BEHIND: Final = 25
"""A process that is not the first tries again after this many polls: the first may have been stopped, and must not block the others."""
_TICKS_PER_S: Final = 10_000
"""An arrival time is an offset in a file. File systems have offsets for more years than a machine runs."""
_LONG_WAIT: Final = _TICKS_PER_S // 10
"""Ticks after which a waiting process is let go first."""
_SKIP: Final = _TICKS_PER_S
"""Ticks for which a process that was let go first and did not go is skipped."""


class WriteQueue:
    """The queue's file, always empty: a waiting process locks the byte at its arrival time, in ticks of the machine's monotonic clock.

    The kernel releases the locks of a process that dies. Such locks do not keep threads of one process apart; another lock does that.
    """

    def __init__(self, path: Path, clock: WaitClock = SYSTEM_WAIT_CLOCK) -> None:
        self.clock: Final = clock
        self._path = path
        self._file: int | None = None
        self._skipped_before = self._skipped_until = 0

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def open(self, flags: int = 0) -> None:
        """Open the file unless it is open. ``os.O_CREAT`` creates it, which the first process that waits does."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)

    def ticks(self) -> int:
        """The present time in ticks."""
        return round(self.clock.monotonic_s() * _TICKS_PER_S)

    def enter(self, arrival: int) -> None:
        """Lock the byte of an arrival time. Raises ``OSError`` if that fails."""
        self._lock(os.F_TLOCK, arrival, 1)

    def leave(self, arrival: int) -> None:
        """Unlock the byte of an arrival time."""
        self._lock(os.F_ULOCK, arrival, 1)

    def is_free_before(self, arrival: int, since: int = 0) -> bool:
        """Tell whether no other process has waited since an earlier time."""
        try:
            self._lock(os.F_TEST, since, arrival - since)
        except OSError:
            return False
        return True

    def has_long_waiter(self) -> bool:
        """Tell whether another process has waited for long and is not skipped."""
        now = self.ticks()
        since = self._skipped_before if now < self._skipped_until else 0
        return since < now - _LONG_WAIT and not self.is_free_before(now - _LONG_WAIT, since)

    def skip_before(self, arrival: int) -> None:
        """Skip, for a second, the processes that have waited since before a time."""
        self._skipped_before, self._skipped_until = arrival, self.ticks() + _SKIP

    def _lock(self, how: int, offset: int, length: int) -> None:
        if self._file is None:
            raise FileNotFoundError(self._path)
        os.lseek(self._file, offset, os.SEEK_SET)
        os.lockf(self._file, how, length)


class QueuePlace:
    """This process's place in the queue: taken at the first wait, given up at the end of the block.

    A process that cannot take a place, as on Windows, polls as the first does.
    """

    def __init__(self, queue: WriteQueue) -> None:
        self._queue = queue
        self._arrival: int | None = None
        self._yielded_in_vain = False

    def __enter__(self) -> QueuePlace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._arrival is not None:
            if self._yielded_in_vain:
                self._queue.skip_before(self._arrival)
            with suppress(OSError):
                self._queue.leave(self._arrival)

    def yield_to_long_waiters(self) -> None:
        """Let a process that has waited for long go first. If it does not go, it has probably been stopped, and is skipped for a while."""
        try:
            self._queue.open()
        except OSError:
            return  # no process has waited yet
        if hasattr(os, "lockf") and self._queue.has_long_waiter():
            self.wait()
            self._yielded_in_vain = not self._is_first()

    def wait(self) -> None:
        """Wait until it is time to try again."""
        self._yielded_in_vain = False
        if self._arrival is None:
            with suppress(OSError):
                self._enter()
        for _ in range(_POLLS_BEHIND):
            self._queue.clock.sleep(_POLL_S)  # blocking on a kernel lock could not be given up
            if self._is_first():
                return

    def _enter(self) -> None:
        if hasattr(os, "lockf"):  # not on Windows
            self._queue.open(os.O_CREAT)
            arrival = self._queue.ticks()
            self._queue.enter(arrival)
            self._arrival = arrival

    def _is_first(self) -> bool:
        return self._arrival is None or self._queue.is_free_before(self._arrival)
