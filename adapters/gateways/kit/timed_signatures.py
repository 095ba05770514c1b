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

import attrs

from payports.domain.secret import Secret
from payports.ports.adapter import ConfigurationError
from payports.ports.gateway import WebhookRefused

TOLERANCE: Final = timedelta(seconds=300)
"""How far a timestamp may lie in the past or in the future."""
MIN_SECRET: Final = 16
"""Bytes; a shorter secret can be guessed."""

_MAX_HEADER: Final = 2_000
_TIME: Final = re.compile(r"t=(0|[1-9][0-9]{0,11})")
"""As the signer writes it: with zeros before it, it is another text than the one that was signed."""
_SIGNATURE: Final = re.compile(r"v1=([0-9a-f]{64})")


@attrs.frozen
class FormerSecret:
    """The secret before the one that is used now: as good as that one ``until`` a time, then worth nothing."""

    secret: Secret
    until: datetime


def former_of(secret: Secret | None, until: datetime | None, where: str) -> FormerSecret | None:
    """Read ``former_webhook_secret`` and ``former_webhook_secret_until``; one makes no sense without the other.

    Raises ``ConfigurationError``.
    """
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


def signed(secret: Secret, body: bytes, at: int) -> str:
    """The value of the header; ``at``: seconds since 1970, UTC."""
    return f"t={at},v1={_signature(secret, body, at)}"


def verify(
    secret: Secret,
    header: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    former: FormerSecret | None = None,
) -> WebhookRefused | None:
    """Say why a body cannot be believed, or nothing. While a secret is changed several signatures may be given, and two secrets be good."""
    given = _header(headers, header)
    if not given or len(given) > _MAX_HEADER:
        return WebhookRefused("the signature is missing, doubled or too long")
    parts = [part.strip() for part in given.split(",")]
    times = [found[1] for part in parts if (found := _TIME.fullmatch(part))]
    signatures = [found[1].encode() for part in parts if (found := _SIGNATURE.fullmatch(part))]
    if len(times) != 1 or not signatures:
        return WebhookRefused("the signature cannot be read")
    secrets = [secret] if former is None or former.until <= now else [secret, former.secret]
    expected = [_signature(one, body, int(times[0])).encode() for one in secrets]
    matching = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    if not any(matching):
        return WebhookRefused("the signature is wrong")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        return WebhookRefused("the timestamp is too old or in the future")
    return None


def _header(headers: Mapping[str, str], header: str) -> str:
    """The one header of a name, in whatever case; nothing if there are two, for nobody may choose."""
    found: list[object] = [value for name, value in headers.items() if str(name).lower() == header.lower()]
    only = found[0] if len(found) == 1 else None
    return only if isinstance(only, str) else ""


def _signature(secret: Secret, body: bytes, at: int) -> str:
    return hmac.new(secret.reveal().encode(), b"%d." % at + body, sha256).hexdigest()
