"""Audit of the allocations: whether the facts of a payment add up to what is allocated to fulfilments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from returns.result import Success

from payports.domain.history import Fact, allocated_minor
from payports.domain.money import Money
from payports.domain.payment import Payment


def allocations_match_history(payment: Payment, history: Sequence[Fact]) -> bool:
    """Tell whether the facts add up to the allocations."""
    left = Counter(allocated_minor(payment))
    for fact in history:
        if fact.kind in ("payment.allocated", "payment.unallocated"):
            amount = _minor(payment, fact.detail.get("amount", ""))
            share = (fact.detail.get("for", ""), fact.detail.get("as", ""))
            left[share] -= amount if fact.kind == "payment.allocated" else -amount
    return not any(left.values())


def _minor(payment: Payment, text: str) -> int:
    """Read the amount of a fact, in minor units; 0 if it is unreadable or in another currency."""
    amount, _, currency = text.rpartition(" ")
    parsed = Money.parse(amount, currency)
    same = isinstance(parsed, Success) and parsed.unwrap().currency == payment.currency
    return parsed.unwrap().minor if same else 0
