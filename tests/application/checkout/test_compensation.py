"""Reversing what a failed or cancelled checkout secured: once, in the right order, and nothing else."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import (
    Observation,
    OperationNotAllowed,
    Owner,
    Payment,
    PaymentNotFound,
    ReversalState,
    TransactionStatus,
    TransactionType,
)
from payports.application.checkout import compensation
from payports.domain.history import Cause
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse, RollbackGateway
from tests.application.checkout.scenarios import (
    NoGivingUp,
    resume,
    shop_that_gives_no_action_up,
    three_d_secure,
    two_payments,
)
from tests.application.fixtures import (
    HOUR,
    ShopFixture,
    action_reference,
    eur,
    only,
    open_shop,
    problem,
    value_of,
    with_capabilities,
    with_gateway,
    without_gateway,
)
from tests.application.scenarios import OWNER, TWO_GATEWAYS

# --- reversals that are owed ---


HOST: Final = Cause("host")


def owed(shop: ShopFixture, **rest: Any) -> Payment:
    """Create a payment, authorize and archive it: its hold must be reversed."""
    payment = shop.pay(**rest)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.archive(payment.id))
    return shop.reload(payment)


def test_a_reversal_that_the_gateway_does_not_support_is_recorded_as_failed_and_retried() -> None:
    shop = open_shop()
    payment = owed(shop)
    unable = with_capabilities(shop, types=frozenset({TransactionType.AUTHORIZE}))
    env = unable.environment
    after = compensation.reverse_owed(env, payment, HOST)
    hold = only(after, TransactionType.AUTHORIZE)
    assert (hold.reversal, hold.look_ups) == (ReversalState.FAILED_REVERSAL, 1)
    assert after == shop.reload(payment)
    again = only(compensation.reverse_owed(env, after, HOST), TransactionType.AUTHORIZE)
    assert (again.reversal, again.look_ups) == (ReversalState.FAILED_REVERSAL, 2)
    done = only(compensation.reverse_owed(shop.environment, shop.reload(payment), HOST), TransactionType.AUTHORIZE)
    assert done.reversal is ReversalState.REVERSED
    assert {recorded.fact.by for recorded in value_of(shop.events.history(payment.id))} == {"host"}


def test_a_reversal_at_a_removed_gateway_stays_owed() -> None:
    shop = open_shop()
    payment = owed(shop)
    assert compensation.reverse_owed(without_gateway(shop).environment, payment, HOST) == payment


def test_a_hold_without_a_reversal_mark_is_left_alone() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    now = shop.reload(payment)
    assert compensation.reverse_owed(shop.environment, now, HOST) == now
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_captures_are_reversed_before_their_authorization() -> None:
    shop = open_shop()
    payment = shop.pay(minor=3_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(1_000)))
    value_of(shop.payments.archive(payment.id))
    after = compensation.reverse_owed(shop.environment, shop.reload(payment), HOST)
    assert shop.effects()[2:] == [("VOID", 1_000), ("REVERSE_AUTH", 3_000)]
    assert {transaction.reversal for transaction in after.transactions if not transaction.reverses} == {
        ReversalState.REVERSED
    }


def test_a_hold_with_nothing_left_counts_as_reversed_without_a_call() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.reverse_authorization(payment.id))
    value_of(shop.payments.archive(payment.id))
    calls = shop.spy.calls
    after = compensation.reverse_owed(shop.environment, shop.reload(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert shop.spy.calls == calls


def test_a_hold_whose_reversal_is_under_way_stays_owed_until_that_is_known() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.bank.fail_next("REVERSE_AUTH", "timeout_charged")
    problem(shop.transactions.reverse_authorization(payment.id))
    value_of(shop.payments.archive(payment.id))
    shop.spy.on_look_up = lambda _: None
    after = compensation.reverse_owed(shop.environment, shop.reload(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REQUIRES_REVERSAL
    shop.spy.on_look_up = None
    shop.clock.advance(HOUR)
    done = compensation.reverse_owed(shop.environment, shop.reload(payment), HOST)
    assert only(done, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)]


def test_a_cancellation_lifts_the_restrictions_and_returns_the_stored_payments() -> None:
    shop = open_shop()
    payment = shop.pay(minor=1_000, token="tok_3ds")
    shop.clock.advance(1)
    other = shop.pay(minor=2_000)
    value_of(shop.submit(minor=3_000))
    assert shop.reload(payment).restrictions
    undone = value_of(shop.checkout.cancel(OWNER))
    assert undone == (shop.reload(payment), shop.reload(other))
    assert [payment.restrictions for payment in undone] == [frozenset(), frozenset()]
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 2_000)]


# --- rollback of a failed checkout ---


IMMEDIATE = {"checkout": {"rollback": "immediate"}}


def test_maintenance_reverses_a_failed_checkout_only_after_the_configured_time() -> None:
    shop = open_shop({**TWO_GATEWAYS, "checkout": {"reversal_after": "3h"}})
    good, _ = two_payments(shop)
    problem(shop.submit(minor=3_000))
    shop.clock.advance(3 * HOUR - 1)
    value_of(shop.maintenance.run())
    assert shop.effects(TransactionType.REVERSE_AUTH) == []
    shop.clock.advance(2)
    assert value_of(shop.maintenance.run()).reversed == 1
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert only(shop.reload(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED


def test_an_immediate_rollback_reverses_within_the_request() -> None:
    shop = open_shop({**TWO_GATEWAYS, **IMMEDIATE})
    two_payments(shop)
    problem(shop.submit(minor=3_000))
    assert shop.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]


@pytest.mark.parametrize(("settled", "undone"), [(False, ("VOID", 1_000)), (True, ("REFUND", 1_000))])
def test_an_immediate_capture_is_voided_or_once_settled_refunded(settled: bool, undone: tuple[str, int]) -> None:
    gateways = {
        "first": {"adapter": "sandbox", "perform_authorize_and_capture": True},
        "second": {"adapter": "sandbox"},
    }
    shop = open_shop({"gateways": gateways})
    two_payments(shop)
    problem(shop.submit(minor=3_000))
    if settled:
        shop.bank.settle()
        for headers, body in shop.bank.webhooks():
            value_of(shop.webhooks.receive("first", headers, body))
    shop.let_time_pass()
    assert shop.effects()[-1] == undone


def test_a_failed_rollback_is_shown_and_retried() -> None:
    shop = open_shop({**TWO_GATEWAYS, **IMMEDIATE})
    good, _ = two_payments(shop)
    shop.bank.fail_next("REVERSE_AUTH", "declined")
    problem(shop.submit(minor=3_000))
    assert only(shop.reload(good), TransactionType.AUTHORIZE).reversal is ReversalState.FAILED_REVERSAL
    (item,) = value_of(shop.maintenance.needs_attention())
    assert (item.kind.value, item.payment_id) == ("FAILED_REVERSAL", good.id)
    shop.let_time_pass()
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert value_of(shop.maintenance.needs_attention()) == ()


def test_a_rollback_whose_result_is_unknown_is_not_done_twice() -> None:
    shop = open_shop({**TWO_GATEWAYS, **IMMEDIATE})
    good, _ = two_payments(shop)
    shop.bank.fail_next("REVERSE_AUTH", "timeout_charged")
    problem(shop.submit(minor=3_000))
    shop.let_time_pass()
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert only(shop.reload(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED


def test_a_rollback_reverses_only_transactions_of_its_own_attempt() -> None:
    """Medusa: a losing checkout run refunds the winner's capture."""
    shop = open_shop({**TWO_GATEWAYS, **IMMEDIATE})
    good, _ = two_payments(shop)
    value_of(shop.transactions.authorize(good.id))
    problem(shop.submit(minor=3_000, request_id="loser"))
    # the attempt claimed what was there before it, but nothing of another cart
    other = shop.pay("c-2", 1_000, gateway="first")
    value_of(shop.submit("c-2", 1_000, request_id="loser"))
    assert only(shop.reload(other), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    shop.let_time_pass()
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


# --- cancelled checkouts and archived payments ---


def test_a_cancelled_checkout_is_reversed_at_once() -> None:
    shop = open_shop(TWO_GATEWAYS)
    two_payments(shop)
    problem(shop.submit(minor=3_000))
    value_of(shop.checkout.cancel(Owner("cart", "c-1")))
    assert shop.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]
    assert isinstance(problem(shop.checkout.cancel(Owner("cart", "none"))), PaymentNotFound)


