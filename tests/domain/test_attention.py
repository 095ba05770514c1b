"""What needs a person: everything that a ledger cannot settle by itself, until somebody has ruled on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs
import pytest

from payports.domain.attention import AttentionKind, attention_items, may_need_attention
from payports.domain.observation import Channel
from payports.domain.payment import Payment, Restriction
from payports.domain.transaction_types import ReversalState, TransactionStatus, TransactionType
from tests.domain.strategies import begun, done, eur, fact, last, new_payment, outside, told

S = TransactionStatus
T = TransactionType
PLACED: Final = frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})


def kinds(payment: Payment) -> set[AttentionKind]:
    found = {item.kind for one in payment.transactions for item in attention_items(payment, one)}
    shown = {one.id for one in payment.transactions if may_need_attention(payment, one)}
    named = {item.transaction_id for one in payment.transactions for item in attention_items(payment, one)}
    assert named <= shown
    return found


def ruled(payment: Payment, transaction_id: str) -> Payment:
    one = payment.by_id[transaction_id]
    return told(payment, fact(one.id, one.status, channel=Channel.OPERATOR, operator="ann", message="seen"))


def captured() -> Payment:
    return done(done(new_payment(10), T.AUTHORIZE, 10), T.CAPTURE, 10)


def test_what_went_well_needs_nobody() -> None:
    for payment in (new_payment(10), done(new_payment(10), T.AUTHORIZE, 10), captured()):
        assert kinds(payment) == set()
        assert not any(may_need_attention(payment, one) for one in payment.transactions)


def test_a_contradiction_needs_somebody_until_it_is_ruled_on() -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10)
    odd = told(payment, fact("t0", amount=eur(9)))
    assert kinds(odd) == {AttentionKind.DISCREPANCY}
    assert kinds(ruled(odd, "t0")) == set()


@pytest.mark.parametrize("state", [ReversalState.REQUIRES_REVERSAL, ReversalState.REVERSAL_IN_PROGRESS])
def test_what_is_owed_back_is_found_before_it_needs_somebody(state: ReversalState) -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10)
    owed = payment.replacing(attrs.evolve(last(payment), reversal=state))
    assert may_need_attention(owed, last(owed))
    assert kinds(owed) == set()


def test_a_reversal_that_failed_needs_somebody() -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10)
    failed = payment.replacing(attrs.evolve(last(payment), reversal=ReversalState.FAILED_REVERSAL))
    (item,) = attention_items(failed, last(failed))
    assert (item.kind, item.payment_id, item.transaction_id) == (AttentionKind.FAILED_REVERSAL, "p-1", "t0")
    assert item.message == "0.10 EUR of AUTHORIZE t0 should have gone back and did not"


def test_a_reversal_that_failed_is_named_where_it_was_tried_and_settled_by_that_name() -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10)
    owed = payment.replacing(attrs.evolve(last(payment), reversal=ReversalState.REQUIRES_REVERSAL))
    failed = done(owed, T.REVERSE_AUTH, 10, S.NOT_EXECUTED, reverses=True)
    (item,) = attention_items(failed, failed.by_id["t0"])
    assert (item.kind, item.transaction_id) == (AttentionKind.FAILED_REVERSAL, "t1")
    settled = told(failed, fact("t1", S.SUCCEEDED, channel=Channel.OPERATOR, operator="ann", message="by hand"))
    assert kinds(settled) == set()


def test_a_ruling_that_does_not_hold_takes_note_of_nothing() -> None:
    paid = captured()
    disputed = told(paid, outside(T.CHARGEBACK, last(paid).gateway_reference, "cb-1", 10))
    wrong = fact(last(disputed).id, S.DECLINED, channel=Channel.OPERATOR, operator="ann", message="no")
    assert kinds(told(disputed, wrong)) == {AttentionKind.CHARGEBACK}


def test_an_unknown_result_is_found_before_it_needs_somebody() -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10, S.UNKNOWN)
    assert may_need_attention(payment, last(payment))
    assert kinds(payment) == set()


def test_a_chargeback_needs_somebody_until_it_is_noted_or_comes_back() -> None:
    paid = captured()
    reference = last(paid).gateway_reference
    disputed = told(paid, outside(T.CHARGEBACK, reference, "cb-1", 10))
    assert kinds(disputed) == {AttentionKind.CHARGEBACK}
    assert kinds(ruled(disputed, last(disputed).id)) == set()
    won = told(disputed, outside(T.CHARGEBACK_REVERSAL, "cb-1", "cbr-1", 10))
    assert kinds(won) == set()


def test_what_the_gateway_took_back_needs_somebody_until_it_is_noted() -> None:
    taken = told(captured(), fact("t1", S.REVOKED))
    assert kinds(taken) == {AttentionKind.TAKEN_BACK}
    assert kinds(ruled(taken, "t1")) == set()


def test_a_placed_order_whose_promise_failed_needs_somebody_until_it_is_noted() -> None:
    awaited = done(new_payment(10), T.AUTHORIZE_AND_CAPTURE, 10, S.AWAITING_RESULT)
    placed = attrs.evolve(awaited, restrictions=PLACED)
    failed = told(placed, fact("t0", S.DECLINED))
    assert kinds(failed) == {AttentionKind.UNCOVERED_ORDER}
    assert kinds(ruled(failed, "t0")) == set()


def test_a_hold_that_others_release_under_a_placed_order_needs_somebody_until_it_is_noted() -> None:
    placed = attrs.evolve(done(new_payment(10), T.AUTHORIZE, 10), restrictions=PLACED)
    released = told(placed, outside(T.REVERSE_AUTH, last(placed).gateway_reference, "ra-1", 10))
    assert kinds(released) == {AttentionKind.UNCOVERED_ORDER}
    assert kinds(ruled(released, last(released).id)) == set()
    assert kinds(attrs.evolve(released, restrictions=frozenset())) == set()
    assert kinds(done(placed, T.REVERSE_AUTH, 10)) == set()


def test_the_release_of_a_hold_that_never_was_needs_nobody() -> None:
    declined = told(begun(new_payment(10), T.AUTHORIZE), fact("t0", S.DECLINED, gateway_reference="au-1"))
    released = told(declined, outside(T.REVERSE_AUTH, "au-1", "ra-1", 10))
    assert last(released).succeeded
    assert kinds(released) == set()


def test_a_decline_that_another_try_made_good_needs_nobody() -> None:
    tried = done(done(new_payment(10), T.AUTHORIZE, 10, S.DECLINED), T.AUTHORIZE, 10)
    assert kinds(attrs.evolve(tried, restrictions=PLACED)) == set()
    given_back = done(tried, T.REVERSE_AUTH, 10)
    assert kinds(attrs.evolve(given_back, restrictions=PLACED)) == set()


def test_a_decline_before_any_order_needs_nobody() -> None:
    assert kinds(done(new_payment(10), T.AUTHORIZE, 10, S.DECLINED)) == set()


def test_what_the_gateway_flagged_needs_somebody_until_it_is_ruled_on() -> None:
    payment = told(done(new_payment(10), T.AUTHORIZE, 10), fact("t0", amount=eur(10), flagged_for_review=True))
    assert kinds(payment) == {AttentionKind.FLAGGED_FOR_REVIEW}
    assert kinds(ruled(payment, "t0")) == set()
    declined = told(done(new_payment(10), T.AUTHORIZE, 10, S.DECLINED), fact("t0", S.DECLINED, flagged_for_review=True))
    assert kinds(declined) == set()


def test_a_hold_that_ends_soon_needs_somebody_while_it_holds_something() -> None:
    payment = done(new_payment(10), T.AUTHORIZE, 10)
    hold = attrs.evolve(last(payment), expiring=True, created_at=last(payment).created_at - timedelta(days=6))
    ending = payment.replacing(hold)
    assert kinds(ending) == {AttentionKind.EXPIRING_AUTHORIZATION}
    (item,) = attention_items(ending, hold)
    assert item.message == "the hold of 0.10 EUR of 2026-02-23 expires soon, or has"
    assert kinds(done(ending, T.CAPTURE, 10)) == set()
