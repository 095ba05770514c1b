"""What the state of a Stripe object means for one type of transaction: shared by answers and notifications.

An object whose amounts speak of money where its status speaks of none is unknown.
"""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.stripe.currencies import units_of
from payports.adapters.gateways.stripe.json_objects import own_id
from payports.adapters.gateways.stripe.objects import MANUAL, Intent, Problem, Refund
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, INITIATING, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentRequest

_SUCCEEDED: Final = TransactionStatus.SUCCEEDED
_UNKNOWN: Final = TransactionStatus.UNKNOWN
_AUTOMATIC: Final = frozenset({"automatic", "automatic_async"})

ABANDONED: Final = "abandoned"
"""The reason that we give when we cancel an intent that waited for the shopper too long."""
LAPSED: Final = "action_expired"
"""The code of an action that nobody finished in time."""


@attrs.frozen
class Verdict:
    """A status, the amount that moved, and why not."""

    status: TransactionStatus
    amount: Money | None = None
    problem: Problem | None = None


def with_verdict(verdict: Verdict, seen: Observation) -> Observation:
    """Put a verdict into an observation. Success needs an amount; the core compares it with the request."""
    if verdict.status is _SUCCEEDED and verdict.amount is None:
        return attrs.evolve(seen, status=_UNKNOWN)
    problem = verdict.problem
    return attrs.evolve(
        seen,
        status=verdict.status,
        amount=verdict.amount,
        code=problem.code if problem else "",
        failure_type=problem.failure if problem else None,
        hard=problem.hard if problem else False,
    )


def is_about(intent: Intent, request: PaymentRequest, settings: StripeSettings) -> bool:
    """Tell whether an intent is the one of the request, and of our mode."""
    expected = request.gateway_reference if request.type in INITIATING else request.parent_reference
    named = request.transaction_id if request.type in INITIATING else request.parent_id
    if request.type is SETTLED:  # its parent may be a capture, which the intent does not name
        named = ""
    ids = {intent.transaction, intent.charge.transaction if intent.charge else ""}
    same = expected in ("", intent.id) and (not named or ids <= {"", named})
    return same and intent.livemode is settings.livemode


def interpret(intent: Intent, request: PaymentRequest, settings: StripeSettings) -> Verdict | None:
    """Say what an intent means for a transaction; nothing if it was not done."""
    if request.type in INITIATING:
        return interpret_initiation(intent, manual=request.type is AUTHORIZE)
    if request.type is SETTLED:
        return interpret_settlement(intent)
    if intent.method != MANUAL:
        return Verdict(_UNKNOWN)
    if request.type is CAPTURE and settings.several_captures:
        return interpret_partial_capture(intent, request)
    readers = {CAPTURE: interpret_capture, REVERSE_AUTH: interpret_reversal}
    return readers[request.type](intent) if request.type in readers else Verdict(_UNKNOWN)


def _refused(status: TransactionStatus, code: str, failure: FailureType) -> Verdict:
    return Verdict(status, problem=Problem(code=code, failure=failure, hard=False))


def interpret_initiation(intent: Intent, *, manual: bool) -> Verdict:
    """Interpret an authorization (``manual``) or an authorization with its capture."""
    if not (intent.method == MANUAL if manual else intent.method in _AUTOMATIC):
        return Verdict(_UNKNOWN)
    match intent.status:
        case "requires_capture" if manual:
            return Verdict(_SUCCEEDED, _held(intent))
        case "succeeded" if intent.received:
            return Verdict(_SUCCEEDED, intent.amount if manual else intent.received)
        case _ if moves_money(intent):
            return Verdict(_UNKNOWN)
        case "requires_action" | "requires_source_action":
            return Verdict(TransactionStatus.REQUIRES_ACTION)
        case "processing":
            return Verdict(TransactionStatus.AWAITING_RESULT)
        case "requires_payment_method" | "requires_source" if intent.problem and not _may_be_approved(intent):
            return Verdict(TransactionStatus.DECLINED, problem=intent.problem)
        case "canceled":
            return _canceled(intent)
        case _:
            return Verdict(_UNKNOWN)


def moves_money(intent: Intent) -> bool:
    """Tell whether money is held or was captured, whatever the status says."""
    return bool(intent.received or intent.capturable)


def _may_be_approved(intent: Intent) -> bool:
    """Tell whether the latest charge was approved, or nobody knows yet."""
    return bool(intent.authorized) or (intent.charge is not None and intent.authorized is None)


