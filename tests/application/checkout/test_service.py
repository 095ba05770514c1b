"""The checkout of a cart: all or nothing, once, whoever comes back how often and in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest

from payports import (
    ActionRequired,
    AmountNotAvailable,
    AwaitingResults,
    Busy,
    Cart,
    CheckedOut,
    Conflict,
    CurrencyMismatch,
    Customer,
    Declined,
    GatewayUnsupported,
    Money,
    NotCovered,
    NotExecuted,
    OperationNotAllowed,
    Owner,
    PaymentNotFound,
    PaymentsFailed,
    PaymentType,
    ResultUnknown,
    ReversalState,
    StoreUnavailable,
    Success,
    TransactionStatus,
    TransactionType,
)
from payports.domain.observation import Observation
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from payports.ports.store import CheckoutState, Commit
from tests.application.shops import (
    DAY,
    HOUR,
    MINUTE,
    Bench,
    bench,
    eur,
    fail,
    new_payment,
    next_reference,
    only,
    problem,
    told,
    with_gateway,
    without_gateway,
)

IMMEDIATE = {"checkout": {"rollback": "immediate"}}
AT_ONCE = {"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}}
TWO = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}


def resume(on: Bench, required: ActionRequired, **rest: Any) -> Any:
    return on.shop.checkout.resume("sandbox", {"callback_token": required.callback_token}, **rest)


def three_d_secure(on: Bench) -> ActionRequired:
    on.pay(token="tok_3ds")
    required = told(on.submit())
    assert isinstance(required, ActionRequired)
    return required


# --- placing ---


def test_a_checkout_secures_the_total_and_says_so() -> None:
    on = bench()
    payment = on.pay()
    placed = told(on.submit())
    assert isinstance(placed, CheckedOut)
    (receipt,) = placed.receipts
    assert (receipt.payment_id, receipt.secured, placed.total) == (payment.id, eur(5_990), eur(5_990))
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_a_gateway_may_be_configured_to_take_the_money_at_once() -> None:
    on = bench(AT_ONCE)
    on.pay()
    assert isinstance(told(on.submit()), CheckedOut)
    assert on.effects() == [("AUTHORIZE_AND_CAPTURE", 5_990)]


@pytest.mark.parametrize("priority", [["first", "second"], ["second", "first"]])
def test_several_payments_are_secured_in_the_configured_order(priority: list[str]) -> None:
    on = bench({**TWO, "checkout": {"priority": priority}})
    order: list[str] = []
    for name, spy in on.spies.items():
        spy.during = lambda _, name=name: order.append(name)
        on.pay(minor=1_000, gateway=name)
    assert isinstance(told(on.submit(minor=2_000)), CheckedOut)
    assert order == priority


def test_stored_value_comes_after_what_is_harder_to_undo() -> None:
    on = bench({"gateways": {"gift": {"adapter": "stored_value"}, "sandbox": {"adapter": "sandbox"}}})
    assert on.shop.policy.checkout_priority == ("sandbox", "gift")


def test_a_total_of_zero_needs_no_payment() -> None:
    on = bench()
    placed = told(on.submit(minor=0))
    assert isinstance(placed, CheckedOut)
    assert placed.receipts == ()
    assert told(on.submit(minor=0)) == placed
    assert on.spy.calls == 0


def test_a_placed_order_locks_its_payments_against_the_customer() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    assert on.again(payment).placed
    assert isinstance(problem(on.shop.payments.update(payment.id, amount=eur(1))), OperationNotAllowed)
    assert isinstance(problem(on.shop.payments.archive(payment.id)), OperationNotAllowed)
    assert isinstance(problem(on.shop.checkout.cancel(Owner("cart", "c-1"))), OperationNotAllowed)


# --- refusing ---


def test_payments_that_do_not_add_up_are_refused_before_money_moves() -> None:
    on = bench()
    on.pay(minor=9_999)
    refused = problem(on.submit(minor=10_000))
    assert isinstance(refused, NotCovered)
    assert refused.coverage.planned == eur(9_999)
    assert isinstance(problem(on.submit(minor=9_998)), NotCovered)
    assert isinstance(problem(on.submit(minor=0)), NotCovered)
    assert on.spy.calls == 0


def test_two_currencies_are_never_added_up() -> None:
    """Medusa: EUR summed into USD."""
    on = bench()
    on.pay(minor=1_000)
    on.pay(amount=Money(1_000, "USD"))
    assert isinstance(problem(on.submit(minor=2_000)), CurrencyMismatch)
    assert isinstance(problem(on.shop.payments.coverage(Cart("c-1", total=eur(2_000)))), CurrencyMismatch)
    assert on.spy.calls == 0


def test_the_payment_of_another_customer_does_not_pay_for_a_cart() -> None:
    on = bench()
    on.pay(customer=Customer("cu-2"))
    assert isinstance(problem(on.submit(customer=Customer("cu-1"))), OperationNotAllowed)
    assert on.spy.calls == 0


def test_options_that_are_configured_are_enforced_at_checkout() -> None:
    on = bench(
        {"options": [{"gateway": "sandbox", "types": ["DEBIT_CARD"], "minimum": {"EUR": "10.00"}, "countries": ["DE"]}]}
    )
    on.pay()
    assert isinstance(problem(on.submit(country="DE")), OperationNotAllowed)
    on.pay("c-2", type=PaymentType.DEBIT_CARD)
    assert isinstance(problem(on.submit("c-2", country="FR")), OperationNotAllowed)
    assert isinstance(problem(on.submit("c-2")), OperationNotAllowed)
    on.pay("c-3", 999, type=PaymentType.DEBIT_CARD)
    assert isinstance(problem(on.submit("c-3", 999, country="DE")), OperationNotAllowed)
    assert on.spy.calls == 0
    assert isinstance(told(on.submit("c-2", country="DE")), CheckedOut)


def test_a_gateway_that_is_gone_is_refused_before_money_moves() -> None:
    on = bench()
    on.pay()
    assert problem(without_gateway(on).submit()) == GatewayUnsupported("sandbox", "checkout")


# --- once ---


def test_a_repeated_request_gives_the_first_outcome_again_without_a_call() -> None:
    for token in ("tok_approved", "tok_declined", "tok_declined_hard", "tok_partial", "tok_async"):
        on = bench()
        on.pay(token=token)
        first = on.submit()
        executed = len(on.spy.executed)
        assert on.submit() == first
        assert len(on.spy.executed) == executed, token


def test_a_request_id_with_another_cart_is_a_conflict() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    assert problem(on.submit(minor=5_991)) == Conflict("attempt-1")
    assert problem(on.submit(version="2")) == Conflict("attempt-1")


def test_a_request_id_with_other_payments_is_a_conflict_until_the_order_is_placed() -> None:
    on = bench()
    on.pay(token="tok_declined")
    problem(on.submit())
    on.pay(minor=1)
    assert problem(on.submit()) == Conflict("attempt-1")


def test_a_placed_cart_is_not_checked_out_again_under_another_request() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    assert isinstance(problem(on.submit(request_id="attempt-2")), OperationNotAllowed)
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_a_click_while_the_first_is_under_way_is_busy() -> None:
    on = bench()
    on.pay()
    answers: list[Any] = []

    def click(_: object) -> None:
        answers.append(on.submit())
        answers.append(on.submit(request_id="attempt-2"))

    on.spy.during = click
    told(on.submit())
    assert [type(problem(one)) for one in answers] == [Busy, Busy]
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_what_was_not_executed_is_tried_anew_by_the_same_request() -> None:
    on = bench()
    on.pay()
    on.bank.fail_next("AUTHORIZE", "unreachable")
    failed = problem(on.submit())
    assert isinstance(failed, PaymentsFailed)
    assert isinstance(failed.details[0].problem, NotExecuted)
    assert isinstance(told(on.submit()), CheckedOut)


@pytest.mark.parametrize("request_id", ["attempt-1", "attempt-2"])
def test_an_unknown_result_is_looked_up_before_the_next_attempt_and_never_charged_twice(request_id: str) -> None:
    """Medusa deletes the row after a timeout, so that the retry gets a new key."""
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    failed = problem(on.submit())
    assert isinstance(failed.details[0].problem, ResultUnknown)
    assert isinstance(told(on.submit(request_id=request_id)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 5_990)]
    assert only(on.again(payment), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_an_unknown_result_stops_the_checkout_while_it_cannot_be_found() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.submit())
    on.spy.on_look_up = lambda _: None
    for number in range(3):
        failed = problem(on.submit(request_id=f"attempt-{number}"))
        assert isinstance(failed.details[0].problem, ResultUnknown)
        on.clock.advance(HOUR)
        told(on.shop.maintenance.run())
    assert on.again(payment).transactions[0].status is TransactionStatus.UNKNOWN
    assert on.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("request_ids", ["a" * 8, "abcdefgh"])
def test_eight_clicks_at_once_have_one_effect(request_ids: str) -> None:
    on = bench()
    on.pay()

    def click(request_id: str) -> Any:
        return on.submit(request_id=request_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, request_ids))
    assert on.effects() == [("AUTHORIZE", 5_990)]
    losers = [one for one in answers if not isinstance(one, Success)]
    assert len(losers) < len(answers)
    assert all(isinstance(problem(one), Busy | OperationNotAllowed) for one in losers)


# --- failing, and who may take over ---


def split(on: Bench, second: str = "tok_declined") -> tuple[Any, Any]:
    """A cart of two payments, the second of which is in some mood."""
    return on.pay(minor=1_000, gateway="first"), on.pay(minor=2_000, gateway="second", token=second)


def test_a_failure_stops_the_checkout_and_keeps_what_was_secured_for_a_while() -> None:
    on = bench(TWO)
    good, _ = split(on)
    failed = problem(on.submit(minor=3_000))
    assert isinstance(failed, PaymentsFailed)
    assert [type(one.problem) for one in failed.details] == [Declined]
    assert only(on.again(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSAL_CANDIDATE
    assert on.effects() == [("AUTHORIZE", 1_000)]


def test_after_the_first_failure_the_other_payments_are_not_tried() -> None:
    on = bench({**TWO, "checkout": {"priority": ["second", "first"]}})
    split(on)
    problem(on.submit(minor=3_000))
    assert on.spies["first"].calls == 0


def test_a_later_attempt_claims_what_an_earlier_one_secured() -> None:
    on = bench(TWO)
    good, bad = split(on)
    problem(on.submit(minor=3_000))
    told(on.shop.payments.archive(bad.id))
    on.pay(minor=2_000, gateway="second")
    placed = told(on.submit(minor=3_000, request_id="attempt-2"))
    assert isinstance(placed, CheckedOut)
    claimed = only(on.again(good), TransactionType.AUTHORIZE)
    assert (claimed.attempt, claimed.earlier_attempts, claimed.reversal) == (
        "attempt-2",
        ("attempt-1",),
        ReversalState.NONE,
    )
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)]


def test_an_attempt_that_fails_at_once_answers_for_what_the_one_before_it_still_waited_for() -> None:
    """Found by the simulation: nobody would ever have given this money back."""
    on = bench(TWO)
    stuck, slow = on.pay(minor=1_000, gateway="first"), on.pay(minor=2_000, gateway="second", token="tok_async")
    assert isinstance(told(on.submit(minor=3_000)), AwaitingResults)
    on.bank.fail_next("CAPTURE", "timeout_not_charged")
    problem(on.shop.transactions.capture(stuck.id))
    on.spies["first"].on_look_up = lambda _: None
    assert isinstance(problem(on.submit(minor=3_000, request_id="attempt-2")), PaymentsFailed)
    on.spies["first"].on_look_up = None
    on.bank.finish_async(on.again(slow).transactions[0].gateway_reference)
    on.settle_down()
    assert sorted(on.effects(TransactionType.REVERSE_AUTH)) == [("REVERSE_AUTH", 1_000), ("REVERSE_AUTH", 2_000)]


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


@pytest.mark.parametrize("at", ["first", "second"])
def test_a_run_that_was_overtaken_undoes_only_its_own_and_leaves_the_winner_alone(at: str) -> None:
    """A process stands still for longer than its lease; another attempt of the same cart goes on meanwhile."""
    on = bench({**TWO, **IMMEDIATE})
    split(on, "tok_approved")
    others: list[Any] = []

    def overtake(_: PaymentRequest) -> None:
        on.spies[at].during = None
        on.clock.advance(10 * MINUTE)
        others.append(on.submit(minor=3_000, request_id="other"))

    on.spies[at].during = overtake
    on.submit(minor=3_000, request_id="slow")
    on.settle_down()
    record = on.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    held = sum(minor for _, minor in on.effects(TransactionType.AUTHORIZE))
    held -= sum(minor for _, minor in on.effects(TransactionType.REVERSE_AUTH))
    assert held == (3_000 if record.state is CheckoutState.PLACED else 0)
    assert isinstance(others[0], Success) is (record.state is CheckoutState.PLACED)


def test_a_checkout_concluded_as_failed_behind_the_back_of_a_slow_run_is_not_reversed_once_it_is_placed() -> None:
    """The lease runs out during a slow call, maintenance calls the attempt failed, then the call succeeds."""
    on = bench(TWO)
    good, _ = split(on, "tok_approved")

    def slow(request: PaymentRequest) -> None:
        on.spies["second"].inner.execute(request)
        on.clock.advance(10 * MINUTE)
        told(on.shop.maintenance.run())

    on.spies["second"].during = slow
    placed = on.submit(minor=3_000)
    assert isinstance(told(placed), CheckedOut)
    assert only(on.again(good), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    on.settle_down()
    assert on.effects(TransactionType.REVERSE_AUTH) == []


@pytest.mark.parametrize("when", ["first", "second"])
def test_a_cancellation_behind_the_back_of_a_slow_run_leaves_nothing_held(when: str) -> None:
    on = bench(TWO)
    split(on, "tok_approved")

    def cancel(_: PaymentRequest) -> None:
        on.clock.advance(10 * MINUTE)
        told(on.shop.checkout.cancel(Owner("cart", "c-1")))

    on.spies[when].during = cancel
    assert isinstance(problem(on.submit(minor=3_000)), OperationNotAllowed | Busy)
    on.settle_down()
    assert sorted(on.effects(TransactionType.REVERSE_AUTH)) == [
        (kind.replace("AUTHORIZE", "REVERSE_AUTH"), minor)
        for kind, minor in sorted(on.effects(TransactionType.AUTHORIZE))
    ]


class Stubborn(ExternalActions):
    """Actions of a gateway that cannot be told to give one up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


