"""Whether a payment's history adds up to what is set aside of it for fulfilments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from returns.result import Success

from payports.domain.history import Fact, allocated_minor
from payports.domain.money import Money
from payports.domain.payment import AllocationKind, Payment


def allocations_match_history(payment: Payment, told: Sequence[Fact]) -> bool:
    """Tell whether the facts add up to what is set aside.

    Older facts do not tell what a cancellation took off what was captured already, nor whose payment it is.
    """
    older = any(fact.kind == "payment.created" and "owner" not in fact.detail for fact in told)
    left = Counter(allocated_minor(payment))
    for fact in told:
        if fact.kind in ("payment.allocated", "payment.unallocated"):
            amount = _minor(payment, fact.detail.get("amount", ""))
            share = (fact.detail.get("for", ""), fact.detail.get("as", ""))
            left[share] -= amount if fact.kind == "payment.allocated" else -amount
    return not any(
        minor > 0 or (minor and not (older and share[1] == AllocationKind.CAPTURED_EARLIER))
        for share, minor in left.items()
    )


def _minor(payment: Payment, told: str) -> int:
    """An amount as a fact tells it, in minor units; nothing if it is none."""
    amount, _, currency = told.rpartition(" ")
    parsed = Money.parse(amount, currency)
    same = isinstance(parsed, Success) and parsed.unwrap().currency == payment.currency
    return parsed.unwrap().minor if same else 0
