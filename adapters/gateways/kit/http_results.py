"""What one HTTP exchange comes to, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from payports.ports.gateway import MAX_BODY


@attrs.frozen
class Answer:
    """The gateway answered. ``headers`` have names in small letters."""

    status: int
    headers: Mapping[str, str] = attrs.field(hash=False, repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class NotSent:
    """Proven: no byte of the request left. ``reason`` is safe to log."""

    reason: str


@attrs.frozen
class Lost:
    """The request may have arrived, or not; nobody knows what it did. ``reason`` is safe to log."""

    reason: str


SendResult: TypeAlias = Answer | NotSent | Lost


@attrs.frozen(kw_only=True)
class Limits:
    """What one request may cost. ``connect_s``, ``read_s`` (between two bytes) and ``total_s`` are seconds; ``body_bytes`` counts the
    decoded answer."""

    connect_s: float = 5.0
    read_s: float = 20.0
    total_s: float = 30.0
    body_bytes: int = MAX_BODY