def stubborn() -> Bench:
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    return with_gateway(on, actions=Stubborn(actions))


def test_what_has_lapsed_can_no_longer_be_finished_at_the_gateway() -> None:
    on = bench()
    required = three_d_secure(on)
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 1
    assert isinstance(problem(on.submit()), PaymentsFailed)
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        on.bank.complete_action(next_reference(required))


def test_what_was_finished_just_before_it_lapses_counts() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 0
    assert isinstance(told(on.submit()), CheckedOut)


def test_the_browser_that_comes_back_too_late_makes_the_gateway_be_asked() -> None:
    on = stubborn()
    required = three_d_secure(on)
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 1
    on.bank.complete_action(next_reference(required))
    problem(resume(on, required))
    assert on.effects() == [("AUTHORIZE", 5_990)]
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_a_late_success_that_nobody_wants_is_reversed_by_maintenance() -> None:
    on = stubborn()
    required = three_d_secure(on)
    on.settle_down(HOUR, 1)  # to the second: we have given up, the bank has not
    assert isinstance(problem(on.submit()), PaymentsFailed)
    on.bank.complete_action(next_reference(required))
    on.deliver()
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.SUCCEEDED
    assert payment.transactions[0].reversal is ReversalState.REQUIRES_REVERSAL
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


# --- cancelling ---


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


