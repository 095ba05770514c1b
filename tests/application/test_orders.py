"""Orders: captured per fulfilment, cancelled or refunded, never twice for the same source."""

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
from tests.application.fixtures import (
    ShopFixture,
    eur,
    only,
    open_shop,
    problem,
    value_of,
    with_capabilities,
    without_gateway,
)
from tests.application.scenarios import OWNER, TWO_GATEWAYS
from tests.application.stubs import fail


def placed(config: dict[str, Any], *amounts: int, token: str = "tok_approved") -> ShopFixture:
    """Place an order with a payment for each amount, through the gateways in turn."""
    shop = open_shop(config)
    for amount, gateway in zip(amounts, list(shop.gateways) * 2, strict=False):
        shop.pay(minor=amount, gateway=gateway, token=token)
    assert isinstance(value_of(shop.submit(minor=sum(amounts))), CheckedOut)
    return shop


def captures(shop: ShopFixture) -> list[int]:
    return [minor for _, minor in shop.effects(TransactionType.CAPTURE)]


def test_fulfilments_are_captured_one_by_one_and_the_last_releases_the_rest() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    value_of(shop.orders.capture(OWNER, "f-2", eur(2_000), key="k-2"))
    value_of(shop.orders.cancel(OWNER, "f-3", eur(5_000), key="k-3"))
    assert shop.effects() == [("AUTHORIZE", 10_000), ("CAPTURE", 3_000), ("CAPTURE", 2_000), ("REVERSE_AUTH", 5_000)]
    refused = problem(shop.orders.capture(OWNER, "f-4", eur(1), key="k-4"))
    assert refused == AmountNotAvailable(eur(0))


def test_a_movement_carries_the_source_it_was_made_for() -> None:
    shop = placed({}, 10_000)
    report = value_of(shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    (transaction,) = report.reports[0].transactions
    assert (transaction.source.kind, transaction.source.id) == ("fulfillment", "f-1")
    back = value_of(shop.orders.refund(OWNER, "r-1", eur(1_000), key="k-2"))
    assert back.reports[0].transactions[0].source.kind == "return"


def test_an_order_is_split_by_priority() -> None:
    shop = placed({**TWO_GATEWAYS, "orders": {"capture_priority": ["second", "first"]}}, 1_000, 9_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(9_500), key="k-1"))
    assert captures(shop) == [9_000, 500]


def test_an_order_is_split_by_ratio() -> None:
    shop = placed({**TWO_GATEWAYS, "orders": {"split": "ratio"}}, 1_000, 9_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(5_000), key="k-1"))
    assert sorted(captures(shop)) == [500, 4_500]
    value_of(shop.orders.capture(OWNER, "f-2", eur(5_000), key="k-2"))
    assert sum(captures(shop)) == 10_000


