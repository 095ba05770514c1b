"""Plan what an order does with its payments: capture for a fulfilment, cancel one, give back for a return. Pure data, decided once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from returns.result import Failure, Success

from payports.domain.capabilities import Capabilities, ReverseAuthorization
from payports.domain.failures import AmountNotAvailable, OperationNotAllowed
from payports.domain.fulfilment import (
    PaymentShare,
    Split,
    allocated_for_source,
    available_to_capture,
    available_to_claim,
    available_to_refund,
    moved_by_type,
    split_amount,
)
from payports.domain.lifecycle import CAPTURE, REFUND, REVERSE_AUTH, VOID
from payports.domain.money import Money
from payports.domain.outcome import Outcome
from payports.domain.payment import Allocation, AllocationKind, Payment
from payports.domain.transaction import Source
from payports.domain.transaction_types import TransactionType


@attrs.frozen
class PlannedTransaction:
    """One movement of a plan: a type of transaction on a payment. ``moved_minor``: what was moved for the source before."""

    payment_id: str
    type: TransactionType
    amount: Money
    moved_minor: int = 0


@attrs.frozen(kw_only=True)
class OrderPlan:
    """What one request of an order comes to: the movements to make, and the payments whose allocations change."""

    parts: tuple[PlannedTransaction, ...] = ()
    allocated: tuple[Payment, ...] = ()


PlanOutcome = Outcome[OrderPlan, AmountNotAvailable | OperationNotAllowed]


def plan_capture(payments: Sequence[Payment], source: Source, amount: Money, how: Split) -> PlanOutcome:
    """Take an amount for a fulfilment: of each payment first what was captured at checkout and nobody has taken, then what is held.

    Failures:
        OperationNotAllowed: it was captured for this fulfilment already. AmountNotAvailable: there is less.
    """
    done = moved_by_type(payments, source, CAPTURE, REVERSE_AUTH, REFUND)
    done += sum(allocated_for_source(payments, source, kind) for kind in AllocationKind)
    if done >= amount.minor:
        return Failure(OperationNotAllowed("capture", f"{source.kind} {source.id} was captured or cancelled already"))
    wanted = Money(amount.minor - done, amount.currency)
    shared = split_amount(
        wanted, payments, lambda payment: available_to_claim(payment) + available_to_capture(payment), how
    )
    if isinstance(shared, Failure):
        return shared
    parts: list[PlannedTransaction] = []
    allocated: list[Payment] = []
    for payment, share in _with_payments(payments, shared.unwrap()):
        claimed = min(share.amount.minor, available_to_claim(payment))
        if claimed:
            allocated.append(_allocate(payment, source, claimed, AllocationKind.CAPTURED_EARLIER))
        if share.amount.minor > claimed:
            parts.append(PlannedTransaction(payment.id, CAPTURE, Money(share.amount.minor - claimed, amount.currency)))
    return Success(OrderPlan(parts=tuple(parts), allocated=tuple(allocated)))


def plan_cancel(
    payments: Sequence[Payment],
    source: Source,
    amount: Money,
    how: Split,
    capabilities_of: Callable[[Payment], Capabilities],
) -> PlanOutcome:
    """Cancel a fulfilment: give back what was captured for it, or at checkout, and free what is held for it.

    A gateway that cannot free a part of a hold has it noted, and the whole rest freed once nothing is left to capture.

    Failures:
        OperationNotAllowed: it was cancelled already. AmountNotAvailable: there is less.
    """
    done = moved_by_type(payments, source, REVERSE_AUTH, REFUND) + allocated_for_source(
        payments, source, AllocationKind.CANCELLED
    )
    done += sum(_returned_of(payment, source) for payment in payments)
    if done >= amount.minor:
        return Failure(OperationNotAllowed("cancel", f"{source.kind} {source.id} was cancelled already"))
    wanted = Money(amount.minor - done, amount.currency)
    shared = split_amount(wanted, payments, lambda payment: sum(_rooms_to_cancel(payment, source)), how)
    if isinstance(shared, Failure):
        return shared
    parts: list[PlannedTransaction] = []
    allocated: list[Payment] = []
    for payment, share in _with_payments(payments, shared.unwrap()):
        captured, unclaimed, _ = _rooms_to_cancel(payment, source)
        back = min(share.amount.minor, captured + unclaimed)
        free = share.amount.minor - back
        after = _unclaim(payment, source, back)
        if back:
            parts.append(PlannedTransaction(payment.id, REFUND, Money(back, amount.currency)))
        if free and capabilities_of(payment).reverse_authorization is ReverseAuthorization.PARTIAL:
            parts.append(PlannedTransaction(payment.id, REVERSE_AUTH, Money(free, amount.currency)))
        elif free:
            after = _allocate(after, source, free, AllocationKind.CANCELLED)
        if after != payment:
            allocated.append(after)
    return Success(OrderPlan(parts=tuple(parts), allocated=tuple(allocated)))


def plan_refund(payments: Sequence[Payment], source: Source, amount: Money, how: Split) -> PlanOutcome:
    """Give an amount back for a return, over the captures of all payments.

    Failures:
        OperationNotAllowed: it was given back for this return already. AmountNotAvailable: less was captured.
    """
    done = moved_by_type(payments, source, REFUND)
    if done >= amount.minor:
        return Failure(OperationNotAllowed("refund", f"{source.kind} {source.id} was refunded already"))
    shared = split_amount(Money(amount.minor - done, amount.currency), payments, available_to_refund, how)
    if isinstance(shared, Failure):
        return shared
    return Success(
        OrderPlan(parts=tuple(PlannedTransaction(share.payment_id, REFUND, share.amount) for share in shared.unwrap()))
    )


def _rooms_to_cancel(payment: Payment, source: Source) -> tuple[int, int, int]:
    """What was captured for the source, what was captured at checkout for nobody yet, and what is held.

    Refunds go to the oldest captures first, whoever they were for: so what is left is counted over all of them.
    """
    claimed = allocated_for_source((payment,), source, AllocationKind.CAPTURED_EARLIER)
    captured = max(0, _captured_for(payment, source) - moved_by_type((payment,), source, REFUND))
    left = available_to_refund(payment)
    own = min(captured + claimed, left)
    return own, min(available_to_claim(payment), left - own), available_to_capture(payment)


def _returned_of(payment: Payment, source: Source) -> int:
    """What was captured for the source and has gone back otherwise than by its cancellation, such as for a return."""
    captured = max(0, _captured_for(payment, source) - moved_by_type((payment,), source, REFUND))
    return max(0, captured - available_to_refund(payment))


def _captured_for(payment: Payment, source: Source) -> int:
    captures = [
        transaction
        for transaction in payment.transactions
        if transaction.type is CAPTURE and transaction.source == source and transaction.succeeded
    ]
    voids = [child for capture in captures for child in payment.children_of(capture) if child.type is VOID]
    return sum(capture.amount.minor for capture in captures) - sum(
        void.exposure.minor for void in voids if void.may_have_happened
    )


def _with_payments(payments: Sequence[Payment], shares: Sequence[PaymentShare]) -> list[tuple[Payment, PaymentShare]]:
    by_id = {payment.id: payment for payment in payments}
    return [(by_id[share.payment_id], share) for share in shares]


def _allocate(payment: Payment, source: Source, minor: int, kind: AllocationKind) -> Payment:
    new = Allocation(source, Money(minor, payment.currency), kind)
    return payment.evolve(allocations=(*payment.allocations, new))


def _unclaim(payment: Payment, source: Source, minor: int) -> Payment:
    """Take an amount off what a source has claimed of the money captured at checkout."""
    kept: list[Allocation] = []
    for allocation in payment.allocations:
        claimed = allocation.source == source and allocation.kind is AllocationKind.CAPTURED_EARLIER
        off = min(minor, allocation.amount.minor) if claimed else 0
        minor -= off
        if allocation.amount.minor > off:
            kept.append(attrs.evolve(allocation, amount=Money(allocation.amount.minor - off, payment.currency)))
    return payment.evolve(allocations=tuple(kept))
