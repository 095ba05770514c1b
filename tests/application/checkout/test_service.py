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
from tests.application.checkout.scenarios import checkout_record, two_payments
from tests.application.fixtures import (
    CUSTOMER,
    HOUR,
    MINUTE,
    eur,
    only,
    open_shop,
    problem,
    value_of,
    with_gateway,
    without_gateway,
)
from tests.application.scenarios import OWNER, TWO_GATEWAYS
from tests.application.stubs import fail

AT_ONCE = {"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}}


# --- placing ---


def test_a_checkout_secures_the_total_and_says_so() -> None:
    shop = open_shop()
    payment = shop.pay()
    placed = value_of(shop.submit())
    assert isinstance(placed, CheckedOut)
    (receipt,) = placed.receipts
    assert (receipt.payment_id, receipt.secured, placed.total) == (payment.id, eur(5_990), eur(5_990))
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_gateway_may_be_configured_to_capture_at_checkout() -> None:
    shop = open_shop(AT_ONCE)
    shop.pay()
    assert isinstance(value_of(shop.submit()), CheckedOut)
    assert shop.effects() == [("AUTHORIZE_AND_CAPTURE", 5_990)]


@pytest.mark.parametrize("priority", [["first", "second"], ["second", "first"]])
def test_several_payments_are_secured_in_the_configured_order(priority: list[str]) -> None:
    shop = open_shop({**TWO_GATEWAYS, "checkout": {"priority": priority}})
    order: list[str] = []
    for name, spy in shop.spies.items():
        spy.during = lambda _, name=name: order.append(name)
        shop.pay(minor=1_000, gateway=name)
    assert isinstance(value_of(shop.submit(minor=2_000)), CheckedOut)
    assert order == priority


def test_stored_value_is_charged_after_what_is_harder_to_reverse() -> None:
    shop = open_shop({"gateways": {"gift": {"adapter": "stored_value"}, "sandbox": {"adapter": "sandbox"}}})
    assert shop.payports.policy.checkout_priority == ("sandbox", "gift")


def test_a_total_of_zero_needs_no_payment() -> None:
    shop = open_shop()
    placed = value_of(shop.submit(minor=0))
    assert isinstance(placed, CheckedOut)
    assert placed.receipts == ()
    assert value_of(shop.submit(minor=0)) == placed
    assert shop.spy.calls == 0


def test_a_placed_order_restricts_its_payments() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    assert shop.reload(payment).placed
    assert isinstance(problem(shop.payments.update(payment.id, amount=eur(1))), OperationNotAllowed)
    assert isinstance(problem(shop.payments.archive(payment.id)), OperationNotAllowed)
    assert isinstance(problem(shop.checkout.cancel(Owner("cart", "c-1"))), OperationNotAllowed)


# --- refusing ---


def test_payments_that_do_not_add_up_are_refused_before_money_moves() -> None:
    shop = open_shop()
    shop.pay(minor=9_999)
    refused = problem(shop.submit(minor=10_000))
    assert isinstance(refused, NotCovered)
    assert refused.coverage.planned == eur(9_999)
    assert isinstance(problem(shop.submit(minor=9_998)), NotCovered)
    assert isinstance(problem(shop.submit(minor=0)), NotCovered)
    assert shop.spy.calls == 0


def test_two_currencies_are_never_added_up() -> None:
    """Medusa adds EUR to USD."""
    shop = open_shop()
    shop.pay(minor=1_000)
    shop.pay(amount=Money(1_000, "USD"))
    assert isinstance(problem(shop.submit(minor=2_000)), CurrencyMismatch)
    assert isinstance(problem(shop.payments.coverage(Cart("c-1", total=eur(2_000)))), CurrencyMismatch)
    assert shop.spy.calls == 0


def test_the_payment_of_another_customer_does_not_pay_for_a_cart() -> None:
    shop = open_shop()
    shop.pay(customer=Customer("cu-2"))
    assert isinstance(problem(shop.submit(customer=Customer("cu-1"))), OperationNotAllowed)
    assert shop.spy.calls == 0


def test_options_that_are_configured_are_enforced_at_checkout() -> None:
    shop = open_shop(
        {"options": [{"gateway": "sandbox", "types": ["DEBIT_CARD"], "minimum": {"EUR": "10.00"}, "countries": ["DE"]}]}
    )
    shop.pay()
    assert isinstance(problem(shop.submit(country="DE")), OperationNotAllowed)
    shop.pay("c-2", type=PaymentType.DEBIT_CARD)
    assert isinstance(problem(shop.submit("c-2", country="FR")), OperationNotAllowed)
    assert isinstance(problem(shop.submit("c-2")), OperationNotAllowed)
    shop.pay("c-3", 999, type=PaymentType.DEBIT_CARD)
    assert isinstance(problem(shop.submit("c-3", 999, country="DE")), OperationNotAllowed)
    assert shop.spy.calls == 0
    assert isinstance(value_of(shop.submit("c-2", country="DE")), CheckedOut)


def test_a_removed_gateway_is_refused_before_money_moves() -> None:
    shop = open_shop()
    shop.pay()
    assert problem(without_gateway(shop).submit()) == GatewayUnsupported("sandbox", "checkout")


# --- once ---


def test_a_repeated_request_gives_the_first_outcome_again_without_a_call() -> None:
    for token in ("tok_approved", "tok_declined", "tok_declined_hard", "tok_partial", "tok_async"):
        shop = open_shop()
        shop.pay(token=token)
        first = shop.submit()
        executed = len(shop.spy.executed)
        assert shop.submit() == first
        assert len(shop.spy.executed) == executed, token


def test_a_request_id_with_another_cart_is_a_conflict() -> None:
    shop = open_shop()
    shop.pay()
    value_of(shop.submit())
    assert problem(shop.submit(minor=5_991)) == Conflict("attempt-1")
    assert problem(shop.submit(version="2")) == Conflict("attempt-1")


def test_a_request_id_with_other_payments_is_a_conflict_until_the_order_is_placed() -> None:
    shop = open_shop()
    shop.pay(token="tok_declined")
    problem(shop.submit())
    shop.pay(minor=1)
    assert problem(shop.submit()) == Conflict("attempt-1")


def test_a_placed_cart_is_not_checked_out_again_under_another_request() -> None:
    shop = open_shop()
    shop.pay()
    value_of(shop.submit())
    assert isinstance(problem(shop.submit(request_id="attempt-2")), OperationNotAllowed)
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_click_while_the_first_is_under_way_is_busy() -> None:
    shop = open_shop()
    shop.pay()
    answers: list[Any] = []

    def click(_: object) -> None:
        answers.append(shop.submit())
        answers.append(shop.submit(request_id="attempt-2"))

    shop.spy.during = click
    value_of(shop.submit())
    assert [type(problem(answer)) for answer in answers] == [Busy, Busy]
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_transaction_that_was_not_executed_is_retried_by_the_same_request() -> None:
    shop = open_shop()
    shop.pay()
    shop.bank.fail_next("AUTHORIZE", "unreachable")
    failed = problem(shop.submit())
    assert isinstance(failed, PaymentsFailed)
    assert isinstance(failed.details[0].problem, NotExecuted)
    assert isinstance(value_of(shop.submit()), CheckedOut)


@pytest.mark.parametrize("request_id", ["attempt-1", "attempt-2"])
def test_an_unknown_result_is_looked_up_before_the_next_attempt_and_never_charged_twice(request_id: str) -> None:
    """Medusa deletes the row after a timeout, so that the retry gets a new key."""
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    failed = problem(shop.submit())
    assert isinstance(failed.details[0].problem, ResultUnknown)
    assert isinstance(value_of(shop.submit(request_id=request_id)), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 5_990)]
    assert only(shop.reload(payment), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_an_unknown_result_stops_the_checkout_until_it_is_known() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.submit())
    shop.spy.on_look_up = lambda _: None
    for number in range(3):
        failed = problem(shop.submit(request_id=f"attempt-{number}"))
        assert isinstance(failed.details[0].problem, ResultUnknown)
        shop.clock.advance(HOUR)
        value_of(shop.maintenance.run())
    assert shop.reload(payment).transactions[0].status is TransactionStatus.UNKNOWN
    assert shop.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("request_ids", ["a" * 8, "abcdefgh"])
