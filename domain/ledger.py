"""The arithmetic of the ledger: what is left of each transaction, in minor units, per parent.

What *may* have happened counts against limits; only what certainly happened makes an amount available again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

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
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FAILED, TransactionType


def left_of_hold(payment: Payment, authorization: Transaction) -> int:
    """What an authorization still holds for capture or reversal."""
    if not authorization.succeeded:
        return 0
    captured = sum(held_by_capture(payment, capture) for capture in _captures(payment, authorization))
    reversed_ = _possible(payment.children_of(authorization), REVERSE_AUTH)
    return max(0, authorization.amount.minor - captured - reversed_)


def left_of_capture(payment: Payment, capture: Transaction) -> int:
    """What of captured money was not given back, taken back or charged back."""
    if not capture.succeeded:
        return 0
    gone = _possible(payment.children_of(capture), REFUND, VOID) + _charged_back(payment, capture)
    return max(0, capture.amount.minor - gone)


def left_to_authorize(payment: Payment) -> int:
    """What of the payment's amount nothing covers yet. A refund does not reopen it, a reversal and a void do."""
    return max(0, payment.amount.minor - sum(still_open(payment, transaction) for transaction in payment.transactions))


def latest_initiating(payment: Payment) -> Transaction | None:
    """The last transaction that was to hold or take the money of a payment."""
    return next((transaction for transaction in reversed(payment.transactions) if transaction.type in INITIATING), None)


def still_open(payment: Payment, transaction: Transaction) -> int:
    """What an initiating transaction may hold or have taken, less what certainly was undone.

    What was captured stays taken, even when the authorization under it is gone.
    """
    if transaction.type not in INITIATING:
        return 0
    captures = [capture for capture in _captures(payment, transaction) if capture.may_have_happened]
    taken = sum(max(0, held_by_capture(payment, capture) - _returned(payment, capture)) for capture in captures)
    if transaction.type is not AUTHORIZE or not transaction.may_have_happened:
        return taken
    undone = _certain(payment.children_of(transaction), REVERSE_AUTH)
    undone += sum(_returned(payment, capture) for capture in captures)
    return max(taken, transaction.exposure.minor - undone)


def secured(payment: Payment, transaction: Transaction) -> int:
    """What an initiating transaction certainly holds or has taken, less all that may have been undone, given or taken back."""
    captures = _captures(payment, transaction)
    if transaction.type is not AUTHORIZE or not transaction.succeeded:
        return sum(left_of_capture(payment, capture) for capture in captures)
    lost = _possible(payment.children_of(transaction), REVERSE_AUTH)
    lost += sum(_lost(payment, capture) for capture in captures if capture.may_have_happened)
    return max(0, transaction.amount.minor - lost)


def held_by_capture(payment: Payment, capture: Transaction) -> int:
    """What a capture may have taken of its hold and no void has put back."""
    if not capture.may_have_happened:
        return 0
    restoring = (child for child in payment.children_of(capture) if child.restores_hold)
    return max(0, capture.exposure.minor - _certain(restoring, VOID))


def is_settled(payment: Payment, capture: Transaction) -> bool:
    """Tell whether a capture may have been settled."""
    return any(child.type is SETTLED and child.may_have_happened for child in payment.children_of(capture))


def is_untouched(payment: Payment, capture: Transaction) -> bool:
    """Tell whether nothing was voided, refunded or charged back of a capture."""
    return left_of_capture(payment, capture) == capture.amount.minor


def is_overdrawn(payment: Payment, parent: Transaction) -> bool:
    """Tell whether more certainly happened on a transaction than its amount; a failed one bears no capture."""
    children = payment.children_of(parent)
    bears = 0 if parent.status in FAILED else parent.amount.minor
    if parent.type is AUTHORIZE:
        captured = sum(held_by_capture(payment, capture) for capture in _captures(payment, parent) if capture.succeeded)
        released = 0 if parent.status in FAILED else _certain(children, REVERSE_AUTH)
        return captured + released > bears
    if parent.type in CAPTURING:
        gone = _certain(children, REFUND, VOID) + _charged_back(payment, parent, certain=True)
        return gone > bears or sum(child.type is SETTLED and child.succeeded for child in children) > 1
    return _certain(children, CHARGEBACK_REVERSAL) > bears


def net_of(payment: Payment, kinds: Collection[TransactionType], *undoing: TransactionType) -> int:
    """What succeeded of some types, each less what succeeded of other types on top of it."""
    return sum(
        max(0, transaction.amount.minor - _certain(payment.children_of(transaction), *undoing))
        for transaction in payment.transactions
        if transaction.succeeded and transaction.type in kinds
    )


def sum_of(payment: Payment, *kinds: TransactionType) -> int:
    """What succeeded of some types on a payment."""
    return _certain(payment.transactions, *kinds)


def _captures(payment: Payment, initiating: Transaction) -> tuple[Transaction, ...]:
    """The captures of an authorization; an authorize-and-capture is its own."""
    if initiating.type is not AUTHORIZE:
        return (initiating,)
    return tuple(child for child in payment.children_of(initiating) if child.type is CAPTURE)


def _returned(payment: Payment, capture: Transaction) -> int:
    """What certainly was returned to the shopper for good, so that it may be requested again."""
    return sum(child.amount.minor for child in payment.children_of(capture) if child.succeeded and _is_return(child))


def _is_return(child: Transaction) -> bool:
    return (child.type is VOID and not child.restores_hold) or (child.type is REFUND and child.reverses)


def _lost(payment: Payment, capture: Transaction) -> int:
    children = [child for child in payment.children_of(capture) if not child.restores_hold]
    return _possible(children, VOID, REFUND) + _charged_back(payment, capture)


def _charged_back(payment: Payment, capture: Transaction, *, certain: bool = False) -> int:
    """What was charged back and not won back, never below zero."""
    count = _certain if certain else _possible
    return sum(
        max(0, count([child], CHARGEBACK) - _certain(payment.children_of(child), CHARGEBACK_REVERSAL))
        for child in payment.children_of(capture)
    )


def _possible(transactions: Iterable[Transaction], *kinds: TransactionType) -> int:
    return sum(
        transaction.exposure.minor
        for transaction in transactions
        if transaction.type in kinds and transaction.may_have_happened
    )


def _certain(transactions: Iterable[Transaction], *kinds: TransactionType) -> int:
    return sum(
        transaction.amount.minor for transaction in transactions if transaction.type in kinds and transaction.succeeded
    )