# --- the shopper is sent away and comes back ---


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("order", list(permutations(["webhook", "return", "poll", "maintenance"])))
def test_webhook_return_and_poll_come_in_any_order_and_the_end_is_the_same(
    order: tuple[str, ...], approve: bool
) -> None:
    """Medusa and Spree answer the race of webhook and return page by sleeping."""
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required), approve=approve)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    steps: dict[str, Callable[[], object]] = {
        "webhook": on.deliver,
        "return": lambda: resume(on, required),
        "poll": lambda: on.shop.transactions.refresh(payment.id),
        "maintenance": lambda: on.settle_down(50 * MINUTE, 1),
    }
    for step in order:
        steps[step]()
    if approve:
        assert isinstance(told(resume(on, required)), CheckedOut)
        assert isinstance(told(on.submit()), CheckedOut)
        assert on.again(payment).placed
    else:
        assert isinstance(problem(resume(on, required)), PaymentsFailed)
        assert not on.again(payment).restrictions
    assert on.effects() == ([("AUTHORIZE", 5_990)] if approve else [])
    assert told(on.shop.maintenance.needs_attention()) == ()


def test_the_return_of_the_browser_proves_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    lies = {"status": "SUCCEEDED", "approved": "true", "reference": next_reference(required)}
    again = told(on.shop.checkout.resume("sandbox", {"callback_token": required.callback_token, **lies}))
    assert isinstance(again, ActionRequired)
    assert on.effects() == []


