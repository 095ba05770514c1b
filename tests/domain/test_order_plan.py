"""What an order does with its payments: nothing is taken, freed or given back twice, and no unit is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.domain.begin import begin
from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.command import Command, SourceGuard
from payports.domain.failures import AmountNotAvailable, OperationNotAllowed
from payports.domain.fulfilment import (
    FULFILLMENT,
    RETURN,
    PaymentShare,
    Split,
    allocated_for_source,
    available_to_capture,
    available_to_claim,
    available_to_refund,
    moved_by_type,
    moved_for_source,
    split_amount,
)
from payports.domain.money import total
from payports.domain.order_plan import (
    OrderPlan,
    PlannedTransaction,
    PlanOutcome,
    plan_cancel,
    plan_capture,
    plan_refund,
)
from payports.domain.payment import Allocation, AllocationKind, Payment
from payports.domain.reversal import require_reversal
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, EUR, NOW, begun, done, eur, new_payment

T = TransactionType
F1: Final = Source(FULFILLMENT, "f-1")
F2: Final = Source(FULFILLMENT, "f-2")
R1: Final = Source(RETURN, "r-1")
RATIO, PRIORITY = Split.RATIO, Split.PRIORITY


def held(minor: int, name: str = "p-1") -> Payment:
    return done(new_payment(minor, id=name), T.AUTHORIZE)


def sold(minor: int, name: str = "p-1") -> Payment:
    return done(new_payment(minor, id=name), T.AUTHORIZE_AND_CAPTURE)


def able(_: Payment) -> Capabilities:
    return ABLE


def whole_only(_: Payment) -> Capabilities:
    return attrs.evolve(ABLE, reverse_authorization=ReverseAuthorization.FULL)


def carried_out(payments: Sequence[Payment], source: Source, planned: PlanOutcome) -> list[Payment]:
    """The payments after all that was planned has succeeded."""
    plan = planned.unwrap()
    now = {one.id: one for one in payments} | {one.id: one for one in plan.allocated}
    for part in plan.parts:
        now[part.payment_id] = done(now[part.payment_id], part.type, part.amount.minor, source=source)
    return [now[one.id] for one in payments]


amounts = st.lists(st.integers(1, 50), min_size=1, max_size=5)


@given(amounts, amounts, st.integers(0, 300), st.sampled_from(Split))
def test_a_split_loses_no_unit_and_overfills_nobody(
    sizes: list[int], rooms: list[int], wanted: int, how: Split
) -> None:
    payments = [new_payment(size, id=f"p-{number}") for number, size in enumerate(sizes)]
    room = {one.id: rooms[number % len(rooms)] for number, one in enumerate(payments)}
    outcome = split_amount(eur(wanted), payments, lambda one: room[one.id], how)
    if wanted > sum(room.values()):
        assert outcome == Failure(AmountNotAvailable(eur(sum(room.values()))))
        return
    shares = outcome.unwrap()
    assert total((one.amount for one in shares), EUR) == eur(wanted)
    assert all(0 < one.amount.minor <= room[one.payment_id] for one in shares)
    assert [one.payment_id for one in shares] == sorted({one.payment_id for one in shares})


@pytest.mark.parametrize(
    ("how", "wanted", "rooms", "shares"),
    [
        (PRIORITY, 10, [60, 30, 10], [10]),
        (PRIORITY, 70, [60, 30, 10], [60, 10]),
        (PRIORITY, 70, [0, 60, 30], [0, 60, 10]),
        (RATIO, 10, [60, 30, 10], [6, 3, 1]),
        (RATIO, 50, [60, 30, 10], [30, 15, 5]),
        (RATIO, 50, [20, 30, 10], [20, 25, 5]),
        (RATIO, 100, [60, 30, 10], [60, 30, 10]),
        (RATIO, 1, [60, 30, 10], [1]),
        (RATIO, 0, [60, 30, 10], []),
    ],
)
def test_a_split_is_by_priority_or_by_what_each_payment_bears(
    how: Split, wanted: int, rooms: list[int], shares: list[int]
) -> None:
    payments = [new_payment(size, id=f"p-{number}") for number, size in enumerate((60, 30, 10))]
    found = split_amount(eur(wanted), payments, lambda one: rooms[int(one.id[-1])], how).unwrap()
    assert found == tuple(PaymentShare(f"p-{number}", eur(share)) for number, share in enumerate(shares) if share)


def test_an_amount_of_no_payments_is_not_available() -> None:
    assert split_amount(eur(1), [], available_to_capture, RATIO) == Failure(AmountNotAvailable(eur(0)))
    assert split_amount(eur(1), [held(5)], available_to_capture) == Success((PaymentShare("p-1", eur(1)),))


def test_a_fulfilment_takes_what_is_held() -> None:
    payments = [held(6, "p-1"), held(4, "p-2")]
    plan = plan_capture(payments, F1, eur(8), PRIORITY).unwrap()
    assert plan == OrderPlan(
        parts=(PlannedTransaction("p-1", T.CAPTURE, eur(6)), PlannedTransaction("p-2", T.CAPTURE, eur(2)))
    )
    after = carried_out(payments, F1, plan_capture(payments, F1, eur(8), PRIORITY))
    assert [available_to_capture(one) for one in after] == [0, 2]
    assert plan_capture(after, F2, eur(3), PRIORITY).failure() == AmountNotAvailable(eur(2))


def test_a_fulfilment_takes_what_was_captured_at_checkout_first() -> None:
    payments = [held(6, "p-1"), sold(4, "p-2")]
    plan = plan_capture(payments, F1, eur(9), PRIORITY).unwrap()
    assert plan.parts == (PlannedTransaction("p-1", T.CAPTURE, eur(6)),)
    assert [one.allocations for one in plan.allocated] == [(Allocation(F1, eur(3), AllocationKind.CAPTURED_EARLIER),)]
    after = carried_out(payments, F1, plan_capture(payments, F1, eur(9), PRIORITY))
    assert available_to_claim(after[1]) == 1
    assert allocated_for_source(after, F1, AllocationKind.CAPTURED_EARLIER) == 3
    assert (
        allocated_for_source(after, F1, AllocationKind.CANCELLED)
        == allocated_for_source(after, F2, AllocationKind.CAPTURED_EARLIER)
        == 0
    )


def test_one_payment_may_be_claimed_and_captured_for_one_fulfilment() -> None:
    mixed = done(sold(10), T.REFUND, 10)
    assert available_to_claim(mixed) == 0
    claimed_and_held = attrs.evolve(held(6), transactions=(*held(6).transactions, *_renamed(sold(4))))
    plan = plan_capture([claimed_and_held], F1, eur(9), PRIORITY).unwrap()
    assert plan.parts == (PlannedTransaction("p-1", T.CAPTURE, eur(5)),)
    assert plan.allocated[0].allocations == (Allocation(F1, eur(4), AllocationKind.CAPTURED_EARLIER),)


def _renamed(payment: Payment) -> list[Transaction]:
    return [attrs.evolve(one, id=f"x{one.id}") for one in payment.transactions]


@pytest.mark.parametrize("how", Split)
def test_a_fulfilment_is_not_captured_twice(how: Split) -> None:
    for payments in ([held(10)], [sold(10)]):
        after = carried_out(payments, F1, plan_capture(payments, F1, eur(4), how))
        again = plan_capture(after, F1, eur(4), how).failure()
        assert again == OperationNotAllowed("capture", "fulfillment f-1 was captured or cancelled already")
        rest = carried_out(after, F1, plan_capture(after, F1, eur(6), how))
        assert moved_by_type(rest, F1, T.CAPTURE) + allocated_for_source(rest, F1, AllocationKind.CAPTURED_EARLIER) == 6
        assert isinstance(plan_capture(rest, F2, eur(4), how), Success)


def test_an_unknown_capture_counts_and_one_that_failed_does_not() -> None:
    unknown = begun(held(10), T.CAPTURE, 4, source=F1)
    assert plan_capture([unknown], F1, eur(4), PRIORITY).failure() == OperationNotAllowed(
        "capture", "fulfillment f-1 was captured or cancelled already"
    )
    failed = done(held(10), T.CAPTURE, 4, TransactionStatus.DECLINED, source=F1)
    assert plan_capture([failed], F1, eur(4), PRIORITY).unwrap().parts == (
        PlannedTransaction("p-1", T.CAPTURE, eur(4)),
    )


def test_money_that_is_to_be_reversed_is_taken_by_nobody() -> None:
    for payment in (held(10), sold(10)):
        assert plan_capture([require_reversal(payment)], F1, eur(1), PRIORITY).failure() == AmountNotAvailable(eur(0))
    owed = [require_reversal(sold(10, "p-1")), require_reversal(done(held(10, "p-2"), T.CAPTURE))]
    assert plan_refund(owed, R1, eur(1), PRIORITY).failure() == AmountNotAvailable(eur(0))


def test_cancelling_frees_what_is_held() -> None:
    payments = [held(10)]
    assert plan_cancel(payments, F1, eur(4), PRIORITY, able).unwrap() == OrderPlan(
        parts=(PlannedTransaction("p-1", T.REVERSE_AUTH, eur(4)),)
    )
    after = carried_out(payments, F1, plan_cancel(payments, F1, eur(4), PRIORITY, able))
    assert available_to_capture(after[0]) == 6
    assert plan_cancel(after, F1, eur(4), PRIORITY, able).failure() == OperationNotAllowed(
        "cancel", "fulfillment f-1 was cancelled already"
    )


def test_cancelling_notes_what_a_gateway_cannot_free_in_parts() -> None:
    payments = [held(10)]
    plan = plan_cancel(payments, F1, eur(4), PRIORITY, whole_only).unwrap()
    assert plan.parts == ()
    assert plan.allocated[0].allocations == (Allocation(F1, eur(4), AllocationKind.CANCELLED),)
    assert available_to_capture(plan.allocated[0]) == 6
    assert plan_cancel(plan.allocated, F1, eur(4), PRIORITY, whole_only).failure() == OperationNotAllowed(
        "cancel", "fulfillment f-1 was cancelled already"
    )
    assert plan_capture(plan.allocated, F2, eur(7), PRIORITY).failure() == AmountNotAvailable(eur(6))


def test_cancelling_gives_back_what_was_captured_for_it_and_frees_the_rest() -> None:
    payments = carried_out([held(10)], F1, plan_capture([held(10)], F1, eur(4), PRIORITY))
    plan = plan_cancel(payments, F1, eur(6), PRIORITY, able).unwrap()
    assert plan == OrderPlan(
        parts=(PlannedTransaction("p-1", T.REFUND, eur(4)), PlannedTransaction("p-1", T.REVERSE_AUTH, eur(2)))
    )
    assert plan_cancel(payments, F2, eur(7), PRIORITY, able).failure() == AmountNotAvailable(eur(6))


def test_a_cancel_does_not_touch_what_was_captured_for_another() -> None:
    one = carried_out([held(10)], F1, plan_capture([held(10)], F1, eur(4), PRIORITY))
    both = carried_out(one, F2, plan_capture(one, F2, eur(6), PRIORITY))
    second_gone = carried_out(both, F2, plan_cancel(both, F2, eur(6), PRIORITY, able))
    both_gone = carried_out(second_gone, F1, plan_cancel(second_gone, F1, eur(4), PRIORITY, able))
    assert available_to_refund(both_gone[0]) == 0
    assert plan_cancel(both_gone, Source(FULFILLMENT, "f-3"), eur(1), PRIORITY, able).failure() == AmountNotAvailable(
        eur(0)
    )


def test_a_voided_capture_is_not_given_back_again() -> None:
    payments = carried_out([held(10)], F1, plan_capture([held(10)], F1, eur(10), PRIORITY))
    voided = done(payments[0], T.VOID)
    assert plan_cancel([voided], F1, eur(10), PRIORITY, able).failure() == AmountNotAvailable(eur(0))
    void_failed = done(payments[0], T.VOID, None, TransactionStatus.DECLINED)
    assert isinstance(plan_cancel([void_failed], F1, eur(10), PRIORITY, able), Success)


def test_a_cancel_in_part_keeps_the_rest_of_the_claim() -> None:
    claimed = carried_out([sold(10)], F1, plan_capture([sold(10)], F1, eur(10), PRIORITY))
    after = carried_out(claimed, F1, plan_cancel(claimed, F1, eur(4), PRIORITY, able))
    assert after[0].allocations == (Allocation(F1, eur(6), AllocationKind.CAPTURED_EARLIER),)
    assert plan_capture(after, F2, eur(1), PRIORITY).failure() == AmountNotAvailable(eur(0))


def test_a_cancel_of_all_leaves_no_claim_and_touches_no_other() -> None:
    first = carried_out([sold(10)], F1, plan_capture([sold(10)], F1, eur(4), PRIORITY))
    both = carried_out(first, F2, plan_capture(first, F2, eur(5), PRIORITY))
    after = carried_out(both, F1, plan_cancel(both, F1, eur(4), PRIORITY, able))
    assert after[0].allocations == (Allocation(F2, eur(5), AllocationKind.CAPTURED_EARLIER),)
    assert available_to_claim(after[0]) == 1
    unclaimed = plan_cancel(after, Source(FULFILLMENT, "f-3"), eur(1), PRIORITY, able).unwrap()
    assert unclaimed == OrderPlan(parts=(PlannedTransaction("p-1", T.REFUND, eur(1)),))
    assert plan_cancel(after, Source(FULFILLMENT, "f-3"), eur(2), PRIORITY, able).failure() == AmountNotAvailable(
        eur(1)
    )


def test_a_return_gives_back_over_the_captures_of_all_payments() -> None:
    payments = carried_out(
        [held(5, "p-1"), sold(15, "p-2")], F1, Success(OrderPlan(parts=(PlannedTransaction("p-1", T.CAPTURE, eur(5)),)))
    )
    plan = plan_refund(payments, R1, eur(16), PRIORITY).unwrap()
    assert plan == OrderPlan(
        parts=(PlannedTransaction("p-1", T.REFUND, eur(5)), PlannedTransaction("p-2", T.REFUND, eur(11)))
    )
    after = carried_out(payments, R1, plan_refund(payments, R1, eur(16), PRIORITY))
    assert plan_refund(after, R1, eur(16), PRIORITY).failure() == OperationNotAllowed(
        "refund", "return r-1 was refunded already"
    )
    assert plan_refund(after, Source(RETURN, "r-2"), eur(5), PRIORITY).failure() == AmountNotAvailable(eur(4))
    assert plan_refund(after, R1, eur(18), PRIORITY).unwrap().parts == (PlannedTransaction("p-2", T.REFUND, eur(2)),)


def test_a_return_does_not_count_what_a_fulfilment_gave_back() -> None:
    payments = carried_out([sold(10)], F1, plan_cancel([sold(10)], F1, eur(4), PRIORITY, able))
    same_name = Source(RETURN, "f-1")
    assert plan_refund(payments, same_name, eur(6), PRIORITY).unwrap().parts == (
        PlannedTransaction("p-1", T.REFUND, eur(6)),
    )


def test_refunds_for_a_return_leave_less_to_claim() -> None:
    refunded = done(sold(10), T.REFUND, 4, source=R1)
    assert available_to_claim(refunded) == 6
    assert available_to_claim(done(refunded, T.REFUND, 3, source=F1)) == 3
    assert available_to_claim(done(sold(10), T.REFUND, 3, source=F1)) == 7
    assert available_to_claim(begun(sold(10), T.REFUND, 3, source=F1)) == 7
    assert available_to_claim(done(sold(10), T.REFUND, 3, TransactionStatus.DECLINED, source=F1)) == 10
    assert available_to_claim(begun(new_payment(10), T.AUTHORIZE_AND_CAPTURE)) == 0
    assert available_to_claim(held(10)) == available_to_refund(held(10)) == available_to_capture(sold(10)) == 0


def test_an_implied_release_was_asked_for_by_nobody() -> None:
    releasing = done(held(10), T.CAPTURE, 4, source=F1)
    implied = attrs.evolve(releasing.transactions[-1], id="t2", type=T.REVERSE_AUTH, implied_by="t1")
    assert moved_by_type([releasing.adding(implied)], F1, T.CAPTURE, T.REVERSE_AUTH) == 4
    assert moved_by_type([releasing], F1, T.REFUND) == moved_by_type([releasing], F2, T.CAPTURE) == 0


def test_plans_are_split_as_the_shop_is_configured() -> None:
    payments = [held(6, "p-1"), held(2, "p-2")]
    by_ratio = (PlannedTransaction("p-1", T.CAPTURE, eur(3)), PlannedTransaction("p-2", T.CAPTURE, eur(1)))
    assert plan_capture(payments, F1, eur(4), RATIO).unwrap().parts == by_ratio
    assert plan_capture(payments, F1, eur(4), PRIORITY).unwrap().parts == (
        PlannedTransaction("p-1", T.CAPTURE, eur(4)),
    )
    freed = plan_cancel(payments, F1, eur(4), RATIO, able).unwrap().parts
    assert freed == (
        PlannedTransaction("p-1", T.REVERSE_AUTH, eur(3)),
        PlannedTransaction("p-2", T.REVERSE_AUTH, eur(1)),
    )
    back = plan_refund([sold(6, "p-1"), sold(2, "p-2")], R1, eur(4), RATIO).unwrap().parts
    assert back == (PlannedTransaction("p-1", T.REFUND, eur(3)), PlannedTransaction("p-2", T.REFUND, eur(1)))


def test_each_payment_is_cancelled_as_its_own_gateway_can() -> None:
    payments = [held(6, "p-1"), held(2, "p-2")]
    plan = plan_cancel(
        payments, F1, eur(8), PRIORITY, lambda one: (able if one.id == "p-1" else whole_only)(one)
    ).unwrap()
    assert plan.parts == (PlannedTransaction("p-1", T.REVERSE_AUTH, eur(6)),)
    assert [one.id for one in plan.allocated] == ["p-2"]


def test_a_cancel_goes_on_where_it_stopped() -> None:
    one = carried_out([held(10)], F1, plan_capture([held(10)], F1, eur(6), PRIORITY))
    both = carried_out(one, F2, plan_capture(one, F2, eur(4), PRIORITY))
    partly = carried_out(both, F1, plan_cancel(both, F1, eur(4), PRIORITY, able))
    assert plan_cancel(partly, F1, eur(4), PRIORITY, able).failure() == OperationNotAllowed(
        "cancel", "fulfillment f-1 was cancelled already"
    )
    assert plan_cancel(partly, F1, eur(6), PRIORITY, able).unwrap().parts == (
        PlannedTransaction("p-1", T.REFUND, eur(2)),
    )
    assert plan_cancel(partly, F1, eur(7), PRIORITY, able).failure() == AmountNotAvailable(eur(2))


def test_what_was_captured_and_voided_is_freed_and_not_given_back() -> None:
    one = carried_out([held(10)], F1, plan_capture([held(10)], F1, eur(4), PRIORITY))
    both = carried_out(one, F2, plan_capture(one, F2, eur(6), PRIORITY))
    restoring = attrs.evolve(ABLE, void_restores_hold=True)
    voided = done(both[0], T.VOID, able=restoring, parent_id="t1")
    assert plan_cancel([voided], F1, eur(4), PRIORITY, able).unwrap().parts == (
        PlannedTransaction("p-1", T.REVERSE_AUTH, eur(4)),
    )


def test_several_claims_of_one_fulfilment_are_given_up_together() -> None:
    first = carried_out([sold(10)], F1, plan_capture([sold(10)], F1, eur(4), PRIORITY))
    more = carried_out(first, F1, plan_capture(first, F1, eur(6), PRIORITY))
    last_of_all = carried_out(more, F2, plan_capture(more, F2, eur(3), PRIORITY))
    after = carried_out(last_of_all, F1, plan_cancel(last_of_all, F1, eur(5), PRIORITY, able))
    assert [one.amount.minor for one in last_of_all[0].allocations] == [4, 2, 3]
    assert [(one.source, one.amount.minor) for one in after[0].allocations] == [(F1, 1), (F2, 3)]


orders = st.lists(
    st.tuples(st.sampled_from(["capture", "cancel", "refund"]), st.integers(1, 3), st.integers(1, 12)), max_size=6
)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1, max_size=3), orders, st.sampled_from(Split))
def test_no_sequence_of_orders_takes_or_gives_back_more_than_there_is(
    kinds: list[tuple[bool, int]], steps: list[tuple[str, int, int]], how: Split
) -> None:
    payments = [(held if is_held else sold)(size, f"p-{number}") for number, (is_held, size) in enumerate(kinds)]
    whole = sum(size for _, size in kinds)
    captured_for = dict.fromkeys(range(1, 4), 0)
    for operation, number, minor in steps:
        source = Source(RETURN if operation == "refund" else FULFILLMENT, str(number))
        match operation:
            case "capture":
                planned = plan_capture(payments, source, eur(minor), how)
            case "cancel":
                planned = plan_cancel(payments, source, eur(minor), how, able)
            case _:
                planned = plan_refund(payments, source, eur(minor), how)
        if isinstance(planned, Success):
            payments = carried_out(payments, source, planned)
            if operation == "capture":
                captured_for[number] = max(captured_for[number], minor)
        claimed = sum(one.amount.minor for payment in payments for one in payment.allocations)
        sold_minor = sum(one.amount.minor for one in payments if one.transactions[0].type is T.AUTHORIZE_AND_CAPTURE)
        assert claimed <= sold_minor
        assert sum(captured_for.values()) <= whole
        assert all(
            0 <= room(one) <= one.amount.minor
            for one in payments
            for room in (available_to_capture, available_to_claim, available_to_refund)
        )


def test_what_was_captured_and_came_back_is_not_cancelled_once_more() -> None:
    captured = done(held(10), T.CAPTURE, 4, source=F1)
    returned = done(captured, T.REFUND, 4, source=R1)
    refused = plan_cancel([returned], F1, eur(4), PRIORITY, able)
    assert refused == Failure(OperationNotAllowed("cancel", "fulfillment f-1 was cancelled already"))


def test_what_was_cancelled_is_not_captured() -> None:
    freed = done(held(10), T.REVERSE_AUTH, 4, source=F1)
    refused = plan_capture([freed], F1, eur(4), PRIORITY)
    assert refused == Failure(OperationNotAllowed("capture", "fulfillment f-1 was captured or cancelled already"))


def test_a_movement_is_not_begun_once_another_request_has_moved_for_its_source() -> None:
    command = Command(type=T.CAPTURE, amount=eur(4), source=F1, key="mine:0", guard=SourceGuard("mine:", 0))
    served = done(held(10), T.CAPTURE, 4, source=F1, key="theirs:0")
    refused = begin(served, command, ABLE, lambda: "t-9", NOW)
    assert refused == Failure(
        OperationNotAllowed("CAPTURE", "another request has moved money for the same source meanwhile")
    )
    own = done(held(10), T.CAPTURE, 4, source=F1, key="mine:1")
    other = done(held(10), T.CAPTURE, 4, source=F2, key="theirs:0")
    known = attrs.evolve(command, guard=SourceGuard("mine:", 4))
    without = attrs.evolve(command, source=None)
    for payment, allowed in ((own, command), (other, command), (served, known), (served, without)):
        assert isinstance(begin(payment, allowed, ABLE, lambda: "t-9", NOW), Success)


def test_what_moved_for_a_source_counts_but_for_ones_own() -> None:
    payment = done(held(10), T.CAPTURE, 4, source=F1, key="mine:0")
    assert (moved_for_source(payment, F1), moved_for_source(payment, F1, "mine:"), moved_for_source(payment, F2)) == (
        4,
        0,
        0,
    )
    failed = done(held(10), T.CAPTURE, 4, TransactionStatus.DECLINED, source=F1)
    releasing = attrs.evolve(ABLE, partial_capture=PartialCapture.RELEASES_REST)
    assert moved_for_source(failed, F1) == 0
    assert moved_for_source(done(held(10), T.CAPTURE, 4, source=F1, able=releasing), F1) == 4