def test_a_cancelled_action_can_no_longer_be_finished_at_the_gateway() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    value_of(shop.checkout.cancel(Owner("cart", "c-1")))
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        shop.bank.complete_action(action_reference(required))
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.DECLINED


def test_a_cancelled_action_that_succeeds_afterwards_is_reversed() -> None:
    shop = shop_that_gives_no_action_up()
    required = three_d_secure(shop)
    value_of(shop.checkout.cancel(Owner("cart", "c-1")))
    shop.bank.complete_action(action_reference(required))
    shop.deliver_webhooks()
    assert isinstance(problem(resume(shop, required)), OperationNotAllowed)
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_the_captures_of_an_archived_payment_are_reversed_too() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(6_000)))
    value_of(shop.payments.archive(payment.id))
    shop.let_time_pass()
    summary = value_of(shop.payments.summary(payment.id))
    assert (summary.amount_authorized, summary.amount_captured) == (eur(0), eur(0))
    assert ("VOID", 6_000) in shop.effects()
    assert shop.effects()[-1] == ("REVERSE_AUTH", 10_000)


@pytest.mark.parametrize("scenario", ["timeout_charged", "timeout_not_charged"])
def test_a_reversal_waits_for_a_capture_whose_result_is_unknown(scenario: str) -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    shop.bank.fail_next("CAPTURE", scenario)
    problem(shop.transactions.capture(payment.id))
    shop.spy.on_look_up = lambda _: None
    value_of(shop.checkout.cancel(Owner("cart", "c-1")))
    assert only(shop.reload(payment), TransactionType.AUTHORIZE).reversal is ReversalState.REQUIRES_REVERSAL
    shop.spy.on_look_up = None
    shop.let_time_pass()
    summary = value_of(shop.payments.summary(payment.id))
    assert (summary.amount_authorized, summary.amount_captured) == (eur(0), eur(0))
    assert shop.effects()[-1] == ("REVERSE_AUTH", 10_000)