def test_a_callback_token_that_is_wrong_foreign_or_of_another_merchant_opens_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    for token in (
        "wrong",
        required.callback_token[:-1],
        required.callback_token + "x",
        required.callback_token.upper(),
    ):
        assert isinstance(problem(on.shop.checkout.resume("sandbox", {"callback_token": token})), PaymentNotFound)
    other = on.shop.merchant("m-2").checkout.resume("sandbox", {"callback_token": required.callback_token})
    assert isinstance(problem(other), PaymentNotFound)
    assert on.store.of("default").checkout(Owner("cart", "c-1")).state is CheckoutState.ACTION_REQUIRED  # type: ignore[union-attr]


def test_a_callback_token_that_is_used_again_changes_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    placed = told(resume(on, required))
    commits, calls = len(on.store.commits), on.spy.calls
    assert told(resume(on, required)) == placed
    assert (len(on.store.commits), on.spy.calls) == (commits, calls)


def test_the_token_of_an_attempt_that_failed_revives_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required), approve=False)
    assert isinstance(problem(resume(on, required)), PaymentsFailed)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    told(on.shop.payments.update(payment.id, method=new_payment().method))
    told(on.shop.transactions.authorize(payment.id))
    assert isinstance(problem(resume(on, required)), OperationNotAllowed)
    assert isinstance(told(on.submit(request_id="attempt-2")), CheckedOut)


