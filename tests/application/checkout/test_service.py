"""The checkout of a cart: all or nothing, and once, however often it is submitted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import attrs
import pytest

from payports import (
    AmountNotAvailable,
    Busy,
    Cart,
    CheckedOut,
    Conflict,
    CurrencyMismatch,
    Customer,
    Declined,
    GatewayUnsupported,
    InvalidInput,
    Money,
    NotCovered,
    NotExecuted,
    OperationNotAllowed,
    Owner,
    PaymentMethod,
    PaymentsFailed,
    PaymentType,
    ResultUnknown,
    ReversalState,
    StoreUnavailable,
    Success,
    TransactionStatus,
    TransactionType,
)
from payports.application.checkout.attempt import with_token
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest
from payports.testing.clock import START
from tests.application.checkout.scenarios import record_of, split
from tests.application.scenarios import OWNER, TWO
from tests.application.shops import (
    CUSTOMER,
    HOUR,
    MINUTE,
    bench,
    eur,
    fail,
    only,
    problem,
    told,
    with_gateway,
    without_gateway,
)

AT_ONCE = {"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}}


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


def test_a_payment_is_topped_up_by_what_its_amount_grew() -> None:
    on = bench()
    payment = on.pay(minor=4_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.update(payment.id, amount=eur(5_000)))
    assert problem(on.shop.transactions.authorize(payment.id, eur(1_001))) == AmountNotAvailable(eur(1_000))
    assert isinstance(told(on.submit(minor=5_000)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 4_000), ("AUTHORIZE", 1_000)]


# --- details ---


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("", ""),
        ("https://shop.example/back", "https://shop.example/back?callback_token=t"),
        ("https://shop.example/back?a=1", "https://shop.example/back?a=1&callback_token=t"),
    ],
)
def test_the_callback_token_is_added_to_an_address(url: str, completed: str) -> None:
    assert with_token(url, "t") == completed


class Validator:
    """Finds every method good, and notes of which type it is."""

    def __init__(self) -> None:
        self.asked: list[PaymentType] = []

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        del method
        self.asked.append(payment_type)
        return None


def test_the_gateway_looks_at_a_method_again_when_it_is_to_pay() -> None:
    validator = Validator()
    on = with_gateway(bench(), validator=validator)
    on.pay(type=PaymentType.DEBIT_CARD)
    told(on.submit())
    assert validator.asked == [PaymentType.DEBIT_CARD] * 2


def test_a_claim_keeps_all_that_an_attempt_must_be_known_by() -> None:
    on = bench()
    on.pay(customer=CUSTOMER)
    running: list[CheckoutRecord] = []
    on.spy.during = lambda _: running.append(record_of(on))
    told(on.submit(version="v-7", customer=CUSTOMER))
    (claimed,) = running
    assert attrs.evolve(claimed, fingerprint="", callback_token="") == CheckoutRecord(
        owner=OWNER,
        request_id="attempt-1",
        fingerprint="",
        total=eur(5_990),
        state=CheckoutState.RUNNING,
        lease_until=START + timedelta(minutes=5),
        cart_version="v-7",
        customer=CUSTOMER,
        started_at=START,
        version=2,  # the claim, and the proof of the hold with the first intent
    )
    assert attrs.evolve(record_of(on), version=0) == attrs.evolve(
        claimed, state=CheckoutState.PLACED, lease_until=START + timedelta(days=1), version=0
    )
