"""The ports for the time and for new ids."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time now, in UTC and aware of it."""
        ...


class Ids(Protocol):
    """Makes new ids and tokens."""

    def new(self) -> str:
        """A new id: unique, unguessable, and sorting by the time it was made."""
        ...

    def token(self) -> str:
        """A new secret of at least 128 random bits, safe in a URL."""
        ...
