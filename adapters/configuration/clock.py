"""The machine's clock, and names made of time and chance."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Final

from payports.ports.clock import Clock, Ids

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


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
        return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))

    def token(self) -> str:
        """A new secret of 256 random bits, safe in a URL."""
        return secrets.token_urlsafe(32)
