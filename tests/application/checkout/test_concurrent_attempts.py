"""Several attempts to check out the same cart: one is in charge, and whoever lost its lease undoes only its own."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import (
    AwaitingResults,
    Busy,
    CheckedOut,
    FailedPayment,
    OperationNotAllowed,
    Owner,
    Payment,
    PaymentsFailed,
    ReversalState,
    Success,
    TransactionType,
)
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.checkout import CheckoutState
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest
from tests.application.checkout.scenarios import record_of, split
from tests.application.scenarios import TWO
from tests.application.shops import MINUTE, bench, eur, only, problem, told
from tests.application.writers import faster, once

IMMEDIATE = {"checkout": {"rollback": "immediate"}}


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


# --- another attempt comes in between ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def die(_: object) -> None:
    raise KeyboardInterrupt


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
