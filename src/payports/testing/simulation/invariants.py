"""Invariants after every commit, with arithmetic of their own: limits hold, and no knowledge is lost.

An unknown result never frees money: everything that may have happened counts.
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
from payports.testing.simulation.violation import require

_MAY_HAVE_HAPPENED: Final = ("SENDING_TO_PROCESSOR", "UNKNOWN", "REQUIRES_ACTION", "AWAITING_RESULT", "SUCCEEDED")
_ORDER: Final = [status.value for status in TransactionStatus]


def check_change(change: Change) -> None:
    """Check one change of a payment."""
    before = change.before.by_id if change.before else dict[str, Transaction]()
    for transaction in change.after.transactions:
        former = before.get(transaction.id)
        if former is None:
            _check_new(change.after, transaction)
        elif former is not transaction:
            _check_changed(former, transaction)
    names = [transaction.id for transaction in change.after.transactions]
    require(names[: len(before)] == list(before), f"{change.after.id} lost a transaction")


def check_intent(repository: PaymentRepository, request: PaymentRequest) -> None:
    """Check that a request has a durable intent."""
    payment = repository.payment_of_transaction(request.transaction_id)
    row = payment.by_id.get(request.transaction_id) if payment else None
    require(row is not None, f"{request.transaction_id} is sent without a recorded intent")


def _check_changed(former: Transaction, now: Transaction) -> None:
    require(set(former.seen) <= set(now.seen), f"{now.id} lost an observation")
    fixed = (former.type, former.requested, former.parent_id, former.key, former.created_at)
    kept = (now.type, now.requested, now.parent_id, now.key, now.created_at)
    require(fixed == kept or former.observed_only, f"{now.id} changed what it is about")
    ruled = any(observation.channel is Channel.OPERATOR for observation in now.seen)
    regressed = _ORDER.index(now.status.value) < _ORDER.index(former.status.value)
    require(not regressed or ruled, f"{now.id} regressed from {former.status} to {now.status}")


def _check_new(payment: Payment, new: Transaction) -> None:
    """Check that a new intent fits its parent or payment, even if everything happened that may have happened."""
    if new.observed_only or new.seen or new.implied_by:
        return
    parent = payment.by_id.get(new.parent_id or "")
    if parent is None:
        if new.type in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE"):
            held = sum(_possible_hold(payment, transaction) for transaction in payment.transactions)
            require(held <= payment.amount.minor, f"{payment.id} may hold {held} of {payment.amount.minor}")
        return
    children = [transaction for transaction in payment.transactions if transaction.parent_id == parent.id]
    if any(child.observed_only for child in children):
        return
    require(parent.status == "SUCCEEDED", f"{new.id} builds on {parent.status}")
    if parent.type == "AUTHORIZE":
        captured = sum(
            _possible_minor(child) - _returned_to_hold(payment, child) for child in children if child.type == "CAPTURE"
        )
        used = captured + sum(_possible_minor(child) for child in children if child.type == "REVERSE_AUTH")
    else:
        used = sum(_possible_minor(child) for child in children if child.type in ("REFUND", "VOID"))
    require(used <= parent.amount.minor, f"{used} of {parent.amount.minor} of {parent.id} may be used")


def _possible_minor(transaction: Transaction) -> int:
    doubtful = transaction.status in ("NOT_EXECUTED", "DECLINED") and any(seen.amount for seen in transaction.seen)
    return transaction.amount.minor if transaction.status.value in _MAY_HAVE_HAPPENED or doubtful else 0


def _returned_to_hold(payment: Payment, capture: Transaction) -> int:
    """The amount that certainly went back to the authorization."""
    return _certain_minor(payment.transactions, capture, "VOID") if _possible_minor(capture) else 0


def _possible_hold(payment: Payment, transaction: Transaction) -> int:
    if transaction.type == "AUTHORIZE_AND_CAPTURE":
        undone = [row for row in payment.transactions if row.type == "VOID" or row.reverses]
        return _possible_minor(transaction) - _certain_minor(undone, transaction, "VOID", "REFUND")
    if transaction.type != "AUTHORIZE":
        return 0
    captures = [row for row in payment.transactions if row.parent_id == transaction.id and row.type == "CAPTURE"]
    reversing = [row for row in payment.transactions if row.reverses]
    returned = sum(_certain_minor(reversing, row, "REFUND") for row in captures)
    return _possible_minor(transaction) - _certain_minor(payment.transactions, transaction, "REVERSE_AUTH") - returned


def _certain_minor(rows: Iterable[Transaction], parent: Transaction, *kinds: str) -> int:
    return sum(
        transaction.amount.minor
        for transaction in rows
        if transaction.parent_id == parent.id and transaction.type in kinds and transaction.status == "SUCCEEDED"
    )
