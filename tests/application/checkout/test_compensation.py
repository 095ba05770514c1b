"""Giving back what a failed or cancelled checkout secured: once, in the right order, and nothing else."""

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
from tests.application.checkout.scenarios import Stubborn, resume, split, stubborn, three_d_secure
from tests.application.scenarios import OWNER, TWO
from tests.application.shops import (
    HOUR,
    Bench,
    bench,
    eur,
    next_reference,
    only,
    problem,
    told,
    with_capabilities,
    with_gateway,
    without_gateway,
)

# --- reversing what is owed ---


HOST: Final = Cause("host")


def owed(on: Bench, **rest: Any) -> Payment:
    """A payment that was authorized and archived: its hold is owed back."""
    payment = on.pay(**rest)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    return on.again(payment)


def test_a_reversal_that_the_gateway_cannot_make_is_noted_as_failed_and_tried_later() -> None:
    on = bench()
    payment = owed(on)
    unable = with_capabilities(on, types=frozenset({TransactionType.AUTHORIZE}))
    env = unable.shop.environment
    after = compensation.reverse_owed(env, payment, HOST)
    hold = only(after, TransactionType.AUTHORIZE)
    assert (hold.reversal, hold.look_ups) == (ReversalState.FAILED_REVERSAL, 1)
    assert after == on.again(payment)
    again = only(compensation.reverse_owed(env, after, HOST), TransactionType.AUTHORIZE)
    assert (again.reversal, again.look_ups) == (ReversalState.FAILED_REVERSAL, 2)
    done = only(compensation.reverse_owed(on.shop.environment, on.again(payment), HOST), TransactionType.AUTHORIZE)
    assert done.reversal is ReversalState.REVERSED
    assert {one.fact.by for one in told(on.shop.events.history(payment.id))} == {"host"}


def test_what_is_owed_at_a_gateway_that_is_gone_stays_owed() -> None:
    on = bench()
    payment = owed(on)
    assert compensation.reverse_owed(without_gateway(on).shop.environment, payment, HOST) == payment


def test_what_nobody_wants_back_is_left_alone() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    now = on.again(payment)
    assert compensation.reverse_owed(on.shop.environment, now, HOST) == now
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_captures_are_undone_before_their_hold() -> None:
    on = bench()
    payment = on.pay(minor=3_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(1_000)))
    told(on.shop.payments.archive(payment.id))
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert on.effects()[2:] == [("VOID", 1_000), ("REVERSE_AUTH", 3_000)]
    assert {one.reversal for one in after.transactions if not one.reverses} == {ReversalState.REVERSED}


def test_a_hold_with_nothing_left_is_noted_as_reversed_without_a_call() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.reverse_authorization(payment.id))
    told(on.shop.payments.archive(payment.id))
    calls = on.spy.calls
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert on.spy.calls == calls


def test_a_hold_whose_reversal_is_under_way_stays_owed_until_that_is_known() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.bank.fail_next("REVERSE_AUTH", "timeout_charged")
    problem(on.shop.transactions.reverse_authorization(payment.id))
    told(on.shop.payments.archive(payment.id))
    on.spy.on_look_up = lambda _: None
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REQUIRES_REVERSAL
    on.spy.on_look_up = None
    on.clock.advance(HOUR)
    done = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(done, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)]


def test_undoing_frees_the_payments_for_the_customer_and_gives_them_as_they_are_stored() -> None:
    on = bench()
    payment = on.pay(minor=1_000, token="tok_3ds")
    on.clock.advance(1)
    other = on.pay(minor=2_000)
    told(on.submit(minor=3_000))
    assert on.again(payment).restrictions
    undone = told(on.shop.checkout.cancel(OWNER))
    assert undone == (on.again(payment), on.again(other))
    assert [one.restrictions for one in undone] == [frozenset(), frozenset()]
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 2_000)]


# --- rollback of a failed checkout ---


IMMEDIATE = {"checkout": {"rollback": "immediate"}}