AUTHORIZE: Final = TransactionType.AUTHORIZE


class Falling(NoGivingUp):
    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request.transaction_id)


@pytest.mark.parametrize("kind", [NoGivingUp, Falling])
def test_an_action_that_cannot_be_given_up_at_the_gateway_stays_as_observed_and_owed(kind: type[NoGivingUp]) -> None:
    shop = shop_that_gives_no_action_up(kind)
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    before = only(shop.reload(payment), AUTHORIZE).seen
    value_of(shop.checkout.cancel(OWNER))
    row = only(shop.reload(payment), AUTHORIZE)
    assert row.reversal is ReversalState.REQUIRES_REVERSAL
    assert row.seen == before


# --- a gateway's own rollback ---


CAPTURE: Final = TransactionType.CAPTURE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


class OwnWay(RollbackGateway):
    """Reverses as the sandbox does, and keeps the requests."""

    def __init__(self, shop: ShopFixture) -> None:
        self.inner = shop.spy.inner
        self.requests: list[PaymentRequest] = []

    def roll_back(self, request: PaymentRequest) -> PaymentResponse:
        self.requests.append(request)
        return self.inner.execute(request)


def test_a_gateways_own_rollback_is_used_for_reversals_only() -> None:
    shop = open_shop()
    own_way = OwnWay(shop)
    shop = with_gateway(shop, rollback=own_way)
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.reverse_authorization(payment.id))
    assert own_way.requests == []
    value_of(shop.submit())
    value_of(shop.transactions.capture(payment.id, eur(1_000)))
    assert [request.type for request in shop.spy.executed] == [AUTHORIZE, REVERSE_AUTH, AUTHORIZE, CAPTURE]

    unwanted = shop.pay("c-2")
    value_of(shop.transactions.authorize(unwanted.id))
    value_of(shop.checkout.cancel(Owner("cart", "c-2")))
    (request,) = own_way.requests
    assert (request.type, request.payment_id, request.amount) == (REVERSE_AUTH, unwanted.id, eur(5_990))
    assert request.parent_id == only(shop.reload(unwanted), AUTHORIZE).id
    assert shop.spy.executed[-1].type is AUTHORIZE
    assert only(shop.reload(unwanted), AUTHORIZE).reversal is ReversalState.REVERSED
