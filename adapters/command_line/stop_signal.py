"""Stop signal: SIGTERM or Ctrl-C ask a worker to stop, and wake it if it waits."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Set by the first signal; a second signal has its usual effect and ends the process.

    A socket wakes ``wait``, because a signal may come between the check and the wait.
    """

    def __init__(self) -> None:
        self._set = False
        self._receiver, self._sender = socket.socketpair()
        self._former_handlers: dict[signal.Signals, Any] = {}

    def is_set(self) -> bool:
        """Tell whether a signal came."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal comes; tells whether one came."""
        if not self._set:
            select.select([self._receiver], [], [], seconds)
        return self._set

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self._set = True
        self._restore()
        self._sender.send(b".")

    def _restore(self) -> None:
        for number, handler in self._former_handlers.items():
            signal.signal(number, handler)

    def __enter__(self) -> StopSignal:
        self._former_handlers = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        self._receiver.close()
        self._sender.close()
