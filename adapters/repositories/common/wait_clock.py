"""The clock of whoever waits for a database: deadlines are measured by it, and pauses made with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import attrs


@attrs.frozen
class WaitClock:
    """``monotonic_s`` gives seconds since a moment that all processes of a machine share; ``sleep`` pauses for so many seconds."""

    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


SYSTEM_WAIT_CLOCK: Final = WaitClock()
