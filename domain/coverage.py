"""Coverage: whether the payments of an owner cover the total, and how much of it is secured."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

import attrs

from payports.domain.ledger import secured
from payports.domain.lifecycle import INITIATING
from payports.domain.money import Money, total
from payports.domain.payment import Payment
from payports.domain.transaction_types import USABLE, TransactionStatus


class CoverageState(StrEnum):
    """How the secured amount compares with the total."""

    NONE = "NONE"
    PARTIAL = "PARTIAL"
    FULL = "FULL"
    OVER = "OVER"


@attrs.frozen(kw_only=True)
class Coverage:
    """``planned`` is the sum of the payments' amounts, ``secured`` what is held or taken, ``awaiting`` what a gateway still owes an answer
    for, ``remaining`` what of the total is not covered. ``state`` compares what covers with the total."""

    planned: Money
    secured: Money
    awaiting: Money
    remaining: Money
    state: CoverageState


def coverage(whole: Money, payments: Iterable[Payment], awaiting_covers: Collection[str] = ()) -> Coverage:
    """Compare payments with a total in the same currency.

    Only what certainly happened covers the total; for the gateways in ``awaiting_covers`` awaited results cover it too. Archived payments
    and money that is to be reversed do not count.
    """
    active = [payment for payment in payments if not payment.archived]
    currency = whole.currency
    held = total((secured_amount(payment) for payment in active), currency)
    promised = total((awaited_amount(payment) for payment in active if payment.gateway in awaiting_covers), currency)
    covers = held + promised
    return Coverage(
        planned=total((payment.amount for payment in active), currency),
        secured=held,
        awaiting=total((awaited_amount(payment) for payment in active), currency),
        remaining=whole - covers if covers < whole else Money.zero(currency),
        state=_state(whole, covers),
    )


def secured_amount(payment: Payment) -> Money:
    """What a payment certainly holds or has taken, and need not give back."""
    minor = sum(
        secured(payment, transaction)
        for transaction in payment.transactions
        if transaction.type in INITIATING and transaction.reversal in USABLE
    )
    return Money(minor, payment.currency)


def awaited_amount(payment: Payment) -> Money:
    """What a payment's gateway accepted and still owes an answer for."""
    awaited = (
        transaction.amount
        for transaction in payment.transactions
        if transaction.type in INITIATING
        and transaction.status is TransactionStatus.AWAITING_RESULT
        and transaction.reversal in USABLE
    )
    return total(awaited, payment.currency)


def _state(whole: Money, covers: Money) -> CoverageState:
    if covers > whole:
        return CoverageState.OVER
    if covers == whole:
        return CoverageState.FULL
    return CoverageState.PARTIAL if covers else CoverageState.NONE