@pytest.mark.parametrize("key", ["k-1", "k-2"])
def test_the_same_fulfilment_is_never_captured_twice_whatever_the_key(key: str) -> None:
    """Kill Bill captures an authorization of 10 twice."""
    shop = placed({}, 10_000)
    first = value_of(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    calls = shop.spy.calls
    again = shop.orders.capture(OWNER, "f-1", eur(4_000), key=key)
    if key == "k-1":
        assert [report.transactions for report in value_of(again).reports] == [
            report.transactions for report in first.reports
        ]
    else:
        assert isinstance(problem(again), OperationNotAllowed)
    assert shop.spy.calls == calls
    assert captures(shop) == [4_000]


def test_the_same_return_is_never_refunded_twice_whatever_the_key() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    value_of(shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    value_of(shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    assert isinstance(problem(shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-3")), OperationNotAllowed)
    assert shop.effects(TransactionType.REFUND) == [("REFUND", 4_000)]


def test_a_key_with_other_content_is_a_conflict() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    calls = shop.spy.calls
    assert problem(shop.orders.capture(OWNER, "f-1", eur(4_001), key="k-1")) == Conflict("k-1")
    assert problem(shop.orders.capture(OWNER, "f-2", eur(4_000), key="k-1")) == Conflict("k-1")
    assert problem(shop.orders.refund(OWNER, "f-1", eur(4_000), key="k-1")) == Conflict("k-1")
    assert problem(shop.transactions.capture(shop.pay("c-2").id, key="k-1")) == Conflict("k-1")
    assert shop.spy.calls == calls


def test_an_immediate_capture_is_allocated_to_fulfilments_without_a_call() -> None:
    shop = placed({"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}}, 10_000)
    calls = shop.spy.calls
    assert value_of(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1")).reports == ()
    assert isinstance(problem(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-2")), OperationNotAllowed)
    assert problem(shop.orders.capture(OWNER, "f-2", eur(6_001), key="k-3")) == AmountNotAvailable(eur(6_000))
    assert shop.spy.calls == calls
    value_of(shop.orders.cancel(OWNER, "f-2", eur(6_000), key="k-4"))
    assert shop.effects()[-1] == ("REFUND", 6_000)


def test_a_cancelled_fulfilment_is_refunded_if_captured_and_else_released() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(3_000), key="k-1"))
    value_of(shop.orders.cancel(OWNER, "f-1", eur(3_000), key="k-2"))
    value_of(shop.orders.cancel(OWNER, "f-2", eur(2_000), key="k-3"))
    assert shop.effects()[1:] == [("CAPTURE", 3_000), ("REFUND", 3_000), ("REVERSE_AUTH", 2_000)]


def test_a_gateway_without_partial_releases_releases_the_rest_at_the_end() -> None:
    shop = placed({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    value_of(shop.orders.release(OWNER))
    assert captures(shop) == [10_000]


def test_the_rest_is_released_on_demand() -> None:
    shop = placed(TWO_GATEWAYS, 1_000, 9_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(500), key="k-1"))
    value_of(shop.orders.release(OWNER))
    value_of(shop.orders.release(OWNER))
    assert sorted(shop.effects(TransactionType.REVERSE_AUTH)) == [("REVERSE_AUTH", 500), ("REVERSE_AUTH", 9_000)]


def test_after_a_failed_part_a_new_key_moves_only_the_rest() -> None:
    shop = placed(TWO_GATEWAYS, 4_000, 6_000)
    shop.bank.fail_next("CAPTURE", "declined")
    failed = problem(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    assert isinstance(failed, PaymentsFailed)
    assert [detail.amount for detail in failed.details] == [eur(4_000)]
    assert captures(shop) == [6_000]
    assert isinstance(problem(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")), PaymentsFailed)
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    assert sorted(captures(shop)) == [4_000, 6_000]


@pytest.mark.parametrize("dies_at", ["first", "second"])
@pytest.mark.parametrize("done", [True, False])
def test_a_crash_between_parts_is_finished_by_the_same_key(dies_at: str, done: bool) -> None:
    shop = placed(TWO_GATEWAYS, 4_000, 6_000)

    def die(request: PaymentRequest) -> None:
        if done:
            shop.spies[dies_at].inner.execute(request)
        raise KeyboardInterrupt

    shop.spies[dies_at].during = die
    with pytest.raises(KeyboardInterrupt):
        shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")
    shop.spies[dies_at].during = None
    shop.clock.advance(61)
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    assert sorted(captures(shop)) == [4_000, 6_000]


def test_a_request_interrupted_by_the_store_is_finished_by_the_same_key() -> None:
    for number in range(8):
        shop = placed(TWO_GATEWAYS, 4_000, 6_000)
        left = [number]

        def fail_one(commit: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                fail()(commit)

        shop.store.before_commit = fail_one
        answer = shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1")
        if left[0] < 0:
            assert isinstance(problem(answer), StoreUnavailable | PaymentsFailed)
        shop.store.before_commit = None
        shop.clock.advance(61)
        value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
        assert sorted(captures(shop)) == [4_000, 6_000], number


def test_an_unknown_part_is_looked_up_by_the_same_key_and_not_sent_again() -> None:
    shop = placed({}, 10_000)
    shop.bank.fail_next("CAPTURE", "timeout_charged")
    problem(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    value_of(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    assert captures(shop) == [4_000]


def test_refunds_go_over_the_captures_of_all_payments_and_never_beyond() -> None:
    shop = placed(TWO_GATEWAYS, 4_000, 6_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    value_of(shop.orders.refund(OWNER, "r-1", eur(7_000), key="k-2"))
    assert problem(shop.orders.refund(OWNER, "r-2", eur(3_001), key="k-3")) == AmountNotAvailable(eur(3_000))
    assert sum(minor for _, minor in shop.effects(TransactionType.REFUND)) == 7_000


def test_an_unknown_order_or_another_currency_is_refused() -> None:
    shop = placed({}, 10_000)
    assert isinstance(problem(shop.orders.capture(Owner("cart", "none"), "f", eur(1), key="k-1")), PaymentNotFound)
    assert isinstance(problem(shop.orders.release(Owner("cart", "none"))), PaymentNotFound)
    assert isinstance(problem(shop.orders.capture(OWNER, "f", Money(1, "USD"), key="k-2")), CurrencyMismatch)


def test_an_archived_payment_is_left_out_of_a_refund() -> None:
    shop = open_shop(TWO_GATEWAYS)
    gone, stays = shop.pay(minor=1_000, gateway="first"), shop.pay(minor=1_000, gateway="second")
    for payment in (gone, stays):
        value_of(shop.transactions.authorize_and_capture(payment.id))
    value_of(shop.payments.archive(gone.id))
    value_of(shop.orders.refund(OWNER, "r-1", eur(1_000), key="k-1"))
    shop.let_time_pass()
    assert sorted(shop.effects()[2:]) == [("REFUND", 1_000), ("VOID", 1_000)]


@pytest.mark.parametrize("operation", ["capture", "cancel", "refund"])
def test_a_late_retry_is_refused_after_another_request_for_the_same_source(operation: str) -> None:
    shop = placed({}, 10_000)
    if operation == "refund":
        value_of(shop.orders.capture(OWNER, "f-0", eur(10_000), key="all"))
    kind = {"capture": "CAPTURE", "cancel": "REVERSE_AUTH", "refund": "REFUND"}[operation]
    move = getattr(shop.orders, operation)
    shop.bank.fail_next(kind, "unreachable")
    assert isinstance(problem(move(OWNER, "s-1", eur(4_000), key="k-1")), PaymentsFailed)
    value_of(move(OWNER, "s-1", eur(4_000), key="k-2"))
    late = problem(move(OWNER, "s-1", eur(4_000), key="k-1"))
    assert isinstance(late, PaymentsFailed)
    assert isinstance(late.details[0].problem, OperationNotAllowed)
    value_of(move(OWNER, "s-1", eur(4_000), key="k-2"))
    assert [minor for _, minor in shop.effects(TransactionType(kind))][-1:] == [4_000]
    assert len(shop.effects(TransactionType(kind))) == (2 if kind == "CAPTURE" and operation != "capture" else 1)


@pytest.mark.parametrize("operation", ["capture", "cancel", "refund"])
def test_two_requests_for_one_source_at_once_move_its_money_once(operation: str) -> None:
    shop = placed({}, 10_000)
    if operation == "refund":
        value_of(shop.orders.capture(OWNER, "f-0", eur(10_000), key="all"))
    kind = {"capture": "CAPTURE", "cancel": "REVERSE_AUTH", "refund": "REFUND"}[operation]
    move = getattr(shop.orders, operation)
    before = len(shop.effects(TransactionType(kind)))
    start = Barrier(4)

    def click(key: str) -> None:
        start.wait()
        move(OWNER, "s-1", eur(4_000), key=key)

    threads = [Thread(target=click, args=(f"k-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.effects(TransactionType(kind))[before:] == [(kind, 4_000)]


def test_a_cancellation_after_capture_and_return_releases_no_other_hold() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-1"))
    value_of(shop.orders.refund(OWNER, "r-1", eur(4_000), key="k-2"))
    assert isinstance(problem(shop.orders.cancel(OWNER, "f-1", eur(4_000), key="k-3")), OperationNotAllowed)
    value_of(shop.orders.capture(OWNER, "f-2", eur(6_000), key="k-4"))
    assert captures(shop) == [4_000, 6_000]


def test_a_cancelled_fulfilment_is_not_captured() -> None:
    shop = placed({}, 10_000)
    value_of(shop.orders.cancel(OWNER, "f-1", eur(4_000), key="k-1"))
    assert isinstance(problem(shop.orders.capture(OWNER, "f-1", eur(4_000), key="k-2")), OperationNotAllowed)
    assert captures(shop) == []


def test_the_rest_is_released_where_only_the_whole_rest_can_be() -> None:
    shop = with_capabilities(open_shop(), reverse_authorization=ReverseAuthorization.REMAINDER)
    shop.pay(minor=3_000)
    value_of(shop.submit(minor=3_000))
    value_of(shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert shop.effects(TransactionType.REVERSE_AUTH) == []
    value_of(shop.orders.capture(OWNER, "f-2", eur(2_000), key="k-2"))
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


def test_an_order_at_a_removed_gateway_fails_for_each_part() -> None:
    shop = open_shop()
    shop.pay()
    value_of(shop.submit())
    failed = problem(without_gateway(shop).orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert [detail.problem for detail in failed.details] == [GatewayUnsupported("sandbox", "REVERSE_AUTH")]


def test_nothing_is_released_while_a_cent_may_still_be_captured() -> None:
    shop = open_shop()
    shop.pay()
    value_of(shop.submit())
    value_of(shop.orders.capture(OWNER, "f-1", eur(5_989), key="k-1"))
    assert shop.effects(TransactionType.REVERSE_AUTH) == []
    value_of(shop.orders.capture(OWNER, "f-2", eur(1), key="k-2"))
    value_of(shop.orders.release(OWNER))
    assert shop.effects(TransactionType.REVERSE_AUTH) == []


CAPTURE: Final = TransactionType.CAPTURE


@pytest.mark.parametrize("operation", ["cancel", "refund"])
def test_cancellations_and_refunds_are_split_by_ratio(operation: str) -> None:
    shop = open_shop({**TWO_GATEWAYS, "orders": {"split": "ratio"}})
    shop.pay(minor=1_000, gateway="first")
    shop.pay(minor=9_000, gateway="second")
    value_of(shop.submit(minor=10_000))
    kind = TransactionType.REVERSE_AUTH
    if operation == "refund":
        value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
        kind = TransactionType.REFUND
    value_of(getattr(shop.orders, operation)(OWNER, "x-1", eur(5_000), key="k-2"))
    assert sorted(minor for _, minor in shop.effects(kind)) == [500, 4_500]


def test_an_order_may_be_released_again_after_a_new_authorization() -> None:
    shop = open_shop()
    payment = shop.pay()
    for _ in range(2):
        value_of(shop.transactions.authorize(payment.id))
        value_of(shop.orders.release(OWNER))
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)] * 2


def test_a_request_for_the_rest_is_finished_by_its_key() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=4_000, gateway="first")
    shop.pay(minor=6_000, gateway="second")
    value_of(shop.submit(minor=10_000))
    shop.bank.fail_next("CAPTURE", "declined")
    problem(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    shop.bank.fail_next("CAPTURE", "unreachable")
    problem(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    value_of(shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    assert [minor for _, minor in shop.effects(CAPTURE)] == [6_000, 4_000]


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


@pytest.mark.parametrize("moment", ["when it was decided", "when it is recorded"])
def test_a_fulfilment_captured_on_another_payment_is_not_captured_again(moment: str) -> None:
    shop = open_shop(TWO_GATEWAYS)
    first, second = shop.pay(minor=4_000, gateway="first"), shop.pay(minor=6_000, gateway="second")
    value_of(shop.submit(minor=10_000))
    policy = attrs.evolve(shop.payports.policy, capture_priority=("second",))
    other = attrs.evolve(shop.payports, policy=policy).orders

    def serve(commit: Commit) -> None:
        decided = not commit.changes
        if decided is (moment == "when it was decided"):
            shop.store.before_commit = shop.store.after_commit = None
            value_of(other.capture(OWNER, "f-1", eur(1_000), key="k-2"))

    if moment == "when it was decided":
        shop.store.after_commit = serve
    else:
        shop.store.before_commit = serve
    failed = problem(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    assert isinstance(failed, PaymentsFailed)
    (refused,) = failed.details
    assert refused.payment_id == first.id
    assert refused.problem == OperationNotAllowed(
        "CAPTURE", "another request has moved money for the same source meanwhile"
    )
    assert shop.effects(CAPTURE) == [("CAPTURE", 1_000)]
    assert only(shop.reload(second), CAPTURE).amount == eur(1_000)


def test_parts_of_one_request_do_not_count_against_each_other() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=4_000, gateway="first")
    shop.pay(minor=6_000, gateway="second")
    value_of(shop.submit(minor=10_000))
    value_of(shop.orders.capture(OWNER, "f-1", eur(7_000), key="k-1"))
    value_of(shop.orders.capture(OWNER, "f-2", eur(3_000), key="k-2"))
    assert sorted(minor for _, minor in shop.effects(CAPTURE)) == [3_000, 3_000, 4_000]


def test_a_fulfilment_cancelled_by_refund_is_not_captured() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}})
    payment = shop.pay()
    value_of(shop.submit())
    value_of(shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    before = shop.reload(payment)
    assert problem(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-2")) == OperationNotAllowed(
        "capture", "fulfillment f-1 was captured or cancelled already"
    )
    assert shop.reload(payment) == before


def test_a_return_and_a_cancellation_are_counted_once() -> None:
    shop = open_shop()
    shop.pay(minor=2_000)
    value_of(shop.submit(minor=2_000))
    value_of(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    value_of(shop.orders.cancel(OWNER, "f-1", eur(400), key="k-2"))
    value_of(shop.orders.refund(OWNER, "r-1", eur(600), key="k-3"))
    value_of(shop.orders.cancel(OWNER, "f-1", eur(2_000), key="k-4"))
    assert shop.effects(TransactionType.REFUND) == [("REFUND", 400), ("REFUND", 600)]
    assert shop.effects(REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


# --- reports ---


def test_an_order_request_reports_its_transactions_and_their_source() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    report = value_of(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    capture = only(shop.reload(payment), TransactionType.CAPTURE)
    assert report == OrderReport(owner=OWNER, source=Source("fulfillment", "f-1"), reports=report.reports)
    assert [each.transactions for each in report.reports] == [(capture,)]
    released = value_of(shop.orders.release(OWNER))
    assert released == OrderReport(owner=OWNER, source=None, reports=released.reports)
    assert [transaction.requested for transaction in released.reports[0].transactions] == [eur(4_990)]


def test_a_failed_part_of_an_order_is_reported_with_its_payment() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    shop.bank.fail_next("CAPTURE", "unreachable")
    failed = problem(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    row = only(shop.reload(payment), TransactionType.CAPTURE)
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
