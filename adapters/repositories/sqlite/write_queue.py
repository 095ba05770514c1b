"""Whose turn it is to write, among the processes that wait for one file: they stand in line, and the first of them asks most often.

SQLite lets everybody who waits ask by himself, and the less often the longer he has waited: whoever comes late goes first, and some wait in
vain (``docs/decisions/0034-sqlite-write-queue.md``). Here whoever comes late and finds the file free goes first, too, unless somebody has
waited for long.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

_PAUSE_S: Final = 0.001
_BEHIND: Final = 25
"""So many pauses pass until somebody asks who is not the first: the first may have been stopped, and must not hold up the others."""
_TICKS: Final = 10_000
"""Places in a second. A place is an offset in a file, and file systems have offsets for more years than a machine runs."""
_LONG: Final = _TICKS // 10
"""Whoever has waited for a tenth of a second is let go first."""


class WriteQueue:
    """A file beside the store's own, empty for ever: who waits has locked the byte that stands for the moment at which it came.

    The kernel takes the lock back from whoever dies. Threads of one process do not see each other here, and another lock keeps them apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._passed = self._passed_until = 0

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def open(self, flags: int = 0) -> None:
        """Open the file, if it is not. ``os.O_CREAT`` makes it: whoever is the first to wait does so."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)

    def lock(self, moment: int) -> None:
        """Stand in line since a moment. ``OSError`` if that cannot be."""
        self._lock(os.F_TLOCK, moment, 1)

    def unlock(self, moment: int) -> None:
        """Stand in line no more."""
        self._lock(os.F_ULOCK, moment, 1)

    def is_free_before(self, moment: int, since: int = 0) -> bool:
        """Tell whether no other process has stood in line since before a moment."""
        try:
            self._lock(os.F_TEST, since, moment - since)
        except OSError:
            return False
        return True

    def is_waited_in_for_long(self) -> bool:
        """Tell whether another process has stood in line for long, one that was not passed over."""
        now = _now()
        since = self._passed if now < self._passed_until else 0
        return since < now - _LONG and not self.is_free_before(now - _LONG, since)

    def pass_over(self, moment: int) -> None:
        """For a second, give way no more to whoever has stood in line since before a moment."""
        self._passed, self._passed_until = moment, _now() + _TICKS

    def _lock(self, how: int, moment: int, length: int) -> None:
        if self._file is None:
            raise FileNotFoundError(self._path)
        os.lseek(self._file, moment, os.SEEK_SET)
        os.lockf(self._file, how, length)


class QueuePlace:
    """Where somebody stands in line until the end of the block, once it has waited; whoever cannot stand in it counts as the first."""

    def __init__(self, line: WriteQueue) -> None:
        self._line = line
        self._moment: int | None = None
        self._in_vain = False

    def __enter__(self) -> QueuePlace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._moment is not None:
            if self._in_vain:
                self._line.pass_over(self._moment)
            with suppress(OSError):
                self._line.unlock(self._moment)

    def give_way(self) -> None:
        """Let whoever has waited for long go first. Who does not go though the file is free was stopped, it seems, and is passed over."""
        try:
            self._line.open()
        except OSError:
            return  # nobody has waited here yet
        if hasattr(os, "lockf") and self._line.is_waited_in_for_long():
            self.wait()
            self._in_vain = not self._is_first()

    def wait(self) -> None:
        """Wait until it is worth while to ask again."""
        self._in_vain = False
        if self._moment is None:
            with suppress(OSError):
                self._stand()
        for _ in range(_BEHIND):
            time.sleep(_PAUSE_S)  # a wait for a lock of the kernel could not be given up
            if self._is_first():
                return

    def _stand(self) -> None:
        if hasattr(os, "lockf"):  # Windows has none
            self._line.open(os.O_CREAT)
            moment = _now()
            self._line.lock(moment)
            self._moment = moment

    def _is_first(self) -> bool:
        return self._moment is None or self._line.is_free_before(self._moment)


def _now() -> int:
    """This moment by a clock that all processes of a machine share."""
    return round(time.monotonic() * _TICKS)