def test_a_return_while_a_new_attempt_is_under_way_is_busy() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second", token="tok_unreachable")
    failed = on.submit(minor=3_000)
    problem(failed)
    record = on.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    answers: list[Any] = []

    def come_back(_: PaymentRequest) -> None:
        now = on.store.of("default").checkout(Owner("cart", "c-1"))
        assert now is not None
        answers.append(on.shop.checkout.resume("first", {"callback_token": now.callback_token}))

    on.spies["second"].during = come_back
    on.submit(minor=3_000, request_id="attempt-2")
    assert [type(problem(one)) for one in answers] == [Busy]


def test_a_cart_that_changed_while_the_shopper_was_away_is_refused() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    changed = Cart("c-1", total=eur(9_990))
    assert isinstance(problem(resume(on, required, cart=changed)), NotCovered)
    assert isinstance(problem(resume(on, required)), OperationNotAllowed)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    told(on.shop.payments.update(payment.id, amount=eur(9_990)))
    topped_up = told(on.submit(minor=9_990, request_id="attempt-2"))
    on.bank.complete_action(next_reference(topped_up))
    assert isinstance(told(resume(on, topped_up, cart=changed)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 5_990), ("AUTHORIZE", 4_000)]


def test_a_cart_of_another_version_is_refused_even_if_its_total_is_the_same() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    required = told(on.submit(version="1"))
    on.bank.complete_action(next_reference(required))
    assert isinstance(problem(resume(on, required, cart=Cart("c-1", total=eur(5_990), version="2"))), NotCovered)


