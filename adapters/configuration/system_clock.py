"""The machine's clock, and names made of time and chance."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Final

from payports.ports.clock import Clock, Ids

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS: Final = range(120, -1, -10)


class SystemClock(Clock):
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The time now."""
        return datetime.now(UTC)


class SystemIds(Ids):
    """ULIDs: 48 bits of time in milliseconds and 80 random bits, in 26 characters that sort by time. Source: the ULID specification."""

    def new(self) -> str:
        """A new id."""
        number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
        return "".join([_PAIRS[number >> shift & 1_023] for shift in _SHIFTS])

    def token(self) -> str:
        """A new secret of 256 random bits, safe in a URL."""
        return secrets.token_urlsafe(32)
