"""Recovery of a payment: unknown results looked up, what is owed reversed, the end of a hold announced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from payports import AttentionKind, ReversalState, TransactionStatus, TransactionType
from payports.domain.reversal import claim
from payports.ports.commit import Change, Commit
from payports.ports.gateway import PaymentRequest
from tests.application.maintenance.scenarios import attention_kinds, declined, failed_with_a_hold, hold_of
from tests.application.shops import DAY, HOUR, MINUTE, bench, eur, only, problem, seen, told, without_gateway
from tests.application.writers import once

# --- unknown results ---


@pytest.mark.parametrize(
    ("answer", "fewest", "most"), [(seen(TransactionStatus.AWAITING_RESULT), 3, 10), (None, 60, 60)]
)
def test_unknown_rows_are_looked_up_within_a_minute_and_then_as_often_as_answers_come(
    answer: Any, fewest: int, most: int
) -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    due = on.again(payment).transactions[0].due_at
    assert due is not None
    assert (due - on.clock.now()).total_seconds() <= MINUTE
    on.spy.on_look_up = lambda _: answer
    on.settle_down(10 * MINUTE, 60)
    assert fewest <= len(on.spy.looked_up) <= most


def test_a_result_that_is_owed_is_asked_for_when_it_is_due_and_later_each_time() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.shop.transactions.authorize(payment.id))
    due = on.again(payment).transactions[0].due_at
    assert due
    on.clock.advance((due - on.clock.now()).total_seconds() - 1)
    assert told(on.shop.maintenance.run()).looked_up == 0
    on.clock.advance(1)
    assert told(on.shop.maintenance.run()).looked_up == 1
    row = on.again(payment).transactions[0]
    assert row.look_ups == 1
    assert row.due_at
    assert row.due_at > on.clock.now()


def test_what_waits_for_another_result_is_put_off_a_little_longer_each_time() -> None:
    on = bench()
    payment = on.pay()
    sale = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    on.bank.fail_next("REFUND", "async")
    told(on.shop.transactions.refund(payment.id, eur(5_990)))
    told(on.shop.payments.archive(payment.id))
    for number in (1, 2, 3):
        due = on.again(payment).by_id[sale.id].due_at
        assert due
        assert MINUTE * 0.75 <= (due - on.clock.now()).total_seconds() / 2 ** (number - 1) <= MINUTE
        on.clock.advance((due - on.clock.now()).total_seconds())
        told(on.shop.maintenance.run())
        assert on.again(payment).by_id[sale.id].look_ups == number


def test_what_is_owed_at_a_gateway_that_is_gone_is_tried_every_minute_in_case_it_comes_back() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    gone = without_gateway(on)
    for _ in range(5):
        due = on.again(payment).transactions[0].due_at
        assert due
        assert MINUTE * 0.75 <= (due - on.clock.now()).total_seconds() <= MINUTE
        on.clock.advance((due - on.clock.now()).total_seconds())
        told(gone.shop.maintenance.run())
        assert on.again(payment).transactions[0].look_ups == 0
    on.clock.advance(MINUTE)
    assert told(on.shop.maintenance.run()).reversed == 1


# --- holds that end ---


def test_a_hold_is_reported_once_a_day_before_it_ends() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.clock.advance(6 * DAY - MINUTE)
    assert told(on.shop.maintenance.run()).expiring == 0
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).expiring == 1
    assert attention_kinds(on) == {AttentionKind.EXPIRING_AUTHORIZATION}
    on.settle_down(DAY, 3)
    facts = [one.fact for one in told(on.shop.events.history(payment.id))]
    assert [one.detail for one in facts if one.kind == "transaction.expiring"] == [
        {"type": "AUTHORIZE", "held": "59.90 EUR"}
    ]


def test_a_hold_that_was_captured_is_not_reported() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(5_990)))
    on.settle_down(DAY, 10)
    assert attention_kinds(on) == set()
    assert on.spy.looked_up == []


def test_capturing_a_hold_that_was_reported_settles_it() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.settle_down(6 * DAY + MINUTE, 1)
    told(on.shop.transactions.capture(payment.id, eur(5_990)))
    assert attention_kinds(on) == set()
    assert not only(on.again(payment), TransactionType.AUTHORIZE).expiring


def test_the_gateway_is_asked_before_a_hold_is_reported() -> None:
    on = bench()
    payment = on.pay()
    hold = only(told(on.shop.transactions.authorize(payment.id)).payment, TransactionType.AUTHORIZE)
    on.bank.revoke(hold.gateway_reference)
    on.settle_down(6 * DAY + MINUTE, 1)
    assert only(on.again(payment), TransactionType.AUTHORIZE).status is TransactionStatus.REVOKED
    assert attention_kinds(on) == {AttentionKind.TAKEN_BACK}


def test_a_hold_that_was_released_meanwhile_is_not_warned_of() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.clock.advance(6 * DAY)

    def release(request: PaymentRequest) -> Any:
        on.spy.on_look_up = None
        told(on.shop.transactions.reverse_authorization(payment.id))
        return on.spy.inner.look_up(request, fence=False)

    on.spy.on_look_up = release
    assert told(on.shop.maintenance.run()).expiring == 0
    assert not only(on.again(payment), TransactionType.AUTHORIZE).expiring


def test_a_hold_of_a_single_cent_is_warned_of_as_well() -> None:
    on = bench()
    payment = on.pay(minor=1)
    told(on.shop.transactions.authorize(payment.id))
    assert only(on.again(payment), TransactionType.AUTHORIZE).due_at == on.clock.now() + timedelta(days=6)


# --- what is owed back ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def test_what_is_wanted_stays_although_something_beside_it_is_owed_back() -> None:
    on = bench()
    payment = on.pay()
    late = declined(on, payment, 990)
    told(on.shop.transactions.authorize(payment.id, eur(5_000)))
    on.shop.transactions.record(payment.id, seen(TransactionStatus.SUCCEEDED, transaction_id=late))
    assert on.again(payment).by_id[late].reversal is ReversalState.REQUIRES_REVERSAL
    on.settle_down()
    states = {one.requested: one.reversal for one in on.again(payment).transactions if one.type is AUTHORIZE}
    assert states[eur(5_000)] is ReversalState.NONE
    assert ("REVERSE_AUTH", 5_000) not in on.effects()


def test_what_is_claimed_while_it_is_to_be_demanded_back_is_not() -> None:
    on = bench()
    payment = failed_with_a_hold(on)
    on.clock.advance(3 * HOUR)

    def take(_: Commit) -> None:
        store = on.store.inner.of("default")
        before = on.again(payment)
        change = Change(before=before, after=claim(before, "attempt-2"), facts=())
        told(store.commit(Commit(changes=(change,))))

    on.store.before_commit = once(take)
    told(on.shop.maintenance.run())
    hold = hold_of(on, payment)
    assert (hold.attempt, hold.reversal) == ("attempt-2", ReversalState.NONE)
    assert on.effects(REVERSE_AUTH) == []


def test_a_candidate_of_which_nothing_came_is_not_owed() -> None:
    on = bench({"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}})
    slow = on.pay(minor=1_000, gateway="first", token="tok_async")
    on.pay(minor=2_000, gateway="second", token="tok_declined")
    problem(on.submit(minor=3_000))
    row = only(on.again(slow), AUTHORIZE)
    assert row.reversal is ReversalState.REVERSAL_CANDIDATE
    due = row.due_at
    assert due
    on.clock.advance((due - on.clock.now()).total_seconds())
    store = on.store.inner.of("default")
    before = on.again(slow)
    gone = row.witness(seen(TransactionStatus.DECLINED, transaction_id=row.id))
    told(store.commit(Commit(changes=(Change(before=before, after=before.replacing(gone), facts=()),))))
    told(on.shop.maintenance.run())
    assert only(on.again(slow), AUTHORIZE).reversal is ReversalState.NONE
