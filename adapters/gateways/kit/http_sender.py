"""The sender that all HTTP gateways share: it sends once, within limits, and says what is certain.

``requests`` is imported when something is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from payports.adapters.gateways.kit.http_results import Limits, SendResult

DEFAULT_LIMITS: Final = Limits()


class Sender:
    """Sends requests and never raises for a failed exchange.

    No redirect is followed, nothing is repeated, TLS is always verified, and neither proxies nor passwords are taken from the environment.
    Safe to share between threads: each has a session of its own, closed with the thread or by ``close``.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._sessions = threading.local()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> SendResult:
        """Send one request, once."""
        from payports.adapters.gateways.kit.http_connection import HttpSession

        session: HttpSession | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = HttpSession(self._limits)
        return session.exchange(method, url, headers, body)

    def close(self) -> None:
        """Close all connections. Sending opens new ones."""
        self._sessions = threading.local()
