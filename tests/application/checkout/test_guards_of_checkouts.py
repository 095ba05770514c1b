"""Guards of a checkout that only matter when somebody comes in between, or when time has passed: what it claims, waits for and gives up."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import (
    ActionRequired,
    AwaitingResults,
    Busy,
    CheckedOut,
    FailedPayment,
    NotCovered,
    Owner,
    Payment,
    PaymentsFailed,
    ReversalState,
    TransactionStatus,
    TransactionType,
)
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.coverage import coverage
from payports.domain.payment import Restriction
from payports.ports.store import CheckoutRecord, CheckoutState, Commit
from tests.application.shops import (
    DAY,
    MINUTE,
    Bench,
    bench,
    eur,
    next_reference,
    only,
    problem,
    seen,
    snapshot,
    told,
)
from tests.application.writers import faster, once

OWNER: Final = Owner("cart", "c-1")
TWO: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}
AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def record_of(on: Bench) -> CheckoutRecord:
    record = on.store.of("default").checkout(OWNER)
    assert record
    return record


def resume(on: Bench, gateway: str = "sandbox") -> Any:
    return on.shop.checkout.resume(gateway, {"callback_token": record_of(on).callback_token})


def die(_: object) -> None:
    raise KeyboardInterrupt


# --- another attempt comes in between ---


def test_an_attempt_that_is_overtaken_before_it_claims_a_payment_leaves_it_to_the_other() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))

    def overtake(commit: Commit) -> None:
        if commit.changes:  # the attempt has its claim on the checkout, and now claims the payment
            on.store.before_commit = None
            on.clock.advance(10 * MINUTE)
            on.bank.fail_next("AUTHORIZE", "declined")
            more.append(on.pay(minor=10))
            problem(on.submit(minor=6_000, request_id="other"))

    more: list[Payment] = []
    on.store.before_commit = overtake
    assert problem(on.submit(request_id="slow")) == Busy("checkout of cart c-1")
    row = only(on.again(payment), AUTHORIZE)
    assert (row.attempt, row.earlier_attempts) == ("other", ())
    assert row.reversal is ReversalState.REVERSAL_CANDIDATE
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_a_payment_that_moves_all_the_time_is_busy_and_says_which_it_was() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.store.before_commit = once(lambda commit: faster(on, payment) if commit.changes else None, 1 + TRIES)
    busy = FailedPayment(payment_id=payment.id, problem=Busy(f"payment {payment.id}"))
    assert problem(on.submit()) == PaymentsFailed((busy,))


def test_a_payment_that_moves_while_an_attempt_is_taken_over_is_claimed_as_it_is_then() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.submit())
    on.store.before_commit = once(lambda _: faster(on, payment))
    assert isinstance(told(on.submit(request_id="attempt-2")), AwaitingResults)
    assert only(on.again(payment), AUTHORIZE).attempt == "attempt-2"


def test_what_is_taken_over_from_the_dead_is_told_of_as_the_checkouts() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.submit())
    on.store.after_commit = die  # as soon as it has its claim
    with pytest.raises(KeyboardInterrupt):
        on.submit(request_id="attempt-2")
    on.store.after_commit = None
    on.clock.advance(6 * MINUTE)
    told(on.submit(request_id="attempt-3"))
    facts = [one.fact for one in on.store.of("default").history(payment.id)]
    assert {one.by for one in facts if one.kind == "transaction.reversal"} == {"checkout"}
    assert [one.reversal for one in on.again(payment).transactions if one.succeeded] == [ReversalState.NONE] * 2


def test_what_the_host_holds_itself_is_not_taken_by_an_attempt_that_never_came_to_it() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_declined")
    own = on.pay(minor=2_000, gateway="second")
    told(on.shop.transactions.authorize(own.id))
    problem(on.submit(minor=3_000))
    row = only(on.again(own), AUTHORIZE)
    assert (row.attempt, row.reversal) == ("", ReversalState.NONE)
    on.settle_down()
    assert on.effects(REVERSE_AUTH) == []


@pytest.mark.parametrize(("early", "taken_over"), [(1, False), (0, True)])
def test_a_lease_is_over_at_its_end(early: int, taken_over: bool) -> None:
    on = bench()
    on.pay()
    on.store.after_commit = die
    with pytest.raises(KeyboardInterrupt):
        on.submit()
    on.store.after_commit = None
    on.clock.advance((record_of(on).lease_until - on.clock.now()).total_seconds() - early)
    answer = on.submit(request_id="attempt-2")
    assert isinstance(told(answer) if taken_over else problem(answer), CheckedOut if taken_over else Busy)


# --- what it waits for ---


def test_nothing_waits_and_the_total_is_not_covered_so_it_has_failed() -> None:
    """Else nobody would ever conclude it, and what it still holds would never go back."""
    on = bench(TWO)
    gone, slow = on.pay(minor=1_000, gateway="first"), on.pay(minor=2_000, gateway="second", token="tok_async")
    assert isinstance(told(on.submit(minor=3_000)), AwaitingResults)
    told(on.shop.transactions.reverse_authorization(gone.id))
    assert isinstance(told(on.submit(minor=3_000)), AwaitingResults)
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=only(on.again(slow), AUTHORIZE).id)
    told(on.shop.transactions.record(slow.id, fact))
    assert record_of(on).state is CheckoutState.FAILED
    payments = [on.again(one) for one in (gone, slow)]
    assert problem(resume(on, "first")) == NotCovered(eur(3_000), coverage(eur(3_000), payments))
    on.bank.finish_async(only(on.again(slow), AUTHORIZE).gateway_reference)
    on.settle_down()
    assert sorted(on.effects(REVERSE_AUTH)) == [("REVERSE_AUTH", 1_000), ("REVERSE_AUTH", 2_000)]


def test_more_than_the_total_is_no_cover_though_something_still_waits() -> None:
    on = bench(TWO)
    twice, slow = on.pay(minor=2_000, gateway="first"), on.pay(minor=500, gateway="second", token="tok_async")
    assert isinstance(told(on.submit(minor=2_500)), AwaitingResults)
    back = told(on.shop.transactions.reverse_authorization(twice.id)).transactions[0]
    told(on.shop.transactions.authorize(twice.id))
    assert record_of(on).state is CheckoutState.AWAITING_RESULTS
    on.shop.transactions.record(twice.id, seen(TransactionStatus.REVOKED, transaction_id=back.id))
    payments = [on.again(one) for one in (twice, slow)]
    cover = coverage(eur(2_500), payments)
    assert cover.state == "OVER"
    assert problem(resume(on, "first")) == NotCovered(eur(2_500), cover)


def test_cover_that_is_awaited_counts_in_a_refusal_too() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = on.pay(token="tok_async")
    told(on.shop.transactions.authorize(payment.id))
    refused = problem(on.submit(minor=6_000))
    assert refused == NotCovered(eur(6_000), coverage(eur(6_000), [on.again(payment)], ["sandbox"]))
    assert refused.coverage.remaining == eur(10)


@pytest.mark.parametrize(("early", "renewed"), [(1, False), (0, True)])
def test_what_waits_is_looked_at_again_once_its_time_has_come(early: int, renewed: bool) -> None:
    on = bench()
    on.pay(token="tok_async")
    told(on.submit())
    due = record_of(on).lease_until
    on.clock.advance((due - on.clock.now()).total_seconds() - early)
    told(on.submit())
    assert (record_of(on).lease_until > due) is renewed


def test_asking_about_what_has_failed_long_ago_changes_nothing() -> None:
    on = bench()
    on.pay(token="tok_declined")
    problem(on.submit())
    on.clock.advance(30 * DAY)
    before = snapshot(on)
    assert isinstance(problem(resume(on)), PaymentsFailed)
    assert snapshot(on) == before


# --- the shopper is away ---


def test_the_shopper_who_is_away_may_change_nothing_meanwhile() -> None:
    on = bench()
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    away = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
    assert on.again(payment).restrictions == {away}


def test_a_new_attempt_asks_what_the_shopper_has_done_meanwhile() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    on.bank.complete_action(next_reference(told(on.submit())))
    assert isinstance(told(on.submit(request_id="attempt-2")), CheckedOut)


@pytest.mark.parametrize("moving", [0, TRIES])
def test_the_shopper_comes_back_with_two_things_done_on_one_payment(moving: int) -> None:
    on = bench()
    payment = on.pay(minor=3_000, token="tok_3ds")
    for minor in (1_000, 2_000):
        told(on.shop.transactions.authorize(payment.id, eur(minor)))
    required = told(on.submit(minor=3_000))
    for action in required.next_actions:
        on.bank.complete_action(action.reference)
    on.store.before_commit = once(lambda _: faster(on, payment), moving)
    assert isinstance(told(resume(on)), CheckedOut if not moving else ActionRequired)
    assert sorted(one.status.value for one in on.again(payment).transactions) == (
        ["SUCCEEDED", "SUCCEEDED"] if not moving else ["REQUIRES_ACTION", "SUCCEEDED"]
    )
