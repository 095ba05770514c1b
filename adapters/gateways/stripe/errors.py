"""Reading Stripe's errors: which of them prove that nothing was done, and which are a decline."""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, text
from payports.adapters.gateways.stripe.decline_codes import DECLINE_CODES
from payports.adapters.gateways.stripe.interpretation import Verdict, is_about, moves_money, verdict_of
from payports.adapters.gateways.stripe.objects import Intent, read_intent, read_problem
from payports.adapters.gateways.stripe.observations import concluded, seen_of
from payports.adapters.gateways.stripe.requests import Terms
from payports.domain.lifecycle import INITIATING, REFUND
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentRequest

_BUSY: Final = frozenset({"rate_limit", "lock_timeout"})
_REFUSED: Final = {
    400: FailureType.NOT_POSSIBLE,
    401: FailureType.CONFIGURATION,
    402: FailureType.NOT_POSSIBLE,
    403: FailureType.CONFIGURATION,
    404: FailureType.NOT_POSSIBLE,
    429: FailureType.NOT_POSSIBLE,
}
"""The refusals that prove that nothing was done, if Stripe itself says so. Source: docs.stripe.com/error-low-level."""
_TYPES: Final = frozenset({"card_error", "invalid_request_error", "authentication_error", "rate_limit_error"})
_LAPSED: Final = frozenset({"charge_expired_for_capture"})
_TAKEN: Final = frozenset({"succeeded", "requires_capture", "processing", "requires_action"})


def read_refusal(status: int, told: JsonObject, asked: PaymentRequest, terms: Terms) -> Observation:
    """Read an error. Only what Stripe itself says, in its own words, proves that nothing was done."""
    error = nested(told, "error")
    kind, code = text(error, "type", 100), text(error, "code", 100)
    seen = attrs.evolve(
        seen_of(asked, Channel.ANSWER, TransactionStatus.UNKNOWN, f"Stripe answered with status {status}"), code=code
    )
    if (
        kind not in _TYPES
        or status not in _REFUSED
        or (status == 429 and code not in _BUSY and kind != "rate_limit_error")
    ):
        return seen
    intent = read_intent(nested(error, "payment_intent"))
    if error.get("payment_intent") is not None and not (intent and _lets_refuse(intent, asked, terms)):
        return attrs.evolve(seen, message="the refusal names an intent that it does not fit")
    if status in (400, 402) and (kind == "card_error" or (status == 402 and code in DECLINE_CODES)):
        problem = read_problem(error)
        verdict = Verdict(TransactionStatus.DECLINED, problem=problem)
        reference = intent.id if intent and asked.type in INITIATING else ""
        return concluded(attrs.evolve(seen, gateway_reference=reference, account=terms.account), verdict, asked)
    failure = FailureType.EXPIRED if code in _LAPSED else _REFUSED[status]
    return attrs.evolve(seen, status=TransactionStatus.NOT_EXECUTED, failure_type=failure)


def _lets_refuse(intent: Intent, asked: PaymentRequest, terms: Terms) -> bool:
    """The intent that comes with a refusal is ours and shows that nothing was done; what it shows otherwise is looked up."""
    if not is_about(intent, asked, terms):
        return False
    if asked.type in INITIATING:
        return intent.amount == asked.amount and not (
            intent.status in _TAKEN or moves_money(intent) or intent.authorized
        )
    return asked.type is REFUND or verdict_of(intent, asked, terms) is None