def test_eight_clicks_at_once_have_one_effect(request_ids: str) -> None:
    shop = open_shop()
    shop.pay()

    def click(request_id: str) -> Any:
        return shop.submit(request_id=request_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, request_ids))
    assert shop.effects() == [("AUTHORIZE", 5_990)]
    losers = [answer for answer in answers if not isinstance(answer, Success)]
    assert len(losers) < len(answers)
    assert all(isinstance(problem(answer), Busy | OperationNotAllowed) for answer in losers)


# --- failing ---


def test_a_failure_stops_the_checkout_and_keeps_its_holds_for_a_while() -> None:
    shop = open_shop(TWO_GATEWAYS)
    good, _ = two_payments(shop)
    failed = problem(shop.submit(minor=3_000))
    assert isinstance(failed, PaymentsFailed)
    assert [type(detail.problem) for detail in failed.details] == [Declined]
    assert only(shop.reload(good), TransactionType.AUTHORIZE).reversal is ReversalState.REVERSAL_CANDIDATE
    assert shop.effects() == [("AUTHORIZE", 1_000)]


def test_after_the_first_failure_the_other_payments_are_not_tried() -> None:
    shop = open_shop({**TWO_GATEWAYS, "checkout": {"priority": ["second", "first"]}})
    two_payments(shop)
    problem(shop.submit(minor=3_000))
    assert shop.spies["first"].calls == 0


# --- crashes ---


