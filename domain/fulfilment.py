"""Split an amount that an order captures, cancels or refunds over its payments."""

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
    """How an amount is split: payment by payment until it is reached, or in proportion to the payments' amounts."""

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
    """Split an amount over payments without losing a unit, to each at most its ``room`` (minor units).

    By ratio each payment bears its part of the order; what exceeds the room of a payment goes to the others in their order.

    Failures:
        AmountNotAvailable: the rooms together are less than the amount.
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
    """What of a payment can be captured for fulfilments: its open authorizations, less what was cancelled of them."""
    held = sum(
        left_of_hold(payment, transaction)
        for transaction in payment.transactions
        if transaction.type is AUTHORIZE and transaction.reversal in USABLE
    )
    return max(0, held - _allocated(payment, AllocationKind.CANCELLED))


def available_to_claim(payment: Payment) -> int:
    """What of the money captured at checkout is neither allocated to a fulfilment nor refunded for a cancelled one."""
    captures = [
        transaction
        for transaction in payment.transactions
        if transaction.type is AUTHORIZE_AND_CAPTURE and transaction.reversal in USABLE and transaction.succeeded
    ]
    left = sum(left_of_capture(payment, capture) for capture in captures)
    spoken_for = _allocated(payment, AllocationKind.CAPTURED_EARLIER) + sum(
        child.exposure.minor
        for capture in captures
        for child in payment.children_of(capture)
        if child.may_have_happened and child.source is not None and child.source.kind == FULFILLMENT
    )
    return max(0, min(left, sum(capture.amount.minor for capture in captures) - spoken_for))


def available_to_refund(payment: Payment) -> int:
    """What of a payment's captured money can be refunded for a return; captures that are to be reversed do not count."""
    return sum(
        left_of_capture(payment, transaction)
        for transaction in payment.transactions
        if transaction.type in CAPTURING and transaction.reversal in USABLE
    )


def moved_by_type(payments: Iterable[Payment], source: Source, *kinds: TransactionType) -> int:
    """Sum what a source has moved, or may have moved, with some types of transaction, in minor units."""
    return sum(
        transaction.exposure.minor
        for payment in payments
        for transaction in payment.transactions
        if transaction.source == source
        and transaction.type in kinds
        and transaction.may_have_happened
        and not transaction.implied_by
    )


def moved_for_source(payment: Payment, source: Source, own_keys: str = "") -> int:
    """Sum what was moved, or may have been moved, for a source on a payment, in minor units.

    Transactions whose key begins with ``own_keys`` do not count, if that is given.
    """
    return sum(
        transaction.exposure.minor
        for transaction in payment.transactions
        if transaction.source == source
        and transaction.may_have_happened
        and not transaction.implied_by
        and not (own_keys and transaction.key.startswith(own_keys))
    )


def allocated_for_source(payments: Iterable[Payment], source: Source, kind: AllocationKind) -> int:
    """Sum what of some payments is allocated to a source, in minor units."""
    return sum(
        allocation.amount.minor
        for payment in payments
        for allocation in payment.allocations
        if allocation.source == source and allocation.kind is kind
    )


def _allocated(payment: Payment, kind: AllocationKind) -> int:
    return sum(allocation.amount.minor for allocation in payment.allocations if allocation.kind is kind)
