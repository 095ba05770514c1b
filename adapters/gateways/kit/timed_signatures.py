"""Signatures of the form ``t=SECONDS,v1=HEX``: HMAC-SHA256 over a timestamp and the raw body, as Stripe and the sandbox sign.

Source: docs.stripe.com/webhooks/signature. Timestamps are refused on both sides of now; Stripe's own helper accepts any from the future.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.domain.secret import Secret
from payports.ports.gateway import WebhookRefused

TOLERANCE: Final = timedelta(seconds=300)
"""How far a timestamp may lie in the past or in the future."""

_MAX_HEADER: Final = 2_000
_TIME: Final = re.compile(r"t=(0|[1-9][0-9]{0,11})")
"""As the signer writes it: leading zeros would make another text than the one that was signed."""
_SIGNATURE: Final = re.compile(r"v1=([0-9a-f]{64})")


def signed(secret: Secret, body: bytes, at: int) -> str:
    """The value of the header; ``at``: seconds since 1970, UTC."""
    return f"t={at},v1={_signature(secret, body, at)}"


def verify(
    secrets: WebhookSecrets, header: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> WebhookRefused | None:
    """Say why a body is refused, or nothing. While a secret is changed there may be several signatures and two valid secrets."""
    value = _header(headers, header)
    if not value or len(value) > _MAX_HEADER:
        return WebhookRefused("the signature is missing, doubled or too long")
    parts = [part.strip() for part in value.split(",")]
    times = [match[1] for part in parts if (match := _TIME.fullmatch(part))]
    signatures = [match[1].encode() for part in parts if (match := _SIGNATURE.fullmatch(part))]
    if len(times) != 1 or not signatures:
        return WebhookRefused("the signature cannot be read")
    expected = [_signature(secret, body, int(times[0])).encode() for secret in secrets.valid_at(now)]
    matching = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    if not any(matching):
        return WebhookRefused("the signature is wrong")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        return WebhookRefused("the timestamp is too old or in the future")
    return None


def _header(headers: Mapping[str, str], header: str) -> str:
    """The only header of a name, in any case; empty if there are two, since either could be meant."""
    values: list[object] = [value for name, value in headers.items() if str(name).lower() == header.lower()]
    value = values[0] if len(values) == 1 else None
    return value if isinstance(value, str) else ""


def _signature(secret: Secret, body: bytes, at: int) -> str:
    return hmac.new(secret.reveal().encode(), b"%d." % at + body, sha256).hexdigest()
