"""Cancellation of what a shopper could still pay: an intent, or the hosted page that it belongs to.

A browser that has a client secret may confirm the same intent again, with another card, long after a failed 3-D Secure check. So an intent
whose secret may have been handed out is cancelled before it counts as declined, and before anybody stops waiting for it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, nested
from payports.adapters.gateways.stripe.form import Call
from payports.adapters.gateways.stripe.interpretation import LAPSED, is_about, moves_money
from payports.adapters.gateways.stripe.json_objects import own_id
from payports.adapters.gateways.stripe.objects import Intent, read_intent
from payports.adapters.gateways.stripe.queries import cancellation_of, expiry_of
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.domain.lifecycle import INITIATING
from payports.domain.observation import Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentRequest

DECLINED: Final = TransactionStatus.DECLINED
_REFUSED: Final = frozenset({"requires_payment_method", "requires_source"})
_WAITING: Final = _REFUSED | {"requires_action", "requires_source_action", "requires_confirmation"}


def closing_call(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, *, give_up: bool, minute: int
) -> Call | None:
    """Write the request that cancels the intent or closes the page in ``payload``; nothing if it is closed, or may stay open.

    ``give_up``: nobody waits for the shopper any more; without it only a declined intent is cancelled. ``minute``: part of the idempotency
    key, since Stripe keeps a failure with its key for a day, and cancelling twice does no harm.
    """
    if request.type not in INITIATING:
        return None
    if payload.get("object") == "checkout.session":
        return _of_page(payload, request, settings, minute) if give_up else None
    intent = read_intent(payload)
    if intent is None or intent.on_page or not is_about(intent, request, settings):
        return None
    refused = intent.status in _REFUSED and intent.problem is not None
    return _of_intent(intent, request, minute) if give_up or refused else None


def _of_page(payload: JsonObject, request: PaymentRequest, settings: StripeSettings, minute: int) -> Call | None:
    """Close an open page first: while it is open Stripe does not let its intent be cancelled."""
    session, status = own_id(payload), payload.get("status")
    expected, livemode = request.attributes.get("session", session), payload.get("livemode")
    if not session or session != expected or livemode is not settings.livemode:
        return None
    if status == "open":
        return expiry_of(session, _key(request, session, minute))
    intent = read_intent(nested(payload, "payment_intent"))
    if status != "expired" or intent is None or not is_about(intent, request, settings):
        return None
    return _of_intent(intent, request, minute)


def _of_intent(intent: Intent, request: PaymentRequest, minute: int) -> Call | None:
    if intent.status not in _WAITING or moves_money(intent) or intent.authorized or intent.amount != request.amount:
        return None
    charge = intent.charge.id if intent.charge else ""
    return cancellation_of(intent.id, _key(request, intent.id, intent.status, charge, minute))


def _key(request: PaymentRequest, *state: str | int) -> str:
    """Make a key for the present state, so that Stripe does not repeat the refusal that it keeps with the key of an earlier state."""
    return sha256(repr(("close", request.transaction_id, *state)).encode(errors="replace")).hexdigest()


def after_closing(found: Observation, before: Observation) -> Observation:
    """Read the result of cancelling: declined as it was before, or because the shopper did not come back in time."""
    if found.status not in (TransactionStatus.NOT_EXECUTED, DECLINED):
        return found
    if before.status is DECLINED:
        return attrs.evolve(
            found, status=DECLINED, code=before.code, failure_type=before.failure_type, hard=before.hard, amount=None
        )
    if found.failure_type not in (None, FailureType.ABANDONED):
        return found
    return attrs.evolve(found, status=DECLINED, code=LAPSED, failure_type=FailureType.ABANDONED, hard=False)
