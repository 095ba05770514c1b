"""The secrets that a gateway signs notifications with: the one in use and, while it is being changed, the former one."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import attrs

from payports.domain.secret import Secret
from payports.ports.adapter import ConfigurationError

MIN_SECRET: Final = 16
"""Bytes; a shorter secret can be guessed."""


@attrs.frozen
class FormerSecret:
    """The secret before the one in use: as good as that one ``until`` a time, then worth nothing."""

    secret: Secret
    until: datetime


@attrs.frozen
class WebhookSecrets:
    """What notifications may be signed with; nothing is believed without a ``current`` secret."""

    current: Secret | None = None
    former: FormerSecret | None = None

    def valid_at(self, now: datetime) -> tuple[Secret, ...]:
        """The secrets that count at a time."""
        if self.current is None:
            return ()
        return (self.current, self.former.secret) if self.former and now < self.former.until else (self.current,)


class WebhookSecretOptions(Protocol):
    """The options of a gateway that signs notifications; an adapter's ``Options`` declares these fields."""

    @property
    def webhook_secret(self) -> Secret | None:
        """What notifications are signed with."""
        ...

    @property
    def former_webhook_secret(self) -> Secret | None:
        """What they may still be signed with while the secret is being changed."""
        ...

    @property
    def former_webhook_secret_until(self) -> datetime | None:
        """When the former secret ends."""
        ...


def webhook_secrets_of(options: WebhookSecretOptions, where: str) -> WebhookSecrets:
    """Read the secrets from options; ``where`` is their path, such as ``gateways.card``.

    Raises ``ConfigurationError`` for a secret that can be guessed, and for a former secret without an end.
    """
    check_secret(options.webhook_secret, f"{where}.webhook_secret")
    former = former_of(options.former_webhook_secret, options.former_webhook_secret_until, where)
    return WebhookSecrets(options.webhook_secret, former)


def former_of(secret: Secret | None, until: datetime | None, where: str) -> FormerSecret | None:
    """Pair a former secret with its end; neither makes sense alone. Raises ``ConfigurationError``."""
    if secret is None and until is None:
        return None
    if secret is None or until is None:
        missing = "former_webhook_secret" if secret is None else "former_webhook_secret_until"
        raise ConfigurationError(f"{where}.{missing}", "is missing: a former secret is believed until a time")
    check_secret(secret, f"{where}.former_webhook_secret")
    return FormerSecret(secret, until)


def check_secret(secret: Secret | None, where: str) -> None:
    """Refuse a secret that can be guessed. Raises ``ConfigurationError``."""
    if secret is not None and len(secret.reveal().encode()) < MIN_SECRET:
        raise ConfigurationError(where, f"must have at least {MIN_SECRET} bytes")
