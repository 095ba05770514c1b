"""A clock that stands still until it is advanced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from payports.ports.clock import Clock

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FixedClock(Clock):
    """Shows a fixed time.

    >>> clock = FixedClock()
    >>> clock.advance(90)
    >>> clock.now()
    datetime.datetime(2026, 1, 1, 12, 1, 30, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("the start must have a time zone")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The current time, in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by some seconds; a negative number moves back."""
        self._now += timedelta(seconds=seconds)
