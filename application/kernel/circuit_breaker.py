"""How long a gateway that gives no answers is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs

_DEAF: Final = 3
"""After so many payments in a row without an answer a gateway is left alone by everybody."""

LEFT_ALONE: Final = timedelta(seconds=30)
"""Then it is tried again."""

_DEAR: Final = timedelta(seconds=5)
"""A silence for which one waited so long in all is tried with one payment the next time, so that those of other gateways wait less."""

_NOTHING: Final = timedelta()


@attrs.define
class CircuitBreaker:
    """What a process remembers of a gateway, for all merchants and threads that use it: how often it gave no answer in a row, how long
    one waited for that, and until when it is left alone."""

    _times: int = 0
    _waited: timedelta = _NOTHING
    _until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the gateway is to be left alone."""
        return self._until is not None and now < self._until

    def end(self) -> None:
        """It has answered."""
        self._times, self._waited, self._until = 0, _NOTHING, None

    def go_on(self, waited: timedelta, now: datetime) -> None:
        """It has not answered about one more payment."""
        self._times += 1
        self._waited += waited
        if self._times >= _DEAF:
            self._until = now + LEFT_ALONE
            self._times = _DEAF - 1 if self._waited >= _DEAR else 0
