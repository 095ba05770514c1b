"""What an object of Stripe says about one kind of transaction, told from its state alone: shared by answers and notifications."""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.stripe.objects import MANUAL, Intent, Problem, Refund
from payports.domain.money import Money
from payports.domain.transaction import FailureType, TransactionStatus

_SUCCEEDED: Final = TransactionStatus.SUCCEEDED
_UNKNOWN: Final = TransactionStatus.UNKNOWN


@attrs.frozen
class Verdict:
    """A status, the amount that moved, and why not."""

    status: TransactionStatus
    amount: Money | None = None
    problem: Problem | None = None


def _refused(status: TransactionStatus, code: str, failure: FailureType) -> Verdict:
    return Verdict(status, problem=Problem(code=code, failure=failure, hard=False))


def initiated(intent: Intent, *, manual: bool) -> Verdict:
    """Say what became of an authorization (``manual``) or of an authorization with its capture."""
    if intent.method and (intent.method == MANUAL) is not manual:
        return Verdict(_UNKNOWN)
    match intent.status:
        case "requires_capture" if manual:
            return Verdict(_SUCCEEDED, _held(intent))
        case "succeeded":
            return Verdict(_SUCCEEDED, intent.amount if manual or intent.received is None else intent.received)
        case "requires_action" | "requires_source_action":
            return Verdict(TransactionStatus.REQUIRES_ACTION)
        case "processing":
            return Verdict(TransactionStatus.AWAITING_RESULT)
        case "requires_payment_method" | "requires_source" if intent.problem:
            return Verdict(TransactionStatus.DECLINED, problem=intent.problem)
        case "canceled":
            return _canceled(intent)
        case _:
            return Verdict(_UNKNOWN)


def _held(intent: Intent) -> Money:
    """What was held at first: what may still be captured, and what was captured in parts already."""
    if intent.capturable is None:
        return intent.amount
    return intent.capturable + intent.received if intent.received else intent.capturable


def _canceled(intent: Intent) -> Verdict:
    """An approved hold that is gone was taken back; what was never approved can never be any more."""
    if intent.authorized:
        return _refused(TransactionStatus.REVOKED, intent.reason or "canceled", FailureType.EXPIRED)
    if intent.authorized is None:
        return Verdict(_UNKNOWN)
    if intent.problem:
        return Verdict(TransactionStatus.DECLINED, problem=intent.problem)
    return _refused(TransactionStatus.NOT_EXECUTED, intent.reason or "canceled", FailureType.ABANDONED)


def captured(intent: Intent) -> Verdict | None:
    """Say what became of the one capture of a hold; nothing if there was none yet."""
    match intent.status:
        case "succeeded":
            return Verdict(_SUCCEEDED, intent.received) if intent.received else Verdict(_UNKNOWN)
        case "processing":
            return Verdict(TransactionStatus.AWAITING_RESULT)
        case "canceled":
            return _refused(TransactionStatus.NOT_EXECUTED, intent.reason or "canceled", FailureType.EXPIRED)
        case "requires_capture":
            return None
        case _:
            return Verdict(_UNKNOWN)


def captured_in_part(intent: Intent, entry: str, units: int, amount: Money) -> Verdict | None:
    """Say what became of one of several captures, by the entry that it left; nothing if it left none."""
    whole = intent.status in ("requires_capture", "succeeded")
    if not whole or entry != str(units):
        return Verdict(_UNKNOWN) if entry else captured(intent) if intent.status == "canceled" else None
    enough = intent.received is not None and intent.received.currency == amount.currency and intent.received >= amount
    return Verdict(_SUCCEEDED, amount) if enough else Verdict(_UNKNOWN)


def reversed_(intent: Intent) -> Verdict | None:
    """Say what became of giving up a hold; nothing if it still stands."""
    match intent.status:
        case "canceled":
            return Verdict(_SUCCEEDED, intent.amount)
        case "succeeded":
            return _refused(TransactionStatus.NOT_EXECUTED, "captured", FailureType.NOT_POSSIBLE)
        case "requires_capture":
            return None
        case _:
            return Verdict(_UNKNOWN)


def refunded(refund: Refund, *, at_once: bool = False) -> Verdict:
    """Say what became of a refund. ``at_once``: it was just asked for, so that a failure is no success taken back."""
    match refund.status:
        case "succeeded":
            return Verdict(_SUCCEEDED, refund.amount)
        case "pending" | "requires_action":
            return Verdict(TransactionStatus.AWAITING_RESULT)
        case "failed" | "canceled":
            status = TransactionStatus.DECLINED if at_once else TransactionStatus.REVOKED
            return _refused(status, refund.code or refund.status, FailureType.NOT_POSSIBLE)
        case _:
            return Verdict(_UNKNOWN)


def settled(intent: Intent) -> Verdict | None:
    """Say whether captured money has become available; nothing if nothing was captured."""
    charge = intent.charge
    if intent.status != "succeeded" or charge is None or not charge.is_captured:
        return None
    if charge.intent not in ("", intent.id) or charge.balance.get("source") not in (None, charge.id):
        return Verdict(_UNKNOWN)
    if charge.balance.get("status") == "available":
        return Verdict(_SUCCEEDED, intent.received) if intent.received else Verdict(_UNKNOWN)
    return Verdict(TransactionStatus.AWAITING_RESULT)
