"""Being told to stop: SIGTERM or Ctrl-C ring a bell that whoever works looks at, and whoever waits is woken by."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Bell:
    """Rung by the first signal; a second one ends the process as it always did.

    A socket wakes the waiting, for a signal may come between looking and falling asleep.
    """

    def __init__(self) -> None:
        self.rung = False
        self._ear, self._clapper = socket.socketpair()
        self._before: dict[signal.Signals, Any] = {}

    def is_rung(self) -> bool:
        """Tell whether somebody said to stop."""
        return self.rung

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is rung; tells whether it is."""
        if not self.rung:
            select.select([self._ear], [], [], seconds)
        return self.rung

    def _ring(self, _signal: int, _frame: FrameType | None) -> None:
        self.rung = True
        self._restore()
        self._clapper.send(b".")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __enter__(self) -> Bell:
        self._before = {number: signal.signal(number, self._ring) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        self._ear.close()
        self._clapper.close()