def _held(intent: Intent) -> Money:
    """The amount that was held at first: what may still be captured, and what was captured in parts already."""
    if intent.capturable is None:
        return intent.amount
    return intent.capturable + intent.received if intent.received else intent.capturable


def _canceled(intent: Intent) -> Verdict:
    """Interpret a cancelled intent: an approved hold was revoked; one that was never approved counts as declined, as if abandoned."""
    if intent.authorized:
        return _refused(TransactionStatus.REVOKED, intent.reason or "canceled", FailureType.EXPIRED)
    if intent.authorized is None:
        return Verdict(_UNKNOWN)
    if intent.problem:
        return Verdict(TransactionStatus.DECLINED, problem=intent.problem)
    code = LAPSED if intent.reason == ABANDONED else intent.reason or "canceled"
    return _refused(TransactionStatus.DECLINED, code, FailureType.ABANDONED)


def interpret_capture(intent: Intent) -> Verdict | None:
    """Interpret the only capture of a hold; nothing if there was none yet."""
    match intent.status:
        case "succeeded" if intent.received:
            return Verdict(_SUCCEEDED, intent.received)
        case "processing":
            return Verdict(TransactionStatus.AWAITING_RESULT)
        case "canceled" if intent.received is not None and not moves_money(intent):
            return _refused(TransactionStatus.NOT_EXECUTED, intent.reason or "canceled", FailureType.EXPIRED)
        case "requires_capture" if not intent.received:
            return None
        case _:
            return Verdict(_UNKNOWN)


def interpret_partial_capture(intent: Intent, request: PaymentRequest) -> Verdict | None:
    """Interpret one of several captures by its metadata entry; nothing if it has none and all that was received has one."""
    strange = intent.status == "canceled" and intent.capturable
    if intent.status not in ("requires_capture", "succeeded", "canceled") or intent.captures is None or strange:
        return Verdict(_UNKNOWN)
    units, entry = units_of(request.amount), intent.captures.get(request.transaction_id)
    received, named = units_of(intent.received) if intent.received else 0, sum(intent.captures.values())
    if received is None or named > received:
        return Verdict(_UNKNOWN)
    if entry is not None:
        return Verdict(_SUCCEEDED, request.amount) if entry == units else Verdict(_UNKNOWN)
    if named < received or intent.received is None:
        return Verdict(_UNKNOWN)
    if intent.status == "canceled":
        return _refused(TransactionStatus.NOT_EXECUTED, intent.reason or "canceled", FailureType.EXPIRED)
    return None


def interpret_reversal(intent: Intent) -> Verdict | None:
    """Interpret the reversal of a hold; nothing if it still stands. What was captured before is not reversed."""
    match intent.status:
        case "canceled" if intent.received is not None:
            return Verdict(_UNKNOWN if moves_money(intent) else _SUCCEEDED, intent.amount - intent.received)
        case "succeeded" if intent.received:
            return _refused(TransactionStatus.NOT_EXECUTED, "captured", FailureType.NOT_POSSIBLE)
        case "requires_capture":
            return None
        case _:
            return Verdict(_UNKNOWN)


def interpret_refund(refund: Refund, *, at_once: bool = False) -> Verdict:
    """Interpret a refund. ``at_once``: it was just requested, so a failure is a decline and no revoked success."""
    match refund.status:
        case "succeeded":
            return Verdict(_SUCCEEDED, refund.amount)
        case "pending" | "requires_action":
            return Verdict(TransactionStatus.AWAITING_RESULT, refund.amount)
        case "failed" | "canceled":
            status = TransactionStatus.DECLINED if at_once else TransactionStatus.REVOKED
            problem = Problem(code=refund.code or refund.status, failure=FailureType.NOT_POSSIBLE, hard=False)
            return Verdict(status, refund.amount, problem)
        case _:
            return Verdict(_UNKNOWN, refund.amount)


def interpret_settlement(intent: Intent) -> Verdict | None:
    """Interpret whether captured money has become available; nothing if nothing was captured."""
    charge = intent.charge
    if intent.status != "succeeded":
        return Verdict(_UNKNOWN) if intent.received else None
    if intent.method not in _AUTOMATIC | {MANUAL}:
        return Verdict(_UNKNOWN)
    if charge is None or not intent.received or charge.balance.get("source") not in (None, charge.id):
        return Verdict(_UNKNOWN)
    if charge.balance.get("status") == "available":
        return Verdict(_SUCCEEDED, intent.received) if own_id(charge.balance) else Verdict(_UNKNOWN)
    return Verdict(TransactionStatus.AWAITING_RESULT)
