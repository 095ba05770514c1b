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

from payports.domain.secret import Secret
from payports.ports.gateway import WebhookRefused

TOLERANCE: Final = timedelta(seconds=300)
"""How far a timestamp may lie in the past or in the future."""
MIN_SECRET: Final = 16
"""Bytes; a shorter secret can be guessed."""

_MAX_HEADER: Final = 2_000
_TIME: Final = re.compile(r"t=([0-9]{1,12})")
_SIGNATURE: Final = re.compile(r"v1=([0-9a-f]{64})")


def signed(secret: Secret, body: bytes, at: int) -> str:
    """The value of the header; ``at``: seconds since 1970, UTC."""
    return f"t={at},v1={_signature(secret, body, at)}"


def verify(
    secret: Secret, header: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> WebhookRefused | None:
    """Say why a body cannot be believed, or nothing. Several signatures may be given while a secret is changed."""
    given = next((value for name, value in headers.items() if name.lower() == header.lower()), "")
    if not given or len(given) > _MAX_HEADER:
        return WebhookRefused("the signature is missing or too long")
    parts = [part.strip() for part in given.split(",")]
    times = [found[1] for part in parts if (found := _TIME.fullmatch(part))]
    signatures = [found[1].encode() for part in parts if (found := _SIGNATURE.fullmatch(part))]
    if len(times) != 1 or not signatures:
        return WebhookRefused("the signature cannot be read")
    expected = _signature(secret, body, int(times[0])).encode()
    matching = [hmac.compare_digest(expected, one) for one in signatures]
    if not any(matching):
        return WebhookRefused("the signature is wrong")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        return WebhookRefused("the timestamp is too old or in the future")
    return None


def _signature(secret: Secret, body: bytes, at: int) -> str:
    return hmac.new(secret.reveal().encode(), b"%d." % at + body, sha256).hexdigest()