def test_payments_cannot_be_changed_while_the_shopper_is_away() -> None:
    on = bench()
    three_d_secure(on)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert isinstance(problem(on.shop.payments.update(payment.id, amount=eur(1))), OperationNotAllowed)
    assert isinstance(problem(on.shop.payments.archive(payment.id)), OperationNotAllowed)


def test_an_action_required_does_not_stop_the_other_payments() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second")
    required = told(on.submit(minor=3_000))
    assert isinstance(required, ActionRequired)
    assert on.effects() == [("AUTHORIZE", 2_000)]
    on.bank.complete_action(next_reference(required))
    params = {"callback_token": required.callback_token}
    assert isinstance(told(on.shop.checkout.resume("first", params)), CheckedOut)


def test_an_action_that_nobody_took_lapses_and_the_rest_is_reversed() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second")
    told(on.submit(minor=3_000))
    on.settle_down(HOUR + 1, 8)
    assert on.effects() == [("AUTHORIZE", 2_000), ("REVERSE_AUTH", 2_000)]


class Deaf(ExternalActions):
    """Actions of a gateway that cannot be reached."""

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        raise OSError(request, params)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request)


def test_an_action_does_not_lapse_while_the_gateway_cannot_be_asked() -> None:
    """Hyperswitch: a timeout is written as failed after the last poll."""
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    deaf = with_gateway(on, actions=Deaf())
    deaf.spy.on_look_up = lambda _: None
    deaf.settle_down(HOUR, 5)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.REQUIRES_ACTION
    on.spy.on_look_up = None
    on.settle_down(HOUR, 2)
    assert isinstance(told(on.submit()), CheckedOut)


def test_a_hosted_page_lets_the_shopper_pay_without_a_token() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "hosted_page": True}}})
    on.pay(token="")
    required = told(on.submit())
    assert required.next_actions[0].type == "hosted_page"
    on.bank.complete_action(next_reference(required))
    assert isinstance(told(resume(on, required)), CheckedOut)


def test_the_callback_token_goes_with_the_shopper_and_is_kept_by_a_repetition() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    cart = Cart("c-1", total=eur(5_990))
    url = "https://shop.example/back?a=1"
    required = told(on.shop.checkout.submit(cart, request_id="attempt-1", return_url=url))
    assert on.spy.executed[0].return_url == f"{url}&callback_token={required.callback_token}"
    assert told(on.shop.checkout.submit(cart, request_id="attempt-1", return_url=url)) == required
    assert len(required.callback_token) >= 22


# --- results that come later ---


@pytest.mark.parametrize("succeed", [True, False])
def test_a_checkout_that_awaits_results_is_concluded_by_the_webhook(succeed: bool) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    awaiting = told(on.submit())
    assert isinstance(awaiting, AwaitingResults)
    assert awaiting.awaiting == eur(5_990)
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference, succeed=succeed)
    on.deliver()
    record = on.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    assert record.state is (CheckoutState.PLACED if succeed else CheckoutState.FAILED)
    assert on.again(payment).placed is succeed
    answer = on.submit()
    assert isinstance(told(answer) if succeed else problem(answer), CheckedOut if succeed else PaymentsFailed)


def test_a_webhook_that_is_sent_again_concludes_what_a_crash_left_open() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.submit())
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference)
    ((headers, body),) = on.bank.webhooks()

    def crash_when_concluding(commit: Commit) -> None:
        if commit.checkouts:
            fail()(commit)

    on.store.before_commit = crash_when_concluding
    assert isinstance(problem(on.receive(headers, body)), StoreUnavailable)
    on.store.before_commit = None
    assert told(on.receive(headers, body)).status_code == 200
    assert on.again(payment).placed


