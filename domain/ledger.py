"""What is left of each transaction: the arithmetic of the ledger, in minor units, per parent.

Whatever *may* have happened is taken as happened when money is to move; only what surely happened gives money back.
"""

from __future__ import annotations

from collections.abc import Iterable

from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    CAPTURING,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    INITIATING,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction, TransactionType


def left_of_hold(payment: Payment, authorization: Transaction) -> int:
    """What an authorization still holds for capture or reversal."""
    if not authorization.succeeded:
        return 0
    children = payment.children_of(authorization)
    captured = sum(_held_by_capture(payment, child) for child in children if child.type is CAPTURE)
    return max(0, authorization.amount.minor - captured - _possible(children, REVERSE_AUTH))


def left_of_capture(payment: Payment, capture: Transaction) -> int:
    """What of captured money was not given back, taken back or charged back."""
    if not capture.succeeded:
        return 0
    children = payment.children_of(capture)
    returned = sum(
        _certain(payment.children_of(child), CHARGEBACK_REVERSAL) for child in children if child.type is CHARGEBACK
    )
    gone = _possible(children, REFUND) + _possible(children, VOID) + _possible(children, CHARGEBACK)
    return max(0, capture.amount.minor - gone + returned)


def left_to_authorize(payment: Payment) -> int:
    """What of the payment's amount nothing covers yet. A refund does not reopen it, a reversal and a void do."""
    return max(0, payment.amount.minor - sum(still_open(payment, one) for one in payment.transactions))


def still_open(payment: Payment, transaction: Transaction) -> int:
    """What an initiating transaction may hold or have taken, less what surely was undone."""
    if transaction.type not in INITIATING or not transaction.may_have_happened:
        return 0
    children = payment.children_of(transaction)
    undone = _certain(children, REVERSE_AUTH)
    for capture in (transaction, *(child for child in children if child.type is CAPTURE)):
        undone += sum(
            child.amount.minor for child in payment.children_of(capture) if child.succeeded and _reopens(child)
        )
    return max(0, transaction.exposure.minor - undone)


def secured(payment: Payment, transaction: Transaction) -> int:
    """What an initiating transaction surely holds or has taken, less all that was undone or given back."""
    if not transaction.succeeded:
        return 0
    children = payment.children_of(transaction)
    captures = (transaction, *(child for child in children if child.type is CAPTURE))
    given_back = sum(
        child.amount.minor
        for capture in captures
        for child in payment.children_of(capture)
        if child.succeeded and child.type is REFUND and not child.reverses
    )
    return max(0, still_open(payment, transaction) - given_back)


def is_settled(payment: Payment, capture: Transaction) -> bool:
    """Tell whether a capture may have been settled."""
    return any(child.type is SETTLED and child.may_have_happened for child in payment.children_of(capture))


def is_untouched(payment: Payment, capture: Transaction) -> bool:
    """Tell whether nothing was voided, refunded or charged back of a capture."""
    return left_of_capture(payment, capture) == capture.amount.minor


def is_overdrawn(payment: Payment, parent: Transaction) -> bool:
    """Tell whether more surely happened on a transaction than it can bear."""
    children = payment.children_of(parent)
    if parent.type is AUTHORIZE:
        taken = _certain(children, REVERSE_AUTH) + sum(
            _held_by_capture(payment, child) for child in children if child.type is CAPTURE and child.succeeded
        )
        return taken > parent.amount.minor
    if parent.type in CAPTURING:
        returned = sum(_certain(payment.children_of(child), CHARGEBACK_REVERSAL) for child in children)
        gone = _certain(children, REFUND) + _certain(children, VOID) + _certain(children, CHARGEBACK) - returned
        return gone > parent.amount.minor or sum(child.type is SETTLED and child.succeeded for child in children) > 1
    return _certain(children, CHARGEBACK_REVERSAL) > parent.amount.minor


def sum_of(payment: Payment, *kinds: TransactionType) -> int:
    """What succeeded of some types on a payment."""
    return sum(one.amount.minor for one in payment.transactions if one.succeeded and one.type in kinds)


def _held_by_capture(payment: Payment, capture: Transaction) -> int:
    if not capture.may_have_happened:
        return 0
    restored = sum(
        child.amount.minor
        for child in payment.children_of(capture)
        if child.type is VOID and child.succeeded and child.restores_hold
    )
    return max(0, capture.exposure.minor - restored)


def _reopens(child: Transaction) -> bool:
    return (child.type is VOID and not child.restores_hold) or (child.type is REFUND and child.reverses)


def _possible(children: Iterable[Transaction], kind: TransactionType) -> int:
    return sum(child.exposure.minor for child in children if child.type is kind and child.may_have_happened)


def _certain(children: Iterable[Transaction], kind: TransactionType) -> int:
    return sum(child.amount.minor for child in children if child.type is kind and child.succeeded)
