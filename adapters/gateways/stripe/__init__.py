"""Stripe: payment intents over plain HTTPS, without an SDK."""

from __future__ import annotations

from payports.ports.adapter import AdapterContext
from payports.ports.gateway import Gateway


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. Raises ``ConfigurationError`` naming the key. Nothing else of this package is loaded before."""
    from payports.adapters.gateways.stripe.config import connect as build

    return build(context)
