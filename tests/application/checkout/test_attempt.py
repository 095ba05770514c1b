"""Several attempts to check out the same cart: the holder of the lease goes on, an overtaken attempt reverses only its own."""

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
from tests.application.checkout.scenarios import checkout_record, two_payments
from tests.application.concurrent_writers import before_next_commits, commit_meanwhile
from tests.application.fixtures import MINUTE, eur, only, open_shop, problem, value_of
from tests.application.scenarios import TWO_GATEWAYS

IMMEDIATE = {"checkout": {"rollback": "immediate"}}


def test_a_later_attempt_claims_what_an_earlier_attempt_secured() -> None:
    shop = open_shop(TWO_GATEWAYS)
    good, bad = two_payments(shop)
    problem(shop.submit(minor=3_000))
    value_of(shop.payments.archive(bad.id))
    shop.pay(minor=2_000, gateway="second")
    placed = value_of(shop.submit(minor=3_000, request_id="attempt-2"))
    assert isinstance(placed, CheckedOut)
    claimed = only(shop.reload(good), TransactionType.AUTHORIZE)
    assert (claimed.attempt, claimed.earlier_attempts, claimed.reversal) == (
        "attempt-2",
        ("attempt-1",),
        ReversalState.NONE,
    )
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 1_000), ("AUTHORIZE", 2_000)]


def test_an_attempt_that_fails_at_once_also_reverses_what_the_attempt_before_it_waited_for() -> None:
    """Found by the simulation: this hold would never have been reversed."""
    shop = open_shop(TWO_GATEWAYS)
    stuck, slow = shop.pay(minor=1_000, gateway="first"), shop.pay(minor=2_000, gateway="second", token="tok_async")
    assert isinstance(value_of(shop.submit(minor=3_000)), AwaitingResults)
    shop.bank.fail_next("CAPTURE", "timeout_not_charged")
    problem(shop.transactions.capture(stuck.id))
    shop.spies["first"].on_look_up = lambda _: None
    assert isinstance(problem(shop.submit(minor=3_000, request_id="attempt-2")), PaymentsFailed)
    shop.spies["first"].on_look_up = None
    shop.bank.finish_async(shop.reload(slow).transactions[0].gateway_reference)
    shop.let_time_pass()
    assert sorted(shop.effects(TransactionType.REVERSE_AUTH)) == [("REVERSE_AUTH", 1_000), ("REVERSE_AUTH", 2_000)]


@pytest.mark.parametrize("at", ["first", "second"])
def test_an_overtaken_attempt_undoes_only_its_own_transactions(at: str) -> None:
    """A process stalls for longer than its lease, and another attempt of the same cart goes on."""
    shop = open_shop({**TWO_GATEWAYS, **IMMEDIATE})
    two_payments(shop, "tok_approved")
    others: list[Any] = []

    def overtake(_: PaymentRequest) -> None:
        shop.spies[at].during = None
        shop.clock.advance(10 * MINUTE)
        others.append(shop.submit(minor=3_000, request_id="other"))

    shop.spies[at].during = overtake
    shop.submit(minor=3_000, request_id="slow")
    shop.let_time_pass()
    record = shop.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    held = sum(minor for _, minor in shop.effects(TransactionType.AUTHORIZE))
    held -= sum(minor for _, minor in shop.effects(TransactionType.REVERSE_AUTH))
    assert held == (3_000 if record.state is CheckoutState.PLACED else 0)
    assert isinstance(others[0], Success) is (record.state is CheckoutState.PLACED)


def test_an_attempt_that_maintenance_called_failed_is_not_reversed_if_it_is_placed_after_all() -> None:
    """The lease ends during a slow call, maintenance finalizes the attempt as failed, then the call succeeds."""
    shop = open_shop(TWO_GATEWAYS)
    good, _ = two_payments(shop, "tok_approved")

    def slow(request: PaymentRequest) -> None:
        shop.spies["second"].inner.execute(request)
        shop.clock.advance(10 * MINUTE)
        value_of(shop.maintenance.run())

    shop.spies["second"].during = slow
    placed = shop.submit(minor=3_000)
    assert isinstance(value_of(placed), CheckedOut)
    assert only(shop.reload(good), TransactionType.AUTHORIZE).reversal is ReversalState.NONE
    shop.let_time_pass()
    assert shop.effects(TransactionType.REVERSE_AUTH) == []


