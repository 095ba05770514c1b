"""Signing the bank's notifications and verifying them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from payports.adapters.gateways.kit import timed_signatures
from payports.adapters.gateways.kit.timed_signatures import TOLERANCE as TOLERANCE
from payports.adapters.gateways.kit.webhook_secrets import MIN_SECRET as MIN_SECRET
from payports.adapters.gateways.kit.webhook_secrets import FormerSecret, WebhookSecrets
from payports.domain.secret import Secret
from payports.ports.gateway import WebhookRefused

HEADER: Final = "Sandbox-Signature"


def signed_headers(secret: Secret, body: bytes, at: int) -> dict[str, str]:
    """The headers of a notification; ``at``: seconds since 1970, UTC."""
    return {"Content-Type": "application/json", HEADER: timed_signatures.signed(secret, body, at)}


def verify(
    secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime, former: FormerSecret | None = None
) -> WebhookRefused | None:
    """Say why a body cannot be believed, or nothing."""
    return timed_signatures.verify(WebhookSecrets(secret, former), HEADER, headers, body, now)