def test_nobody_comes_back_and_maintenance_reverses_only_after_the_time_that_is_configured() -> None:
    on = bench({**TWO, "checkout": {"reversal_after": "3h"}})
    good, _ = split(on)
    problem(on.submit(minor=3_000))
    on.clock.advance(3 * HOUR - 1)
    told(on.shop.maintenance.run())
    assert on.effects(TransactionType.REVERSE_AUTH) == []
    on.clock.advance(2)
    assert told(on.shop.maintenance.run()).reversed == 1
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert only(on.again(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED


def test_an_immediate_rollback_reverses_in_line() -> None:
    on = bench({**TWO, **IMMEDIATE})
    split(on)
    problem(on.submit(minor=3_000))
    assert on.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]


@pytest.mark.parametrize(("settled", "undone"), [(False, ("VOID", 1_000)), (True, ("REFUND", 1_000))])
def test_what_was_captured_at_once_is_voided_or_once_settled_refunded(settled: bool, undone: tuple[str, int]) -> None:
    gateways = {
        "first": {"adapter": "sandbox", "perform_authorize_and_capture": True},
        "second": {"adapter": "sandbox"},
    }
    on = bench({"gateways": gateways})
    split(on)
    problem(on.submit(minor=3_000))
    if settled:
        on.bank.settle()
        for headers, body in on.bank.webhooks():
            told(on.shop.webhooks.receive("first", headers, body))
    on.settle_down()
    assert on.effects()[-1] == undone


def test_a_rollback_that_fails_is_shown_and_tried_again() -> None:
    on = bench({**TWO, **IMMEDIATE})
    good, _ = split(on)
    on.bank.fail_next("REVERSE_AUTH", "declined")
    problem(on.submit(minor=3_000))
    assert only(on.again(good), TransactionType.AUTHORIZE).reversal is ReversalState.FAILED_REVERSAL
    (item,) = told(on.shop.maintenance.needs_attention())
    assert (item.kind.value, item.payment_id) == ("FAILED_REVERSAL", good.id)
    on.settle_down()
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert told(on.shop.maintenance.needs_attention()) == ()


def test_a_rollback_whose_result_is_unknown_is_not_done_twice() -> None:
    on = bench({**TWO, **IMMEDIATE})
    good, _ = split(on)
    on.bank.fail_next("REVERSE_AUTH", "timeout_charged")
    problem(on.submit(minor=3_000))
    on.settle_down()
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]
    assert only(on.again(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED


def test_a_rollback_undoes_only_what_its_own_attempt_did() -> None:
    """Medusa: a losing checkout run refunds the winner's capture."""
    on = bench({**TWO, **IMMEDIATE})
    good, _ = split(on)
    told(on.shop.transactions.authorize(good.id))
    problem(on.submit(minor=3_000, request_id="loser"))
    # what was there before the attempt was claimed by it; what is of another cart is not
    other = on.pay("c-2", 1_000, gateway="first")
    told(on.submit("c-2", 1_000, request_id="loser"))
    assert only(on.again(other), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    on.settle_down()
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


# --- cancelled checkouts and archived payments ---


def test_a_cancelled_checkout_gives_back_what_it_secured_now() -> None:
    on = bench(TWO)
    split(on)
    problem(on.submit(minor=3_000))
    told(on.shop.checkout.cancel(Owner("cart", "c-1")))
    assert on.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]
    assert isinstance(problem(on.shop.checkout.cancel(Owner("cart", "none"))), PaymentNotFound)


def test_a_cancelled_detour_can_no_longer_be_finished_at_the_gateway() -> None:
    on = bench()
    required = three_d_secure(on)
    told(on.shop.checkout.cancel(Owner("cart", "c-1")))
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        on.bank.complete_action(next_reference(required))
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.DECLINED


def test_a_cancelled_detour_whose_shopper_succeeds_afterwards_is_reversed() -> None:
    on = stubborn()
    required = three_d_secure(on)
    told(on.shop.checkout.cancel(Owner("cart", "c-1")))
    on.bank.complete_action(next_reference(required))
    on.deliver()
    assert isinstance(problem(resume(on, required)), OperationNotAllowed)
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_an_archived_payment_gives_back_what_it_captured_too() -> None:
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(6_000)))
    told(on.shop.payments.archive(payment.id))
    on.settle_down()
    summary = told(on.shop.payments.summary(payment.id))
    assert (summary.amount_authorized, summary.amount_captured) == (eur(0), eur(0))
    assert ("VOID", 6_000) in on.effects()
    assert on.effects()[-1] == ("REVERSE_AUTH", 10_000)


@pytest.mark.parametrize("mood", ["timeout_charged", "timeout_not_charged"])
def test_what_is_owed_back_waits_for_a_capture_whose_result_is_unknown(mood: str) -> None:
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    on.bank.fail_next("CAPTURE", mood)
    problem(on.shop.transactions.capture(payment.id))
    on.spy.on_look_up = lambda _: None
    told(on.shop.checkout.cancel(Owner("cart", "c-1")))
    assert only(on.again(payment), TransactionType.AUTHORIZE).reversal is ReversalState.REQUIRES_REVERSAL
    on.spy.on_look_up = None
    on.settle_down()
    summary = told(on.shop.payments.summary(payment.id))
    assert (summary.amount_authorized, summary.amount_captured) == (eur(0), eur(0))
    assert on.effects()[-1] == ("REVERSE_AUTH", 10_000)


AUTHORIZE: Final = TransactionType.AUTHORIZE


class Falling(Stubborn):
    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request.transaction_id)


@pytest.mark.parametrize("kind", [Stubborn, Falling])
def test_what_cannot_be_given_up_at_the_gateway_is_owed_and_nothing_is_made_up_about_it(kind: type[Stubborn]) -> None:
    on = stubborn(kind)
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    before = only(on.again(payment), AUTHORIZE).seen
    told(on.shop.checkout.cancel(OWNER))
    row = only(on.again(payment), AUTHORIZE)
    assert row.reversal is ReversalState.REQUIRES_REVERSAL
    assert row.seen == before


# --- a gateway's own rollback ---


CAPTURE: Final = TransactionType.CAPTURE


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


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
