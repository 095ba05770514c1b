"""Split what an order captures, cancels or gives back over its payments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.domain.failures import AmountNotAvailable
from payports.domain.ledger import left_of_capture, left_of_hold
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURING
from payports.domain.money import Money, allocate
from payports.domain.outcome import Outcome
from payports.domain.payment import AllocationKind, Payment
from payports.domain.transaction import Source
from payports.domain.transaction_types import USABLE, TransactionType

FULFILLMENT: Final = "fulfillment"
RETURN: Final = "return"
"""The kinds of source that orders use."""


class Split(StrEnum):
    """How an amount is shared: payment by payment until it is reached, or by what each payment bears of the order."""

    PRIORITY = "priority"
    RATIO = "ratio"


@attrs.frozen
class PaymentShare:
    """One payment's part of an amount."""

    payment_id: str
    amount: Money


def split_amount(
    amount: Money, payments: Sequence[Payment], room: Callable[[Payment], int], how: Split = Split.PRIORITY
) -> Outcome[tuple[PaymentShare, ...], AmountNotAvailable]:
    """Share an amount over payments, none more than its ``room`` (minor units), losing no unit.

    By ratio each payment bears its part of the whole order; what one has no room for goes to the others in their order.

    Failures:
        AmountNotAvailable: there is less room in all than was asked.
    """
    rooms = [room(payment) for payment in payments]
    if amount.minor > sum(rooms):
        return Failure(AmountNotAvailable(Money(sum(rooms), amount.currency)))
    taken = [0] * len(rooms)
    if how is Split.RATIO and payments:
        ideal = allocate(amount, [payment.amount.minor for payment in payments])
        taken = [min(share.minor, limit) for share, limit in zip(ideal, rooms, strict=True)]
    missing = amount.minor - sum(taken)
    for index, limit in enumerate(rooms):
        more = min(missing, limit - taken[index])
        taken[index] += more
        missing -= more
    return Success(
        tuple(
            PaymentShare(payment.id, Money(minor, amount.currency))
            for payment, minor in zip(payments, taken, strict=True)
            if minor
        )
    )


def available_to_capture(payment: Payment) -> int:
    """What a payment still holds for fulfilments: its open authorizations, less what was cancelled of them."""
    held = sum(
        left_of_hold(payment, one) for one in payment.transactions if one.type is AUTHORIZE and one.reversal in USABLE
    )
    return max(0, held - _allocated(payment, AllocationKind.CANCELLED))


def available_to_claim(payment: Payment) -> int:
    """What of the money captured at checkout no fulfilment has taken yet, nor was given back for one that was cancelled."""
    captures = [
        one
        for one in payment.transactions
        if one.type is AUTHORIZE_AND_CAPTURE and one.reversal in USABLE and one.succeeded
    ]
    left = sum(left_of_capture(payment, one) for one in captures)
    spoken_for = _allocated(payment, AllocationKind.CAPTURED_EARLIER) + sum(
        child.exposure.minor
        for one in captures
        for child in payment.children_of(one)
        if child.may_have_happened and child.source is not None and child.source.kind == FULFILLMENT
    )
    return max(0, min(left, sum(one.amount.minor for one in captures) - spoken_for))


def available_to_refund(payment: Payment) -> int:
    """What of a payment's captured money could be given back for a return, and is not owed back as a whole anyhow."""
    return sum(
        left_of_capture(payment, one)
        for one in payment.transactions
        if one.type in CAPTURING and one.reversal in USABLE
    )


def moved_by_type(payments: Iterable[Payment], source: Source, *kinds: TransactionType) -> int:
    """What a source has moved, or may have moved, with some types of transaction, in minor units."""
    return sum(
        one.exposure.minor
        for payment in payments
        for one in payment.transactions
        if one.source == source and one.type in kinds and one.may_have_happened and not one.implied_by
    )


def moved_for_source(payment: Payment, source: Source, own_keys: str = "") -> int:
    """What anybody has moved, or may have moved, for a source on a payment, in minor units.

    What was made under keys that begin with ``own_keys`` does not count, if that is given.
    """
    return sum(
        one.exposure.minor
        for one in payment.transactions
        if one.source == source
        and one.may_have_happened
        and not one.implied_by
        and not (own_keys and one.key.startswith(own_keys))
    )


def allocated_for_source(payments: Iterable[Payment], source: Source, kind: AllocationKind) -> int:
    """What of some payments is set aside for a source, in minor units."""
    return sum(
        one.amount.minor
        for payment in payments
        for one in payment.allocations
        if one.source == source and one.kind is kind
    )


def _allocated(payment: Payment, kind: AllocationKind) -> int:
    return sum(one.amount.minor for one in payment.allocations if one.kind is kind)
