"""Orders: captured per fulfilment, given up or given back, never twice for the same thing."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any, Final

import attrs
import pytest

from payports import (
    AmountNotAvailable,
    CheckedOut,
    Conflict,
    CurrencyMismatch,
    GatewayUnsupported,
    Money,
    NotExecuted,
    OperationNotAllowed,
    Owner,
    PaymentNotFound,
    StoreUnavailable,
    TransactionType,
)
from payports.application.orders import OrderReport
from payports.domain.capabilities import ReverseAuthorization
from payports.domain.failures import FailedPayment, PaymentsFailed
from payports.domain.transaction import Source
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest
from tests.application.scenarios import OWNER, TWO
from tests.application.shops import (
    Bench,
    bench,
    eur,
    fail,
    only,
    problem,
    told,
    with_capabilities,
    without_gateway,
)


def placed(config: dict[str, Any], *amounts: int, token: str = "tok_approved") -> Bench:
    """An order paid with as many payments as amounts, over the gateways in turn."""
    on = bench(config)
    for amount, gateway in zip(amounts, list(on.shop.gateways) * 2, strict=False):
        on.pay(minor=amount, gateway=gateway, token=token)
    assert isinstance(told(on.submit(minor=sum(amounts))), CheckedOut)
    return on


def captures(on: Bench) -> list[int]:
    return [minor for _, minor in on.effects(TransactionType.CAPTURE)]


def test_fulfilments_are_captured_one_by_one_and_the_last_releases_the_rest() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    told(on.shop.orders.capture(OWNER, "f-2", eur(2_000), key="k-2"))
    told(on.shop.orders.cancel(OWNER, "f-3", eur(5_000), key="k-3"))
    assert on.effects() == [("AUTHORIZE", 10_000), ("CAPTURE", 3_000), ("CAPTURE", 2_000), ("REVERSE_AUTH", 5_000)]
    refused = problem(on.shop.orders.capture(OWNER, "f-4", eur(1), key="k-4"))
    assert refused == AmountNotAvailable(eur(0))


def test_a_movement_carries_the_source_it_was_made_for() -> None:
    on = placed({}, 10_000)
    report = told(on.shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    (transaction,) = report.reports[0].transactions
    assert (transaction.source.kind, transaction.source.id) == ("fulfillment", "f-1")
    back = told(on.shop.orders.refund(OWNER, "r-1", eur(1_000), key="k-2"))
    assert back.reports[0].transactions[0].source.kind == "return"


def test_an_order_is_split_by_priority() -> None:
    on = placed({**TWO, "orders": {"capture_priority": ["second", "first"]}}, 1_000, 9_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(9_500), key="k-1"))
    assert captures(on) == [9_000, 500]


def test_an_order_is_split_by_ratio() -> None:
    on = placed({**TWO, "orders": {"split": "ratio"}}, 1_000, 9_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(5_000), key="k-1"))
    assert sorted(captures(on)) == [500, 4_500]
    told(on.shop.orders.capture(OWNER, "f-2", eur(5_000), key="k-2"))
    assert sum(captures(on)) == 10_000


@pytest.mark.parametrize("key", ["k-1", "k-2"])
def test_the_same_fulfilment_is_never_captured_twice_whatever_the_key(key: str) -> None:
    """Kill Bill: an authorisation of 10 is captured twice for 10."""
    on = placed({}, 10_000)
    first = told(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    calls = on.spy.calls
    again = on.shop.orders.capture(OWNER, "f-1", eur(4_000), key=key)
    if key == "k-1":
        assert [one.transactions for one in told(again).reports] == [one.transactions for one in first.reports]
    else:
        assert isinstance(problem(again), OperationNotAllowed)
    assert on.spy.calls == calls
    assert captures(on) == [4_000]


def test_the_same_return_is_never_refunded_twice_whatever_the_key() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    told(on.shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    told(on.shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    assert isinstance(problem(on.shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-3")), OperationNotAllowed)
    assert on.effects(TransactionType.REFUND) == [("REFUND", 4_000)]


def test_a_key_with_other_content_is_a_conflict() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    calls = on.spy.calls
    assert problem(on.shop.orders.capture(OWNER, "f-1", eur(4_001), key="k-1")) == Conflict("k-1")
    assert problem(on.shop.orders.capture(OWNER, "f-2", eur(4_000), key="k-1")) == Conflict("k-1")
    assert problem(on.shop.orders.refund(OWNER, "f-1", eur(4_000), key="k-1")) == Conflict("k-1")
    assert problem(on.shop.transactions.capture(on.pay("c-2").id, key="k-1")) == Conflict("k-1")
    assert on.spy.calls == calls


def test_what_was_captured_at_checkout_is_claimed_by_fulfilments_without_a_call() -> None:
    on = placed({"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}}, 10_000)
    calls = on.spy.calls
    assert told(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1")).reports == ()
    assert isinstance(problem(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-2")), OperationNotAllowed)
    assert problem(on.shop.orders.capture(OWNER, "f-2", eur(6_001), key="k-3")) == AmountNotAvailable(eur(6_000))
    assert on.spy.calls == calls
    told(on.shop.orders.cancel(OWNER, "f-2", eur(6_000), key="k-4"))
    assert on.effects()[-1] == ("REFUND", 6_000)


def test_a_cancelled_fulfilment_that_was_captured_is_refunded_and_one_that_was_not_is_released() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    told(on.shop.orders.cancel(OWNER, "f-1", eur(3_000), key="k-2"))
    told(on.shop.orders.cancel(OWNER, "f-2", eur(2_000), key="k-3"))
    assert on.effects()[1:] == [("CAPTURE", 3_000), ("REFUND", 3_000), ("REVERSE_AUTH", 2_000)]


def test_a_gateway_that_frees_no_part_of_a_hold_frees_the_whole_rest_at_the_end() -> None:
    on = placed({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    told(on.shop.orders.release(OWNER))
    assert captures(on) == [10_000]


def test_what_is_left_is_released_on_demand() -> None:
    on = placed(TWO, 1_000, 9_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(500), key="k-1"))
    told(on.shop.orders.release(OWNER))
    told(on.shop.orders.release(OWNER))
    assert sorted(on.effects(TransactionType.REVERSE_AUTH)) == [("REVERSE_AUTH", 500), ("REVERSE_AUTH", 9_000)]


def test_a_part_that_fails_leaves_the_others_standing_and_a_new_key_asks_for_the_rest_only() -> None:
    on = placed(TWO, 4_000, 6_000)
    on.bank.fail_next("CAPTURE", "declined")
    failed = problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    assert isinstance(failed, PaymentsFailed)
    assert [one.amount for one in failed.details] == [eur(4_000)]
    assert captures(on) == [6_000]
    assert isinstance(problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")), PaymentsFailed)
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    assert sorted(captures(on)) == [4_000, 6_000]


@pytest.mark.parametrize("dies_at", ["first", "second"])
@pytest.mark.parametrize("done", [True, False])
def test_a_crash_between_parts_is_finished_by_the_same_key(dies_at: str, done: bool) -> None:
    on = placed(TWO, 4_000, 6_000)

    def die(request: PaymentRequest) -> None:
        if done:
            on.spies[dies_at].inner.execute(request)
        raise KeyboardInterrupt

    on.spies[dies_at].during = die
    with pytest.raises(KeyboardInterrupt):
        on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")
    on.spies[dies_at].during = None
    on.clock.advance(61)
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    assert sorted(captures(on)) == [4_000, 6_000]


def test_a_store_that_fails_anywhere_is_finished_by_the_same_key() -> None:
    for number in range(8):
        on = placed(TWO, 4_000, 6_000)
        left = [number]

        def fail_one(commit: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                fail()(commit)

        on.store.before_commit = fail_one
        answer = on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")
        if left[0] < 0:
            assert isinstance(problem(answer), StoreUnavailable | PaymentsFailed)
        on.store.before_commit = None
        on.clock.advance(61)
        told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
        assert sorted(captures(on)) == [4_000, 6_000], number


def test_an_unknown_part_is_looked_up_by_the_same_key_and_not_sent_again() -> None:
    on = placed({}, 10_000)
    on.bank.fail_next("CAPTURE", "timeout_charged")
    problem(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    told(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    assert captures(on) == [4_000]


def test_refunds_go_over_the_captures_of_all_payments_and_never_beyond() -> None:
    on = placed(TWO, 4_000, 6_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    told(on.shop.orders.refund(OWNER, "r-1", eur(7_000), key="k-2"))
    assert problem(on.shop.orders.refund(OWNER, "r-2", eur(3_001), key="k-3")) == AmountNotAvailable(eur(3_000))
    assert sum(minor for _, minor in on.effects(TransactionType.REFUND)) == 7_000


def test_an_order_that_is_not_there_or_in_another_currency_is_refused() -> None:
    on = placed({}, 10_000)
    assert isinstance(problem(on.shop.orders.capture(Owner("cart", "none"), "f", eur(1), key="k-1")), PaymentNotFound)
    assert isinstance(problem(on.shop.orders.release(Owner("cart", "none"))), PaymentNotFound)
    assert isinstance(problem(on.shop.orders.capture(OWNER, "f", Money(1, "USD"), key="k-2")), CurrencyMismatch)


def test_an_archived_payment_is_left_out_of_a_refund() -> None:
    on = bench(TWO)
    gone, stays = on.pay(minor=1_000, gateway="first"), on.pay(minor=1_000, gateway="second")
    for one in (gone, stays):
        told(on.shop.transactions.authorize_and_capture(one.id))
    told(on.shop.payments.archive(gone.id))
    told(on.shop.orders.refund(OWNER, "r-1", eur(1_000), key="k-1"))
    on.settle_down()
    assert sorted(on.effects()[2:]) == [("REFUND", 1_000), ("VOID", 1_000)]


@pytest.mark.parametrize("operation", ["capture", "cancel", "refund"])
def test_a_late_retry_finds_that_another_request_has_served_the_same_source(operation: str) -> None:
    on = placed({}, 10_000)
    if operation == "refund":
        told(on.shop.orders.capture(OWNER, "f-0", eur(10_000), key="all"))
    kind = {"capture": "CAPTURE", "cancel": "REVERSE_AUTH", "refund": "REFUND"}[operation]
    move = getattr(on.shop.orders, operation)
    on.bank.fail_next(kind, "unreachable")
    assert isinstance(problem(move(OWNER, "s-1", eur(4_000), key="k-1")), PaymentsFailed)
    told(move(OWNER, "s-1", eur(4_000), key="k-2"))
    late = problem(move(OWNER, "s-1", eur(4_000), key="k-1"))
    assert isinstance(late, PaymentsFailed)
    assert isinstance(late.details[0].problem, OperationNotAllowed)
    told(move(OWNER, "s-1", eur(4_000), key="k-2"))
    assert [minor for _, minor in on.effects(TransactionType(kind))][-1:] == [4_000]
    assert len(on.effects(TransactionType(kind))) == (2 if kind == "CAPTURE" and operation != "capture" else 1)


@pytest.mark.parametrize("operation", ["capture", "cancel", "refund"])
def test_two_requests_for_one_source_at_once_move_its_money_once(operation: str) -> None:
    on = placed({}, 10_000)
    if operation == "refund":
        told(on.shop.orders.capture(OWNER, "f-0", eur(10_000), key="all"))
    kind = {"capture": "CAPTURE", "cancel": "REVERSE_AUTH", "refund": "REFUND"}[operation]
    move = getattr(on.shop.orders, operation)
    before = len(on.effects(TransactionType(kind)))
    start = Barrier(4)

    def click(key: str) -> None:
        start.wait()
        move(OWNER, "s-1", eur(4_000), key=key)

    threads = [Thread(target=click, args=(f"k-{number}",)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert on.effects(TransactionType(kind))[before:] == [(kind, 4_000)]


def test_cancelling_what_was_captured_and_returned_frees_no_other_hold() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    told(on.shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    assert isinstance(problem(on.shop.orders.cancel(OWNER, "f-1", eur(4_000), key="k-3")), OperationNotAllowed)
    told(on.shop.orders.capture(OWNER, "f-2", eur(6_000), key="k-4"))
    assert captures(on) == [4_000, 6_000]


def test_a_cancelled_fulfilment_is_not_captured() -> None:
    on = placed({}, 10_000)
    told(on.shop.orders.cancel(OWNER, "f-1", eur(4_000), key="k-1"))
    assert isinstance(problem(on.shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-2")), OperationNotAllowed)
    assert captures(on) == []


def test_what_is_left_of_an_order_is_freed_where_only_the_whole_rest_can_be() -> None:
    on = with_capabilities(bench(), reverse_authorization=ReverseAuthorization.REMAINDER)
    on.pay(minor=3_000)
    told(on.submit(minor=3_000))
    told(on.shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert on.effects(TransactionType.REVERSE_AUTH) == []
    told(on.shop.orders.capture(OWNER, "f-2", eur(2_000), key="k-2"))
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


def test_an_order_at_a_gateway_that_is_gone_says_so_for_each_part() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    failed = problem(without_gateway(on).shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert [one.problem for one in failed.details] == [GatewayUnsupported("sandbox", "REVERSE_AUTH")]


def test_nothing_is_freed_while_a_cent_may_still_be_captured() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    told(on.shop.orders.capture(OWNER, "f-1", eur(5_989), key="k-1"))
    assert on.effects(TransactionType.REVERSE_AUTH) == []
    told(on.shop.orders.capture(OWNER, "f-2", eur(1), key="k-2"))
    told(on.shop.orders.release(OWNER))
    assert on.effects(TransactionType.REVERSE_AUTH) == []


CAPTURE: Final = TransactionType.CAPTURE


@pytest.mark.parametrize("operation", ["cancel", "refund"])
def test_a_ratio_holds_for_every_way_to_move_an_order(operation: str) -> None:
    on = bench({**TWO, "orders": {"split": "ratio"}})
    on.pay(minor=1_000, gateway="first")
    on.pay(minor=9_000, gateway="second")
    told(on.submit(minor=10_000))
    kind = TransactionType.REVERSE_AUTH
    if operation == "refund":
        told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
        kind = TransactionType.REFUND
    told(getattr(on.shop.orders, operation)(OWNER, "x-1", eur(5_000), key="k-2"))
    assert sorted(minor for _, minor in on.effects(kind)) == [500, 4_500]


def test_an_order_is_released_as_often_as_something_is_held() -> None:
    on = bench()
    payment = on.pay()
    for _ in range(2):
        told(on.shop.transactions.authorize(payment.id))
        told(on.shop.orders.release(OWNER))
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)] * 2


def test_a_request_for_the_rest_is_finished_by_its_key_although_more_was_moved_before_it() -> None:
    on = bench(TWO)
    on.pay(minor=4_000, gateway="first")
    on.pay(minor=6_000, gateway="second")
    told(on.submit(minor=10_000))
    on.bank.fail_next("CAPTURE", "declined")
    problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    on.bank.fail_next("CAPTURE", "unreachable")
    problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    assert [minor for _, minor in on.effects(CAPTURE)] == [6_000, 4_000]


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


@pytest.mark.parametrize("moment", ["when it was decided", "when it is recorded"])
def test_a_fulfilment_is_not_captured_again_because_it_was_on_another_payment(moment: str) -> None:
    on = bench(TWO)
    first, second = on.pay(minor=4_000, gateway="first"), on.pay(minor=6_000, gateway="second")
    told(on.submit(minor=10_000))
    policy = attrs.evolve(on.shop.policy, capture_priority=("second",))
    other = attrs.evolve(on.shop, policy=policy).orders

    def serve(commit: Commit) -> None:
        decided = not commit.changes
        if decided is (moment == "when it was decided"):
            on.store.before_commit = on.store.after_commit = None
            told(other.capture(OWNER, "f-1", eur(1_000), key="k-2"))

    if moment == "when it was decided":
        on.store.after_commit = serve
    else:
        on.store.before_commit = serve
    failed = problem(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    assert isinstance(failed, PaymentsFailed)
    (refused,) = failed.details
    assert refused.payment_id == first.id
    assert refused.problem == OperationNotAllowed(
        "CAPTURE", "another request has moved money for the same source meanwhile"
    )
    assert on.effects(CAPTURE) == [("CAPTURE", 1_000)]
    assert only(on.again(second), CAPTURE).amount == eur(1_000)


def test_parts_of_one_request_do_not_count_against_each_other() -> None:
    on = bench(TWO)
    on.pay(minor=4_000, gateway="first")
    on.pay(minor=6_000, gateway="second")
    told(on.submit(minor=10_000))
    told(on.shop.orders.capture(OWNER, "f-1", eur(7_000), key="k-1"))
    told(on.shop.orders.capture(OWNER, "f-2", eur(3_000), key="k-2"))
    assert sorted(minor for _, minor in on.effects(CAPTURE)) == [3_000, 3_000, 4_000]


def test_what_was_cancelled_with_a_refund_is_not_captured_any_more() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}})
    payment = on.pay()
    told(on.submit())
    told(on.shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    before = on.again(payment)
    assert problem(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-2")) == OperationNotAllowed(
        "capture", "fulfillment f-1 was captured or cancelled already"
    )
    assert on.again(payment) == before


def test_what_went_back_for_a_return_and_for_a_cancellation_is_counted_once() -> None:
    on = bench()
    on.pay(minor=2_000)
    told(on.submit(minor=2_000))
    told(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    told(on.shop.orders.cancel(OWNER, "f-1", eur(400), key="k-2"))
    told(on.shop.orders.refund(OWNER, "r-1", eur(600), key="k-3"))
    told(on.shop.orders.cancel(OWNER, "f-1", eur(2_000), key="k-4"))
    assert on.effects(TransactionType.REFUND) == [("REFUND", 400), ("REFUND", 600)]
    assert on.effects(REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


# --- reports ---


def test_a_request_of_an_order_reports_what_it_moved_and_for_what() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    report = told(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    capture = only(on.again(payment), TransactionType.CAPTURE)
    assert report == OrderReport(owner=OWNER, source=Source("fulfillment", "f-1"), reports=report.reports)
    assert [one.transactions for one in report.reports] == [(capture,)]
    released = told(on.shop.orders.release(OWNER))
    assert released == OrderReport(owner=OWNER, source=None, reports=released.reports)
    assert [one.requested for one in released.reports[0].transactions] == [eur(4_990)]


def test_a_part_of_an_order_that_failed_is_told_with_its_payment() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    on.bank.fail_next("CAPTURE", "unreachable")
    failed = problem(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    row = only(on.again(payment), TransactionType.CAPTURE)
    assert failed == PaymentsFailed(
        (
            FailedPayment(
                payment_id=payment.id,
                problem=NotExecuted(row.id, "the connection was refused"),
                type=TransactionType.CAPTURE,
                amount=eur(1_000),
            ),
        )
    )
