"""Audit of the amounts: whether a stored ledger keeps the limits per parent and per payment, computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from payports.domain.audit.findings import Finding, FindingKind, is_explained, new_finding
from payports.domain.ledger import secured
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
from payports.domain.money import Money, check_amount
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FAILED, USABLE, TransactionType


def audit_amounts(payment: Payment) -> Iterator[Finding]:
    """Check each amount, then the sums. Only what certainly happened counts."""
    return chain(_amounts(payment), _limits(payment))


def _amounts(payment: Payment) -> Iterator[Finding]:
    if problem := check_amount("amount", payment.amount):
        yield new_finding(FindingKind.AMOUNT, payment, f"the payment's amount {problem.reason}")
    for transaction in payment.transactions:
        if problem := check_amount("amount", transaction.requested):
            message = f"the amount of {transaction.type} {problem.reason}"
            yield new_finding(
                FindingKind.AMOUNT, payment, message, transaction, known=is_explained(payment, transaction)
            )
        elif transaction.observed_only and transaction.requested != _measure(payment, transaction):
            observed = _measure(payment, transaction)
            message = f"{transaction.type} was made outside and is recorded with {transaction.requested}, but {observed} was observed"
            yield new_finding(FindingKind.AMOUNT, payment, message, transaction)


def _measure(payment: Payment, transaction: Transaction) -> Money:
    """The amount of a transaction made outside: the highest observed, else all of its parent."""
    parent = payment.parent_of(transaction)
    amounts = [
        observation.amount
        for observation in transaction.seen
        if observation.amount and observation.amount.currency == payment.currency
    ]
    return max(amounts, default=parent.amount if parent else transaction.requested)


def _limits(payment: Payment) -> Iterator[Finding]:
    """Check that no more certainly happened on a parent, or on the payment, than its amount."""
    for parent in payment.transactions:
        children = [child for child in payment.children_of(parent) if child.succeeded]
        bears = 0 if parent.status in FAILED else parent.amount.minor
        known = any(is_explained(payment, transaction) for transaction in (parent, *children))
        used = _used(payment, parent, children)
        if used > bears:
            message = f"{_of(payment, used)} happened on {parent.type}, which bears {_of(payment, bears)}"
            yield new_finding(FindingKind.LIMIT, payment, message, parent, known=known)
        settled = [child.amount.minor for child in children if child.type is SETTLED]
        if len(settled) > 1 or sum(settled) > bears:
            message = (
                f"{parent.type} of {parent.amount} was settled with {_of(payment, sum(settled))}, {len(settled)} times"
            )
            yield new_finding(FindingKind.LIMIT, payment, message, parent, known=known)
    begun = [transaction for transaction in payment.transactions if secures_money(payment, transaction)]
    held = sum(secured(payment, transaction) for transaction in begun)
    if held > payment.amount.minor:
        message = f"{_of(payment, held)} is held or taken for a payment of {payment.amount}"
        yield new_finding(
            FindingKind.LIMIT, payment, message, known=any(is_explained(payment, transaction) for transaction in begun)
        )


def _used(payment: Payment, parent: Transaction, children: list[Transaction]) -> int:
    if parent.type is AUTHORIZE:
        captures = (child for child in children if child.type is CAPTURE)
        back = _sum([grandchild for capture in captures for grandchild in _put_back(payment, capture)])
        return _sum(children, CAPTURE, REVERSE_AUTH) - back
    if parent.type in CAPTURING:
        lost = (child for child in children if child.type is CHARGEBACK)
        won = sum(
            min(chargeback.amount.minor, _sum(list(payment.children_of(chargeback)), CHARGEBACK_REVERSAL))
            for chargeback in lost
        )
        return _sum(children, REFUND, VOID, CHARGEBACK) - won
    return _sum(children, CHARGEBACK_REVERSAL)


def _put_back(payment: Payment, capture: Transaction) -> list[Transaction]:
    return [child for child in payment.children_of(capture) if child.type is VOID and child.restores_hold]


def _sum(transactions: list[Transaction], *kinds: TransactionType) -> int:
    return sum(
        transaction.amount.minor
        for transaction in transactions
        if transaction.succeeded and (not kinds or transaction.type in kinds)
    )


def _of(payment: Payment, minor: int) -> Money:
    return Money(minor, payment.currency)


def secures_money(payment: Payment, transaction: Transaction) -> bool:
    """Tell whether an initiating transaction certainly holds or has taken money that is not to be reversed."""
    return transaction.type in INITIATING and transaction.reversal in USABLE and secured(payment, transaction) > 0
