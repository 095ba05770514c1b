"""Guards of money that only matter when somebody else commits in between, or when a commit fails: each moves money once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from payports import (
    Busy,
    OperationNotAllowed,
    Owner,
    Payment,
    PaymentsFailed,
    ReversalState,
    Success,
    TransactionType,
)
from payports.application.kernel.execute import execute
from payports.application.kernel.unit_of_work import HOST, CheckoutLease
from payports.domain.begin import Command
from payports.domain.reversal import claim
from payports.ports.gateway import PaymentRequest, PaymentResponse, RollbackGateway
from payports.ports.store import Commit
from tests.application.shops import (
    Bench,
    bench,
    eur,
    only,
    problem,
    told,
    with_gateway,
)
from tests.application.writers import faster, once

OWNER: Final = Owner("cart", "c-1")
TWO: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}
AUTHORIZE: Final = TransactionType.AUTHORIZE
CAPTURE: Final = TransactionType.CAPTURE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


# --- an attempt that was overtaken ---


def attempt(on: Bench, request_id: str) -> CheckoutLease:
    """An attempt that fails, and its hold on the checkout; the next attempt takes it away."""
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.submit(request_id=request_id))
    record = on.store.of("default").checkout(OWNER)
    assert record
    return CheckoutLease(record)


def to_claim(on: Bench, payment: Payment, hold: CheckoutLease) -> Any:
    return on.shop.environment.update(payment.id, HOST, lambda one: Success(claim(one, "mine")), hold)


def to_take(on: Bench, payment: Payment, hold: CheckoutLease) -> Any:
    return execute(on.shop.environment, payment.id, Command(type=AUTHORIZE, amount=eur(10)), HOST, "", hold)


@pytest.mark.parametrize("begin", [to_claim, to_take])
def test_who_has_lost_the_checkout_begins_nothing_more_and_says_which(begin: Callable[..., Any]) -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    hold = attempt(on, "mine")
    attempt(on, "other")
    before, calls = on.again(payment), on.spy.calls
    assert problem(begin(on, payment, hold)) == Busy("checkout cart c-1")
    assert (on.again(payment), on.spy.calls) == (before, calls)


@pytest.mark.parametrize("begin", [to_claim, to_take])
def test_who_only_meets_a_faster_writer_decides_again_and_proves_its_hold(begin: Callable[..., Any]) -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    hold = attempt(on, "mine")
    version = hold.record.version
    on.store.before_commit = once(lambda _: faster(on, payment))
    told(begin(on, payment, hold))
    record = on.store.of("default").checkout(OWNER)
    assert record
    assert record.version == hold.record.version == version + 1


# --- a source that is served twice at once ---


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


# --- a gateway's own rollback ---


class OwnWay(RollbackGateway):
    """Undoes as the sandbox does, and notes what it was asked for."""

    def __init__(self, on: Bench) -> None:
        self.inner = on.spy.inner
        self.asked: list[PaymentRequest] = []

    def roll_back(self, request: PaymentRequest) -> PaymentResponse:
        self.asked.append(request)
        return self.inner.execute(request)


def test_a_gateways_own_rollback_undoes_what_nobody_wants_and_nothing_else() -> None:
    on = bench()
    own_way = OwnWay(on)
    on = with_gateway(on, rollback=own_way)
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.reverse_authorization(payment.id))
    assert own_way.asked == []
    told(on.submit())
    told(on.shop.transactions.capture(payment.id, eur(1_000)))
    assert [one.type for one in on.spy.executed] == [AUTHORIZE, REVERSE_AUTH, AUTHORIZE, CAPTURE]

    unwanted = on.pay("c-2")
    told(on.shop.transactions.authorize(unwanted.id))
    told(on.shop.checkout.cancel(Owner("cart", "c-2")))
    (asked,) = own_way.asked
    assert (asked.type, asked.payment_id, asked.amount) == (REVERSE_AUTH, unwanted.id, eur(5_990))
    assert asked.parent_id == only(on.again(unwanted), AUTHORIZE).id
    assert on.spy.executed[-1].type is AUTHORIZE
    assert only(on.again(unwanted), AUTHORIZE).reversal is ReversalState.REVERSED
