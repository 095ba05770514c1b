"""Stripe's errors: which of them prove that nothing was done, and which are a decline."""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, text
from payports.adapters.gateways.kit.observations import unknown
from payports.adapters.gateways.kit.refusals import REFUSALS
from payports.adapters.gateways.stripe.decline_codes import DECLINES
from payports.adapters.gateways.stripe.interpretation import Verdict, interpret, is_about, moves_money, with_verdict
from payports.adapters.gateways.stripe.objects import Intent, read_intent, read_problem
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.domain.lifecycle import INITIATING, REFUND
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentRequest

_BUSY: Final = frozenset({"rate_limit", "lock_timeout"})
_REFUSALS: Final = {status: REFUSALS[status] for status in (400, 401, 402, 403, 404, 429)}
"""The statuses that prove that nothing was done, if Stripe itself says so. Source: docs.stripe.com/error-low-level."""
_TYPES: Final = frozenset({"card_error", "invalid_request_error", "authentication_error", "rate_limit_error"})
_LAPSED: Final = frozenset({"charge_expired_for_capture"})
_TAKEN: Final = frozenset({"succeeded", "requires_capture", "processing", "requires_action"})


def read_refusal(status: int, payload: JsonObject, request: PaymentRequest, settings: StripeSettings) -> Observation:
    """Read an error. Only what Stripe itself says, in its own words, proves that nothing was done."""
    error = nested(payload, "error")
    kind, code = text(error, "type", 100), text(error, "code", 100)
    seen = unknown(request, Channel.ANSWER, f"Stripe answered with status {status}", code=code)
    if (
        kind not in _TYPES
        or status not in _REFUSALS
        or (status == 429 and code not in _BUSY and kind != "rate_limit_error")
    ):
        return seen
    intent = read_intent(nested(error, "payment_intent"))
    if error.get("payment_intent") is not None and not (intent and _confirms_refusal(intent, request, settings)):
        return attrs.evolve(seen, message="the refusal names an intent that it does not fit")
    if status in (400, 402) and (kind == "card_error" or (status == 402 and code in DECLINES)):
        problem = read_problem(error)
        verdict = Verdict(TransactionStatus.DECLINED, problem=problem)
        reference = intent.id if intent and request.type in INITIATING else ""
        return with_verdict(verdict, attrs.evolve(seen, gateway_reference=reference, account=settings.account))
    failure = FailureType.EXPIRED if code in _LAPSED else _REFUSALS[status]
    return attrs.evolve(seen, status=TransactionStatus.NOT_EXECUTED, failure_type=failure)


def _confirms_refusal(intent: Intent, request: PaymentRequest, settings: StripeSettings) -> bool:
    """Tell whether the intent in a refusal is ours and shows that nothing was done; otherwise the transaction is looked up."""
    if not is_about(intent, request, settings):
        return False
    if request.type in INITIATING:
        return intent.amount == request.amount and not (
            intent.status in _TAKEN or moves_money(intent) or intent.authorized
        )
    return request.type is REFUND or interpret(intent, request, settings) is None
