"""Recovery of a payment: unknown results are looked up, reversals made, and expiring holds reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from payports import AttentionKind, ReversalState, TransactionStatus, TransactionType
from payports.domain.reversal import claim
from payports.ports.commit import Change, Commit
from payports.ports.gateway import PaymentRequest
from tests.application.concurrent_writers import before_next_commits
from tests.application.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    eur,
    observation,
    only,
    open_shop,
    problem,
    value_of,
    without_gateway,
)
from tests.application.maintenance.scenarios import attention_kinds, declined, failed_with_a_hold, hold_of

# --- unknown results ---


@pytest.mark.parametrize(
    ("answer", "fewest", "most"), [(observation(TransactionStatus.AWAITING_RESULT), 3, 10), (None, 60, 60)]
)
def test_unknown_results_are_looked_up_within_a_minute_and_then_as_often_as_answers_come(
    answer: Any, fewest: int, most: int
) -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    due = shop.reload(payment).transactions[0].due_at
    assert due is not None
    assert (due - shop.clock.now()).total_seconds() <= MINUTE
    shop.spy.on_look_up = lambda _: answer
    shop.let_time_pass(10 * MINUTE, 60)
    assert fewest <= len(shop.spy.looked_up) <= most


def test_an_awaited_result_is_looked_up_when_it_is_due_and_later_each_time() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.transactions.authorize(payment.id))
    due = shop.reload(payment).transactions[0].due_at
    assert due
    shop.clock.advance((due - shop.clock.now()).total_seconds() - 1)
    assert value_of(shop.maintenance.run()).looked_up == 0
    shop.clock.advance(1)
    assert value_of(shop.maintenance.run()).looked_up == 1
    row = shop.reload(payment).transactions[0]
    assert row.look_ups == 1
    assert row.due_at
    assert row.due_at > shop.clock.now()


def test_a_reversal_that_waits_for_another_result_is_postponed_longer_each_time() -> None:
    shop = open_shop()
    payment = shop.pay()
    sale = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    shop.bank.fail_next("REFUND", "async")
    value_of(shop.transactions.refund(payment.id, eur(5_990)))
    value_of(shop.payments.archive(payment.id))
    for number in (1, 2, 3):
        due = shop.reload(payment).by_id[sale.id].due_at
        assert due
        assert MINUTE * 0.75 <= (due - shop.clock.now()).total_seconds() / 2 ** (number - 1) <= MINUTE
        shop.clock.advance((due - shop.clock.now()).total_seconds())
        value_of(shop.maintenance.run())
        assert shop.reload(payment).by_id[sale.id].look_ups == number


def test_a_reversal_at_a_removed_gateway_is_tried_every_minute() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.archive(payment.id))
    gone = without_gateway(shop)
    for _ in range(5):
        due = shop.reload(payment).transactions[0].due_at
        assert due
        assert MINUTE * 0.75 <= (due - shop.clock.now()).total_seconds() <= MINUTE
        shop.clock.advance((due - shop.clock.now()).total_seconds())
        value_of(gone.maintenance.run())
        assert shop.reload(payment).transactions[0].look_ups == 0
    shop.clock.advance(MINUTE)
    assert value_of(shop.maintenance.run()).reversed == 1


# --- holds that end ---


def test_a_hold_is_reported_once_a_day_before_it_ends() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.clock.advance(6 * DAY - MINUTE)
    assert value_of(shop.maintenance.run()).holds_expiring == 0
    shop.clock.advance(2 * MINUTE)
    assert value_of(shop.maintenance.run()).holds_expiring == 1
    assert attention_kinds(shop) == {AttentionKind.EXPIRING_AUTHORIZATION}
    shop.let_time_pass(DAY, 3)
    facts = [recorded.fact for recorded in value_of(shop.events.history(payment.id))]
    assert [fact.detail for fact in facts if fact.kind == "transaction.expiring"] == [
        {"type": "AUTHORIZE", "held": "59.90 EUR"}
    ]


def test_a_hold_that_was_captured_is_not_reported() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(5_990)))
    shop.let_time_pass(DAY, 10)
    assert attention_kinds(shop) == set()
    assert shop.spy.looked_up == []


def test_a_reported_hold_that_is_captured_needs_no_attention() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.let_time_pass(6 * DAY + MINUTE, 1)
    value_of(shop.transactions.capture(payment.id, eur(5_990)))
    assert attention_kinds(shop) == set()
    assert not only(shop.reload(payment), TransactionType.AUTHORIZE).expiring


def test_a_hold_is_looked_up_before_it_is_reported() -> None:
    shop = open_shop()
    payment = shop.pay()
    hold = only(value_of(shop.transactions.authorize(payment.id)).payment, TransactionType.AUTHORIZE)
    shop.bank.revoke(hold.gateway_reference)
    shop.let_time_pass(6 * DAY + MINUTE, 1)
    assert only(shop.reload(payment), TransactionType.AUTHORIZE).status is TransactionStatus.REVOKED
    assert attention_kinds(shop) == {AttentionKind.TAKEN_BACK}


def test_a_hold_released_during_the_look_up_is_not_reported() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.clock.advance(6 * DAY)

    def release(request: PaymentRequest) -> Any:
        shop.spy.on_look_up = None
        value_of(shop.transactions.reverse_authorization(payment.id))
        return shop.spy.inner.look_up(request, fence=False)

    shop.spy.on_look_up = release
    assert value_of(shop.maintenance.run()).holds_expiring == 0
    assert not only(shop.reload(payment), TransactionType.AUTHORIZE).expiring


def test_a_hold_of_a_single_cent_is_reported_as_well() -> None:
    shop = open_shop()
    payment = shop.pay(minor=1)
    value_of(shop.transactions.authorize(payment.id))
    assert only(shop.reload(payment), TransactionType.AUTHORIZE).due_at == shop.clock.now() + timedelta(days=6)


# --- reversals ---


AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def test_a_wanted_hold_stays_although_another_must_be_reversed() -> None:
    shop = open_shop()
    payment = shop.pay()
    late = declined(shop, payment, 990)
    value_of(shop.transactions.authorize(payment.id, eur(5_000)))
    shop.transactions.record(payment.id, observation(TransactionStatus.SUCCEEDED, transaction_id=late))
    assert shop.reload(payment).by_id[late].reversal is ReversalState.REQUIRES_REVERSAL
    shop.let_time_pass()
    states = {
        transaction.requested: transaction.reversal
        for transaction in shop.reload(payment).transactions
        if transaction.type is AUTHORIZE
    }
    assert states[eur(5_000)] is ReversalState.NONE
    assert ("REVERSE_AUTH", 5_000) not in shop.effects()


def test_a_candidate_that_is_claimed_meanwhile_is_not_reversed() -> None:
    shop = open_shop()
    payment = failed_with_a_hold(shop)
    shop.clock.advance(3 * HOUR)

    def take(_: Commit) -> None:
        store = shop.store.inner.of("default")
        before = shop.reload(payment)
        change = Change(before=before, after=claim(before, "attempt-2"), facts=())
        value_of(store.commit(Commit(changes=(change,))))

    shop.store.before_commit = before_next_commits(take)
    value_of(shop.maintenance.run())
    hold = hold_of(shop, payment)
    assert (hold.attempt, hold.reversal) == ("attempt-2", ReversalState.NONE)
    assert shop.effects(REVERSE_AUTH) == []


def test_a_declined_candidate_is_not_reversed() -> None:
    shop = open_shop({"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}})
    slow = shop.pay(minor=1_000, gateway="first", token="tok_async")
    shop.pay(minor=2_000, gateway="second", token="tok_declined")
    problem(shop.submit(minor=3_000))
    row = only(shop.reload(slow), AUTHORIZE)
    assert row.reversal is ReversalState.REVERSAL_CANDIDATE
    due = row.due_at
    assert due
    shop.clock.advance((due - shop.clock.now()).total_seconds())
    store = shop.store.inner.of("default")
    before = shop.reload(slow)
    gone = row.with_observation(observation(TransactionStatus.DECLINED, transaction_id=row.id))
    value_of(store.commit(Commit(changes=(Change(before=before, after=before.replacing(gone), facts=()),))))
    value_of(shop.maintenance.run())
    assert only(shop.reload(slow), AUTHORIZE).reversal is ReversalState.NONE
