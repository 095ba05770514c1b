"""Stripe: payment intents over plain HTTPS, without an SDK."""

from __future__ import annotations

from payports.adapters.gateways.stripe.connection import connect

__all__ = ["connect"]
