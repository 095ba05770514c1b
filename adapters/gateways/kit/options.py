"""Options that gateways have in common: their defaults, their checks and what is made of them.

An adapter declares the fields in its own ``Options`` class, so that all keys of a gateway stand in one place. The protocols say how the
fields are called; no class is inherited.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol
from urllib.parse import urlsplit

from payports.adapters.gateways.kit.http_results import Limits
from payports.domain.input_checks import check_identifier
from payports.ports.adapter import ConfigurationError

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
READ_TIMEOUT: Final = timedelta(seconds=20)
"""Between two bytes of an answer."""
TOTAL_TIMEOUT: Final = timedelta(seconds=30)

_TIMEOUTS: Final = ("connect_timeout", "read_timeout", "total_timeout")


class TimeoutOptions(Protocol):
    """The options of a gateway that is asked over HTTP."""

    @property
    def connect_timeout(self) -> timedelta:
        """How long to wait for a connection."""
        ...

    @property
    def read_timeout(self) -> timedelta:
        """How long to wait for the next byte."""
        ...

    @property
    def total_timeout(self) -> timedelta:
        """How long one exchange may take."""
        ...


def limits_of(options: TimeoutOptions, where: str) -> Limits:
    """Make the sender's limits of the three time-outs. Raises ``ConfigurationError`` for one that is zero."""
    for name in _TIMEOUTS:
        if not getattr(options, name):
            raise ConfigurationError(f"{where}.{name}", "must be above zero")
    return Limits(
        connect_s=options.connect_timeout.total_seconds(),
        read_s=options.read_timeout.total_seconds(),
        total_s=options.total_timeout.total_seconds(),
    )


def check_base_url(url: str, where: str) -> None:
    """Refuse an address that is neither HTTPS nor on this machine. Raises ``ConfigurationError``; ``where`` is the key."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    secure = parts.scheme == "https" and parts.hostname
    if not (secure or local) or parts.query or parts.username or parts.fragment:
        raise ConfigurationError(where, "must be https://HOST, or http on this machine")


def check_account(account: str, where: str) -> None:
    """Refuse what cannot be an account's name. Raises ``ConfigurationError``; ``where`` is the path of the gateway's options."""
    problem = check_identifier("account", account)
    if problem:
        raise ConfigurationError(f"{where}.account", problem.reason)
