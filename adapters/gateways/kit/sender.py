"""The one sender of all HTTP gateways: it sends once, within limits, and says what is certain.

Nothing of ``requests`` is imported before something is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs


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


Sent: TypeAlias = Answer | NotSent | Lost


@attrs.frozen(kw_only=True)
class Limits:
    """What one request may cost. ``connect_s``, ``read_s`` (between two bytes) and ``total_s`` are seconds; ``body_bytes`` counts the
    decoded answer."""

    connect_s: float = 5.0
    read_s: float = 20.0
    total_s: float = 30.0
    body_bytes: int = 1_000_000


USUAL: Final = Limits()


class Sender:
    """Sends requests and never raises for what comes of it.

    No redirect is followed, nothing is repeated, TLS is always verified, and neither proxies nor passwords are taken from the environment.
    Safe to share between threads: each has a session of its own, closed with the thread or by ``close``.
    """

    def __init__(self, limits: Limits = USUAL) -> None:
        self._limits = limits
        self._sessions = threading.local()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Sent:
        """Send one request, once."""
        from payports.adapters.gateways.kit.connection import Wire

        wire: Wire | None = getattr(self._sessions, "wire", None)
        if wire is None:
            wire = self._sessions.wire = Wire(self._limits)
        return wire.exchange(method, url, headers, body)

    def close(self) -> None:
        """Let go of all connections. Sending opens new ones."""
        self._sessions = threading.local()
