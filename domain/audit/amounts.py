"""Whether the amounts of a ledger at rest keep the limits, per parent and for the payment, each added up anew."""

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
    """Check each amount by itself, then all together. Only what surely happened counts."""
    return chain(_amounts(payment), _limits(payment))


def _amounts(payment: Payment) -> Iterator[Finding]:
    if problem := check_amount("amount", payment.amount):
        yield new_finding(FindingKind.AMOUNT, payment, f"the payment's amount {problem.reason}")
    for one in payment.transactions:
        if problem := check_amount("amount", one.requested):
            said = f"the amount of {one.type} {problem.reason}"
            yield new_finding(FindingKind.AMOUNT, payment, said, one, known=is_explained(payment, one))
        elif one.observed_only and one.requested != _measure(payment, one):
            said = f"{one.type} was made outside and stands with {one.requested}; {_measure(payment, one)} was told"
            yield new_finding(FindingKind.AMOUNT, payment, said, one)


def _measure(payment: Payment, one: Transaction) -> Money:
    """What was made outside stands with the most that was told of it, else with its whole parent."""
    parent = payment.parent_of(one)
    told = [seen.amount for seen in one.seen if seen.amount and seen.amount.currency == payment.currency]
    return max(told, default=parent.amount if parent else one.requested)


def _limits(payment: Payment) -> Iterator[Finding]:
    """Never more surely happened on a parent than it bears, nor on a payment than it is for."""
    for parent in payment.transactions:
        children = [child for child in payment.children_of(parent) if child.succeeded]
        bears = 0 if parent.status in FAILED else parent.amount.minor
        known = any(is_explained(payment, one) for one in (parent, *children))
        used = _used(payment, parent, children)
        if used > bears:
            said = f"{_of(payment, used)} happened on {parent.type}, which bears {_of(payment, bears)}"
            yield new_finding(FindingKind.LIMIT, payment, said, parent, known=known)
        settled = [child.amount.minor for child in children if child.type is SETTLED]
        if len(settled) > 1 or sum(settled) > bears:
            said = (
                f"{parent.type} of {parent.amount} was settled with {_of(payment, sum(settled))}, {len(settled)} times"
            )
            yield new_finding(FindingKind.LIMIT, payment, said, parent, known=known)
    begun = [one for one in payment.transactions if secures_money(payment, one)]
    held = sum(secured(payment, one) for one in begun)
    if held > payment.amount.minor:
        said = f"{_of(payment, held)} is held or taken for a payment of {payment.amount}"
        yield new_finding(FindingKind.LIMIT, payment, said, known=any(is_explained(payment, one) for one in begun))


def _used(payment: Payment, parent: Transaction, children: list[Transaction]) -> int:
    if parent.type is AUTHORIZE:
        captures = (child for child in children if child.type is CAPTURE)
        back = _sum([grandchild for one in captures for grandchild in _put_back(payment, one)])
        return _sum(children, CAPTURE, REVERSE_AUTH) - back
    if parent.type in CAPTURING:
        lost = (child for child in children if child.type is CHARGEBACK)
        won = sum(min(one.amount.minor, _sum(list(payment.children_of(one)), CHARGEBACK_REVERSAL)) for one in lost)
        return _sum(children, REFUND, VOID, CHARGEBACK) - won
    return _sum(children, CHARGEBACK_REVERSAL)


def _put_back(payment: Payment, capture: Transaction) -> list[Transaction]:
    return [child for child in payment.children_of(capture) if child.type is VOID and child.restores_hold]


def _sum(transactions: list[Transaction], *kinds: TransactionType) -> int:
    return sum(one.amount.minor for one in transactions if one.succeeded and (not kinds or one.type in kinds))


def _of(payment: Payment, minor: int) -> Money:
    return Money(minor, payment.currency)


def secures_money(payment: Payment, one: Transaction) -> bool:
    """Tell whether an initiating transaction surely holds or has taken something that is not owed back."""
    return one.type in INITIATING and one.reversal in USABLE and secured(payment, one) > 0
