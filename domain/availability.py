"""Which transactions a payment permits now, and how much each parent makes available for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.failures import (
    OperationNotAllowed,
)
from payports.domain.ledger import (
    held_by_capture,
    is_settled,
    is_untouched,
    left_of_capture,
    left_of_hold,
    left_to_authorize,
    still_open,
)
from payports.domain.lifecycle import (
    CAPTURE,
    CHARGEBACK,
    DETACHED_CREDIT,
    INITIATING,
    OBSERVED_ONLY,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import MAX_MINOR
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import USABLE, TransactionType


@attrs.frozen
class Availability:
    """How much is available on a parent (or, for initiating types, on the payment); ``whole``: all of it or nothing."""

    parent: Transaction | None
    minor: int
    whole: bool = False


def find_availability(
    payment: Payment, kind: TransactionType, capabilities: Capabilities, *, reverses: bool = False
) -> Outcome[tuple[Availability, ...], OperationNotAllowed]:
    """Find the parents on which a type of transaction is permitted now and how much is available on each, oldest first.

    Failures:
        OperationNotAllowed: on none; the reason says why.
    """
    if kind in OBSERVED_ONLY:
        return not_allowed(kind, "only the gateway reports it; it cannot be requested")
    if kind is DETACHED_CREDIT:
        return Success((Availability(None, MAX_MINOR),))
    if kind in INITIATING:
        return _permitted_to_initiate(payment, kind)
    parents = [
        transaction
        for transaction in payment.transactions
        if transaction.type in PARENTS[kind] and transaction.succeeded
    ]
    if not parents:
        return not_allowed(kind, "no transaction has succeeded that it could build on")
    usable = [parent for parent in parents if reverses or parent.reversal in USABLE]
    if not usable:
        return not_allowed(kind, "its parent is to be reversed")
    availabilities = [
        availability for parent in usable if (availability := _availability(payment, kind, parent, capabilities))
    ]
    return Success(tuple(availabilities)) if availabilities else not_allowed(kind, _WHY_NOT[kind])


_WHY_NOT: Final = {
    CAPTURE: "the gateway takes one capture of an authorization",
    VOID: "it was settled, or some of it was voided or refunded",
    REFUND: "the gateway refunds only what is settled",
    SETTLED: "it was settled or voided",
}


def not_allowed(kind: TransactionType, reason: str) -> Failure[OperationNotAllowed]:
    return Failure(OperationNotAllowed(kind.value, reason))


def _permitted_to_initiate(
    payment: Payment, kind: TransactionType
) -> Outcome[tuple[Availability, ...], OperationNotAllowed]:
    if payment.archived:
        return not_allowed(kind, "the payment is archived")
    if any(transaction.type is not kind and still_open(payment, transaction) for transaction in payment.transactions):
        return not_allowed(kind, "the payment was begun the other way, authorized or authorized and captured")
    return Success((Availability(None, left_to_authorize(payment)),))


def _availability(
    payment: Payment, kind: TransactionType, parent: Transaction, capabilities: Capabilities
) -> Availability | None:
    children = [child for child in payment.children_of(parent) if child.may_have_happened]
    if kind is CAPTURE:
        return _available_for_capture(payment, parent, children, capabilities)
    if kind is REVERSE_AUTH:
        left = left_of_hold(payment, parent)
        touched = any(child.type is CAPTURE and held_by_capture(payment, child) for child in children)
        if capabilities.reverse_authorization is ReverseAuthorization.FULL and touched:
            left = 0
        return Availability(parent, left, whole=capabilities.reverse_authorization is not ReverseAuthorization.PARTIAL)
    if kind is REFUND:
        if capabilities.refund_requires_settlement and not _surely_settled(children):
            return None
        return Availability(parent, left_of_capture(payment, parent), whole=not capabilities.partial_refund)
    if is_settled(payment, parent):
        return None
    if kind is SETTLED:
        voided = any(child.type is VOID for child in children)
        return None if voided else Availability(parent, parent.amount.minor)
    if any(child.type in (REFUND, CHARGEBACK) for child in children):
        return None
    if capabilities.partial_void:
        return Availability(parent, left_of_capture(payment, parent))
    return Availability(parent, parent.amount.minor, whole=True) if is_untouched(payment, parent) else None


def _available_for_capture(
    payment: Payment, parent: Transaction, children: Iterable[Transaction], capabilities: Capabilities
) -> Availability | None:
    left = left_of_hold(payment, parent)
    several = capabilities.partial_capture is PartialCapture.MULTIPLE
    under_way = any(
        _unresolved_reversal(child) or (child.type is CAPTURE and held_by_capture(payment, child)) for child in children
    )
    if under_way and not several and left:
        return None
    return Availability(parent, left, whole=capabilities.partial_capture is PartialCapture.NONE)


def _unresolved_reversal(child: Transaction) -> bool:
    return child.type is REVERSE_AUTH and not child.succeeded


def _surely_settled(children: Iterable[Transaction]) -> bool:
    return any(child.type is SETTLED and child.succeeded for child in children)