def test_an_awaited_result_covers_only_where_the_gateway_is_configured_so() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    on.pay(token="tok_async")
    assert isinstance(told(on.submit()), CheckedOut)


def test_a_checkout_that_waits_for_days_does_not_keep_maintenance_from_the_others() -> None:
    on = bench()
    for number in range(3):
        on.pay(f"slow-{number}", token="tok_async")
        told(on.submit(f"slow-{number}"))
    on.clock.advance(2 * DAY)
    told(on.shop.maintenance.run(limit=10))
    assert told(on.shop.maintenance.run(limit=2)).concluded == 0


# --- crashes ---


def test_a_run_that_died_is_taken_over_after_its_lease_and_moves_nothing_twice() -> None:
    on = bench(TWO)
    split(on, "tok_approved")

    def die(request: PaymentRequest) -> None:
        on.spies["second"].inner.execute(request)
        raise KeyboardInterrupt

    on.spies["second"].during = die
    with pytest.raises(KeyboardInterrupt):
        on.submit(minor=3_000)
    on.spies["second"].during = None
    assert isinstance(problem(on.submit(minor=3_000)), Busy)
    on.clock.advance(6 * MINUTE)
    assert isinstance(told(on.submit(minor=3_000, request_id="attempt-2")), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)]


def test_a_run_that_died_and_that_nobody_takes_over_is_undone() -> None:
    on = bench(TWO)
    split(on, "tok_approved")

    def die(_: PaymentRequest) -> None:
        raise KeyboardInterrupt

    on.spies["second"].during = die
    with pytest.raises(KeyboardInterrupt):
        on.submit(minor=3_000)
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]


def test_a_failing_store_fails_the_checkout_and_the_next_one_finds_everything() -> None:
    """Every commit of a checkout fails once; afterwards the ledger and the bank agree, and the order is placed once."""
    commits = _commits_of_a_checkout()
    for number in range(commits):
        on = bench(TWO)
        split(on, "tok_approved")
        seen: list[Commit] = []

        def fail_one(commit: Commit, number: int = number, seen: list[Commit] = seen) -> None:
            seen.append(commit)
            if len(seen) == number + 1:
                fail()(commit)

        on.store.before_commit = fail_one
        assert isinstance(problem(on.submit(minor=3_000)), StoreUnavailable | PaymentsFailed), number
        on.store.before_commit = None
        on.clock.advance(6 * MINUTE)
        assert isinstance(told(on.submit(minor=3_000)), CheckedOut), number
        assert on.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)], number


def _commits_of_a_checkout() -> int:
    on = bench(TWO)
    split(on, "tok_approved")
    before = len(on.store.commits)
    told(on.submit(minor=3_000))
    return len(on.store.commits) - before


# --- payments before the checkout ---


def test_a_smaller_amount_demands_that_what_is_held_goes_back() -> None:
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.update(payment.id, amount=eur(4_000)))
    assert isinstance(told(on.submit(minor=4_000)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 10_000), ("REVERSE_AUTH", 10_000), ("AUTHORIZE", 4_000)]


def test_an_archived_payment_is_out_of_its_cart_and_gives_back_what_it_held() -> None:
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    on.pay(minor=4_000)
    assert isinstance(told(on.submit(minor=4_000)), CheckedOut)
    assert isinstance(problem(on.shop.transactions.authorize(payment.id)), OperationNotAllowed)
    on.settle_down()
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 10_000)]


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


def test_a_payment_is_topped_up_by_what_its_amount_grew() -> None:
    on = bench()
    payment = on.pay(minor=4_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.update(payment.id, amount=eur(5_000)))
    assert problem(on.shop.transactions.authorize(payment.id, eur(1_001))) == AmountNotAvailable(eur(1_000))
    assert isinstance(told(on.submit(minor=5_000)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 4_000), ("AUTHORIZE", 1_000)]


def test_the_method_cannot_be_changed_while_money_is_open_on_it() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    other = new_payment(token="tok_declined").method
    assert isinstance(problem(on.shop.payments.update(payment.id, method=other)), OperationNotAllowed)
