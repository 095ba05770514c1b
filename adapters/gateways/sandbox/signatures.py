"""The signature of the bank's notifications."""

from __future__ import annotations

from typing import Final

from payports.adapters.gateways.kit.timed_signatures import signed
from payports.domain.secret import Secret

HEADER: Final = "Sandbox-Signature"


def signed_headers(secret: Secret, body: bytes, at: int) -> dict[str, str]:
    """Build the headers of a notification; ``at``: seconds since 1970, UTC."""
    return {"Content-Type": "application/json", HEADER: signed(secret, body, at)}
