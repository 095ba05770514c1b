"""Whose turn it is to write, among the processes that wait for one file: they stand in line, and the first of them asks most often.

SQLite lets everybody who waits ask by himself, and the less often the longer he has waited: whoever comes late goes first, and some wait in
vain (``docs/decisions/0058-…``).
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


class Line:
    """A file beside the store's own, empty for ever: who waits has locked the byte that stands for the moment at which it came.

    The kernel takes the lock back from whoever dies. Threads of one process do not see each other here, and another lock keeps them apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def opened(self) -> int:
        """The file, made by whoever is the first to wait."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file


class Place:
    """Where somebody stands in line until the end of the block, once it has waited; whoever cannot stand in it counts as the first."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._moment: int | None = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._moment is not None:
            with suppress(OSError):
                self._lock(os.F_ULOCK, self._moment, 1)

    def wait(self) -> None:
        """Wait until it is worth while to ask again."""
        if self._moment is None:
            with suppress(OSError):
                self._stand()
        for _ in range(_BEHIND):
            time.sleep(_PAUSE_S)  # a wait for a lock of the kernel could not be given up
            if self._is_first():
                return

    def _stand(self) -> None:
        if hasattr(os, "lockf"):  # Windows has none
            moment = round(time.monotonic() * _TICKS)  # the same clock for all processes of a machine
            self._lock(os.F_TLOCK, moment, 1)
            self._moment = moment

    def _is_first(self) -> bool:
        if self._moment is None:
            return True
        try:
            self._lock(os.F_TEST, self._moment, -self._moment)
        except OSError:
            return False
        return True

    def _lock(self, how: int, moment: int, length: int) -> None:
        file = self._line.opened()
        os.lseek(file, moment, os.SEEK_SET)
        os.lockf(file, how, length)
