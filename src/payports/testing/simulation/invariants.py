"""What must hold after every commit, in arithmetic of its own: limits, and that nothing known is ever unlearnt.

Unknown never frees money: whatever may have happened counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from payports.domain.observation import Channel
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus
from payports.ports.commit import Change
from payports.ports.gateway import PaymentRequest
from payports.ports.store import PaymentRepository
from payports.testing.simulation.violation import demand

_MAY: Final = ("SENDING_TO_PROCESSOR", "UNKNOWN", "REQUIRES_ACTION", "AWAITING_RESULT", "SUCCEEDED")
_ORDER: Final = [status.value for status in TransactionStatus]


def check_change(change: Change) -> None:
    """Check one change of a payment against what it was before."""
    before = change.before.by_id if change.before else dict[str, Transaction]()
    for transaction in change.after.transactions:
        former = before.get(transaction.id)
        if former is None:
            _check_new(change.after, transaction)
        elif former is not transaction:
            _check_changed(former, transaction)
    names = [transaction.id for transaction in change.after.transactions]
    demand(names[: len(before)] == list(before), f"{change.after.id} lost a row")


def check_intent(repository: PaymentRepository, request: PaymentRequest) -> None:
    """Nothing leaves whose intent is not durable."""
    payment = repository.payment_of_transaction(request.transaction_id)
    row = payment.by_id.get(request.transaction_id) if payment else None
    demand(row is not None, f"{request.transaction_id} is sent, but nothing of it is recorded")


def _check_changed(former: Transaction, now: Transaction) -> None:
    demand(set(former.seen) <= set(now.seen), f"{now.id} forgot what was seen of it")
    fixed = (former.type, former.requested, former.parent_id, former.key, former.created_at)
    kept = (now.type, now.requested, now.parent_id, now.key, now.created_at)
    demand(fixed == kept or former.observed_only, f"{now.id} is about something else now")
    ruled = any(observation.channel is Channel.OPERATOR for observation in now.seen)
    fell = _ORDER.index(now.status.value) < _ORDER.index(former.status.value)
    demand(not fell or ruled, f"{now.id} fell from {former.status} to {now.status}")


def _check_new(payment: Payment, new: Transaction) -> None:
    """A new intent fits into what its parent, or the payment, has left, if all happened that may have."""
    if new.observed_only or new.seen or new.implied_by:
        return
    parent = payment.by_id.get(new.parent_id or "")
    if parent is None:
        if new.type in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE"):
            held = sum(_open(payment, transaction) for transaction in payment.transactions)
            demand(held <= payment.amount.minor, f"{payment.id} may hold {held} of {payment.amount.minor}")
        return
    children = [transaction for transaction in payment.transactions if transaction.parent_id == parent.id]
    if any(child.observed_only for child in children):
        return
    demand(parent.status == "SUCCEEDED", f"{new.id} builds on {parent.status}")
    if parent.type == "AUTHORIZE":
        captured = sum(_may(child) - _back(payment, child) for child in children if child.type == "CAPTURE")
        gone = captured + sum(_may(child) for child in children if child.type == "REVERSE_AUTH")
    else:
        gone = sum(_may(child) for child in children if child.type in ("REFUND", "VOID"))
    demand(gone <= parent.amount.minor, f"of {parent.id} with {parent.amount.minor}, {gone} may be gone")


def _may(transaction: Transaction) -> int:
    doubtful = transaction.status in ("NOT_EXECUTED", "DECLINED") and any(seen.amount for seen in transaction.seen)
    return transaction.amount.minor if transaction.status.value in _MAY or doubtful else 0


def _back(payment: Payment, capture: Transaction) -> int:
    """What surely went back to the hold."""
    return _sure(payment.transactions, capture, "VOID") if _may(capture) else 0


def _open(payment: Payment, transaction: Transaction) -> int:
    if transaction.type == "AUTHORIZE_AND_CAPTURE":
        undone = [row for row in payment.transactions if row.type == "VOID" or row.reverses]
        return _may(transaction) - _sure(undone, transaction, "VOID", "REFUND")
    if transaction.type != "AUTHORIZE":
        return 0
    captures = [row for row in payment.transactions if row.parent_id == transaction.id and row.type == "CAPTURE"]
    reversing = [row for row in payment.transactions if row.reverses]
    returned = sum(_sure(reversing, row, "REFUND") for row in captures)
    return _may(transaction) - _sure(payment.transactions, transaction, "REVERSE_AUTH") - returned


def _sure(rows: Iterable[Transaction], parent: Transaction, *kinds: str) -> int:
    return sum(
        transaction.amount.minor
        for transaction in rows
        if transaction.parent_id == parent.id and transaction.type in kinds and transaction.status == "SUCCEEDED"
    )