def test_a_dead_attempt_is_taken_over_after_its_lease_and_moves_nothing_twice() -> None:
    shop = open_shop(TWO_GATEWAYS)
    two_payments(shop, "tok_approved")

    def die(request: PaymentRequest) -> None:
        shop.spies["second"].inner.execute(request)
        raise KeyboardInterrupt

    shop.spies["second"].during = die
    with pytest.raises(KeyboardInterrupt):
        shop.submit(minor=3_000)
    shop.spies["second"].during = None
    assert isinstance(problem(shop.submit(minor=3_000)), Busy)
    shop.clock.advance(6 * MINUTE)
    assert isinstance(value_of(shop.submit(minor=3_000, request_id="attempt-2")), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)]


def test_a_dead_attempt_that_nobody_takes_over_is_reversed() -> None:
    shop = open_shop(TWO_GATEWAYS)
    two_payments(shop, "tok_approved")

    def die(_: PaymentRequest) -> None:
        raise KeyboardInterrupt

    shop.spies["second"].during = die
    with pytest.raises(KeyboardInterrupt):
        shop.submit(minor=3_000)
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 1_000), ("REVERSE_AUTH", 1_000)]


def test_a_failing_store_fails_the_checkout_and_the_next_one_finds_everything() -> None:
    """Every commit of a checkout fails once; afterwards the ledger and the bank agree, and the order is placed once."""
    commits = _commits_of_a_checkout()
    for number in range(commits):
        shop = open_shop(TWO_GATEWAYS)
        two_payments(shop, "tok_approved")
        seen: list[Commit] = []

        def fail_one(commit: Commit, number: int = number, seen: list[Commit] = seen) -> None:
            seen.append(commit)
            if len(seen) == number + 1:
                fail()(commit)

        shop.store.before_commit = fail_one
        assert isinstance(problem(shop.submit(minor=3_000)), StoreUnavailable | PaymentsFailed), number
        shop.store.before_commit = None
        shop.clock.advance(6 * MINUTE)
        assert isinstance(value_of(shop.submit(minor=3_000)), CheckedOut), number
        assert shop.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)], number


def _commits_of_a_checkout() -> int:
    shop = open_shop(TWO_GATEWAYS)
    two_payments(shop, "tok_approved")
    before = len(shop.store.commits)
    value_of(shop.submit(minor=3_000))
    return len(shop.store.commits) - before


# --- payments before the checkout ---


def test_a_smaller_amount_reverses_the_larger_hold() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.update(payment.id, amount=eur(4_000)))
    assert isinstance(value_of(shop.submit(minor=4_000)), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 10_000), ("REVERSE_AUTH", 10_000), ("AUTHORIZE", 4_000)]


def test_an_archived_payment_leaves_its_cart_and_its_hold_is_reversed() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.archive(payment.id))
    shop.pay(minor=4_000)
    assert isinstance(value_of(shop.submit(minor=4_000)), CheckedOut)
    assert isinstance(problem(shop.transactions.authorize(payment.id)), OperationNotAllowed)
    shop.let_time_pass()
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 10_000)]


def test_a_payment_is_topped_up_by_the_rise_of_its_amount() -> None:
    shop = open_shop()
    payment = shop.pay(minor=4_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.update(payment.id, amount=eur(5_000)))
    assert problem(shop.transactions.authorize(payment.id, eur(1_001))) == AmountNotAvailable(eur(1_000))
    assert isinstance(value_of(shop.submit(minor=5_000)), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 4_000), ("AUTHORIZE", 1_000)]


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("", ""),
        ("https://shop.example/back", "https://shop.example/back?callback_token=t"),
        ("https://shop.example/back?a=1", "https://shop.example/back?a=1&callback_token=t"),
    ],
)
def test_the_callback_token_is_added_to_the_return_url(url: str, completed: str) -> None:
    assert with_token(url, "t") == completed


class Validator:
    """Accepts every method, and keeps its type."""

    def __init__(self) -> None:
        self.types: list[PaymentType] = []

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        del method
        self.types.append(payment_type)
        return None


def test_the_gateway_validates_a_method_again_at_checkout() -> None:
    validator = Validator()
    shop = with_gateway(open_shop(), validator=validator)
    shop.pay(type=PaymentType.DEBIT_CARD)
    value_of(shop.submit())
    assert validator.types == [PaymentType.DEBIT_CARD] * 2


def test_a_claim_records_the_whole_attempt() -> None:
    shop = open_shop()
    shop.pay(customer=CUSTOMER)
    running: list[CheckoutRecord] = []
    shop.spy.during = lambda _: running.append(checkout_record(shop))
    value_of(shop.submit(version="v-7", customer=CUSTOMER))
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
        version=2,  # the claim, and the renewed lease with the first intent
    )
    assert attrs.evolve(checkout_record(shop), version=0) == attrs.evolve(
        claimed, state=CheckoutState.PLACED, lease_until=START + timedelta(days=1), version=0
    )
