"""A circuit breaker per gateway: after several calls in a row without an answer, nobody calls it for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs

_FAILURES_TO_OPEN: Final = 3
"""After so many payments in a row without an answer the breaker opens."""

OPEN_FOR: Final = timedelta(seconds=30)
"""Then the gateway is tried again."""

_EXPENSIVE: Final = timedelta(seconds=5)
"""If the failures took so long in all, one more failure opens the breaker again, so that payments of other gateways wait less."""

_NO_TIME: Final = timedelta()


@attrs.define
class CircuitBreaker:
    """What a process remembers of a gateway, for all merchants and threads that use it: how often it gave no answer in a row, how long
    the calls took in all, and until when it is not called."""

    _failures: int = 0
    _waited: timedelta = _NO_TIME
    _until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the gateway must not be called now."""
        return self._until is not None and now < self._until

    def record_success(self) -> None:
        """Close the breaker: the gateway has answered."""
        self._failures, self._waited, self._until = 0, _NO_TIME, None

    def record_failure(self, waited: timedelta, now: datetime) -> None:
        """Count one more payment about which the gateway gave no answer; ``waited``: how long the call took."""
        self._failures += 1
        self._waited += waited
        if self._failures >= _FAILURES_TO_OPEN:
            self._until = now + OPEN_FOR
            self._failures = _FAILURES_TO_OPEN - 1 if self._waited >= _EXPENSIVE else 0
