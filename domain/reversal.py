"""Reversal of what no order wants: mark it, claim it for a later attempt, or choose the operation that undoes it."""

from __future__ import annotations

from payports.domain.capabilities import Capabilities
from payports.domain.command import Command
from payports.domain.ledger import is_settled, is_untouched, left_of_capture, left_of_hold
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, CAPTURING, INITIATING, REFUND, REVERSE_AUTH, VOID
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import USABLE, ReversalState, TransactionType


def mark_for_reversal(
    payment: Payment, attempt: str, state: ReversalState = ReversalState.REVERSAL_CANDIDATE
) -> Payment:
    """Mark what one failed checkout attempt did, or may have done, for reversal; a candidate may still be claimed by a later attempt."""
    marked = [
        transaction.evolve(reversal=state)
        for transaction in payment.transactions
        if transaction.attempt == attempt and _is_reversible(transaction) and transaction.reversal is ReversalState.NONE
    ]
    return payment.replacing(*marked)


def claim(payment: Payment, attempt: str) -> Payment:
    """Let a checkout attempt take over what an earlier one already secured or is still waiting for."""
    claimed = [
        _claimed(transaction, attempt)
        for transaction in payment.transactions
        if _is_reversible(transaction)
        and transaction.reversal in USABLE
        and (transaction.attempt != attempt or transaction.reversal is not ReversalState.NONE)
    ]
    return payment.replacing(*claimed)


def _claimed(transaction: Transaction, attempt: str) -> Transaction:
    former = transaction.attempt
    earlier = transaction.earlier_attempts
    return transaction.evolve(
        attempt=attempt,
        earlier_attempts=(*earlier, former) if former not in ("", attempt) else earlier,
        reversal=ReversalState.NONE,
    )


def require_reversal(payment: Payment) -> Payment:
    """Demand that everything the payment holds or has taken, or may have, be undone: it was archived, or its amount has changed."""
    owed = [
        transaction.evolve(reversal=ReversalState.REQUIRES_REVERSAL)
        for transaction in payment.transactions
        if (_is_reversible(transaction) or _is_capture(transaction)) and transaction.reversal in USABLE
    ]
    return payment.replacing(*owed)


def choose_reversal(payment: Payment, transaction: Transaction, capabilities: Capabilities) -> Command | None:
    """Choose what undoes a transaction: reverse what is held, void what is captured if the gateway can, refund what is settled.

    Nothing is left to undo, or nothing may be done yet: ``None``.
    """
    if transaction.type is AUTHORIZE:
        return _undo(transaction, REVERSE_AUTH, left_of_hold(payment, transaction), payment)
    if transaction.type not in CAPTURING:
        return None
    voidable = not is_settled(payment, transaction) and is_untouched(payment, transaction)
    operation = VOID if voidable and capabilities.supports(VOID) else REFUND
    return _undo(transaction, operation, left_of_capture(payment, transaction), payment)


def _is_reversible(transaction: Transaction) -> bool:
    return transaction.type in INITIATING and transaction.may_have_happened


def _is_capture(transaction: Transaction) -> bool:
    return transaction.type is CAPTURE and transaction.may_have_happened


def _undo(transaction: Transaction, operation: TransactionType, minor: int, payment: Payment) -> Command | None:
    if not minor:
        return None
    return Command(type=operation, amount=Money(minor, payment.currency), parent_id=transaction.id, reverses=True)
