"""Queries to Stripe as data, the requests that close what is open, and the harmless request that takes a key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from payports.adapters.gateways.stripe.currencies import units_of
from payports.adapters.gateways.stripe.form import Call, Unsendable, is_key, path
from payports.ports.gateway import PaymentRequest

FENCE: Final = "payports_fence"
"""The metadata of an intent that only takes a key."""


def intent_of(reference: str) -> Call:
    """Ask for an intent, its latest charge included."""
    return Call("GET", path("payment_intents", reference), {"expand": ["latest_charge"]})


def settlement_of(reference: str) -> Call:
    """Ask for an intent with its charge's entry in the balance."""
    return Call("GET", path("payment_intents", reference), {"expand": ["latest_charge.balance_transaction"]})


def session_of(reference: str) -> Call:
    """Ask for a hosted page and its intent."""
    return Call(
        "GET", path("checkout", "sessions", reference), {"expand": ["payment_intent", "payment_intent.latest_charge"]}
    )


def sessions_of(intent: str) -> Call:
    """List the hosted page that an intent belongs to."""
    return Call("GET", path("checkout", "sessions"), {"payment_intent": intent, "limit": 100})


def cancellation_of(reference: str, key: str) -> Call:
    """Cancel an intent that waits for the shopper."""
    form = {"cancellation_reason": "abandoned", "expand": ["latest_charge"]}
    return Call("POST", path("payment_intents", reference, "cancel"), form, key)


def expiry_of(session: str, key: str) -> Call:
    """Close a hosted page."""
    return Call("POST", path("checkout", "sessions", session, "expire"), {}, key)


def refund_of(reference: str) -> Call:
    """Ask for one refund."""
    return Call("GET", path("refunds", reference))


def refunds_of(intent: str, after: str = "") -> Call:
    """List the refunds of an intent, a hundred at a time."""
    return Call("GET", path("refunds"), _page({"payment_intent": intent}, after))


def intents(after: str = "", between: tuple[int, int] | None = None) -> Call:
    """List intents, newest first, a hundred at a time; ``between``: seconds since 1970."""
    created = {"created": {"gte": between[0], "lte": between[1]}} if between else {}
    return Call("GET", path("payment_intents"), _page(created, after))


def _page(form: Mapping[str, Any], after: str) -> Mapping[str, Any]:
    return MappingProxyType({**form, "limit": 100, **({"starting_after": after} if after else {})})


def fence_of(request: PaymentRequest) -> Call | Unsendable:
    """Take the key of a request for something that moves no money: an intent that is never confirmed."""
    units = units_of(request.amount)
    if units is None:
        return Unsendable(f"Stripe cannot count {request.amount.currency.code} so finely")
    if not is_key(request.transaction_id):
        return Unsendable("the transaction's id cannot be an idempotency key")
    form = {
        "amount": units,
        "currency": request.amount.currency.code.lower(),
        "capture_method": "manual",
        "metadata": {FENCE: request.transaction_id},
    }
    return Call("POST", path("payment_intents"), form, request.transaction_id)