@pytest.mark.parametrize("when", ["first", "second"])
def test_a_cancellation_during_a_slow_attempt_leaves_nothing_held(when: str) -> None:
    shop = open_shop(TWO_GATEWAYS)
    two_payments(shop, "tok_approved")

    def cancel(_: PaymentRequest) -> None:
        shop.clock.advance(10 * MINUTE)
        value_of(shop.checkout.cancel(Owner("cart", "c-1")))

    shop.spies[when].during = cancel
    assert isinstance(problem(shop.submit(minor=3_000)), OperationNotAllowed | Busy)
    shop.let_time_pass()
    assert sorted(shop.effects(TransactionType.REVERSE_AUTH)) == [
        (kind.replace("AUTHORIZE", "REVERSE_AUTH"), minor)
        for kind, minor in sorted(shop.effects(TransactionType.AUTHORIZE))
    ]


# --- another attempt comes in between ---


AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def die(_: object) -> None:
    raise KeyboardInterrupt


def test_an_attempt_overtaken_before_it_claims_a_payment_leaves_it_to_the_other_attempt() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))

    def overtake(commit: Commit) -> None:
        if commit.changes:  # the attempt has claimed the checkout, and now claims the payment
            shop.store.before_commit = None
            shop.clock.advance(10 * MINUTE)
            shop.bank.fail_next("AUTHORIZE", "declined")
            more.append(shop.pay(minor=10))
            problem(shop.submit(minor=6_000, request_id="other"))

    more: list[Payment] = []
    shop.store.before_commit = overtake
    assert problem(shop.submit(request_id="slow")) == Busy("checkout of cart c-1")
    row = only(shop.reload(payment), AUTHORIZE)
    assert (row.attempt, row.earlier_attempts) == ("other", ())
    assert row.reversal is ReversalState.REVERSAL_CANDIDATE
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_payment_that_changes_all_the_time_is_reported_as_busy() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.store.before_commit = before_next_commits(
        lambda commit: commit_meanwhile(shop, payment) if commit.changes else None, 1 + TRIES
    )
    busy = FailedPayment(payment_id=payment.id, problem=Busy(f"payment {payment.id}"))
    assert problem(shop.submit()) == PaymentsFailed((busy,))


def test_a_payment_that_changes_during_a_takeover_is_claimed_as_it_is_then() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    shop.store.before_commit = before_next_commits(lambda _: commit_meanwhile(shop, payment))
    assert isinstance(value_of(shop.submit(request_id="attempt-2")), AwaitingResults)
    assert only(shop.reload(payment), AUTHORIZE).attempt == "attempt-2"


def test_claims_taken_over_from_a_dead_attempt_are_recorded_as_the_checkouts() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, eur(1_000)))
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.submit())
    shop.store.after_commit = die  # as soon as it has claimed the checkout
    with pytest.raises(KeyboardInterrupt):
        shop.submit(request_id="attempt-2")
    shop.store.after_commit = None
    shop.clock.advance(6 * MINUTE)
    value_of(shop.submit(request_id="attempt-3"))
    facts = [recorded.fact for recorded in shop.store.of("default").history(payment.id)]
    assert {fact.by for fact in facts if fact.kind == "transaction.reversal"} == {"checkout"}
    assert [transaction.reversal for transaction in shop.reload(payment).transactions if transaction.succeeded] == [
        ReversalState.NONE
    ] * 2


def test_a_hold_of_the_host_is_not_claimed_by_an_attempt_that_failed_before_it() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=1_000, gateway="first", token="tok_declined")
    own = shop.pay(minor=2_000, gateway="second")
    value_of(shop.transactions.authorize(own.id))
    problem(shop.submit(minor=3_000))
    row = only(shop.reload(own), AUTHORIZE)
    assert (row.attempt, row.reversal) == ("", ReversalState.NONE)
    shop.let_time_pass()
    assert shop.effects(REVERSE_AUTH) == []


@pytest.mark.parametrize(("early", "taken_over"), [(1, False), (0, True)])
def test_a_lease_ends_at_its_last_second(early: int, taken_over: bool) -> None:
    shop = open_shop()
    shop.pay()
    shop.store.after_commit = die
    with pytest.raises(KeyboardInterrupt):
        shop.submit()
    shop.store.after_commit = None
    shop.clock.advance((checkout_record(shop).lease_until - shop.clock.now()).total_seconds() - early)
    answer = shop.submit(request_id="attempt-2")
    assert isinstance(value_of(answer) if taken_over else problem(answer), CheckedOut if taken_over else Busy)
