"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from payports.ports.clock import Clock

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FixedClock(Clock):
    """Tells the time that it was given.

    >>> clock = FixedClock()
    >>> clock.advance(90)
    >>> clock.now()
    datetime.datetime(2026, 1, 1, 12, 1, 30, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("the start must be aware of its time zone")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The time that it shows, in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by so many seconds; a negative number goes back."""
        self._now += timedelta(seconds=seconds)
