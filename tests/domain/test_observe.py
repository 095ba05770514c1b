"""Facts may come in any order, any number of times: the ledger is the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.domain.capabilities import PartialCapture
from payports.domain.judgement import Contradiction, ContradictionKind
from payports.domain.ledger import left_of_capture
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.observe import Discrepancy, UnmatchedObservation, find_transaction, observe
from payports.domain.payment import Payment, Restriction
from payports.domain.transaction_types import ReversalState, TransactionStatus, TransactionType
from tests.domain.strategies import (
    ABLE,
    NOW,
    USD,
    begun,
    done,
    eur,
    fact,
    facts_about,
    last,
    new_payment,
    outside,
    told,
)

T = TransactionType
S = TransactionStatus
RELEASING: Final = attrs.evolve(ABLE, partial_capture=PartialCapture.RELEASES_REST)
RESTORING: Final = attrs.evolve(ABLE, void_restores_hold=True)
AUTHORIZED: Final = done(new_payment(10), T.AUTHORIZE)
CAPTURED: Final = done(AUTHORIZED, T.CAPTURE)
PLACED: Final = frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})


def heard(payment: Payment, seen: Iterable[Observation]) -> Payment:
    """The payment after some facts; one that is about nothing known yet is told again later, as a shop's inbox does."""
    waiting = list(seen)
    while waiting:
        parked: list[Observation] = []
        for one in waiting:
            outcome = observe(payment, one, NOW)
            if isinstance(outcome, Failure) and isinstance(outcome.failure(), UnmatchedObservation):
                parked.append(one)
            payment = told(payment, one)
        if len(parked) == len(waiting):
            return payment
        waiting = parked
    return payment


def ledger(payment: Payment) -> dict[str, Any]:
    return {one.id: (one, one.judgement, one.discrepancy) for one in payment.transactions}


def assert_same_in_every_order(payment: Payment, seen: Sequence[Observation]) -> Payment:
    expected = heard(payment, seen)
    for order in permutations(seen):
        assert ledger(heard(payment, order)) == ledger(expected)
    assert ledger(heard(expected, seen)) == ledger(expected)
    return expected


def about(number: int, status: TransactionStatus = S.SUCCEEDED, **rest: Any) -> Observation:
    return fact(f"t{number}", status, **({"gateway_reference": f"r{number}"} | rest))


PARTLY: Final = begun(done(new_payment(10), T.AUTHORIZE, able=RELEASING), T.CAPTURE, 6, RELEASING)
TWO_REFUNDS: Final = begun(begun(CAPTURED, T.REFUND, 4), T.REFUND, 6)
REVERSING: Final = begun(AUTHORIZED, T.REVERSE_AUTH, reverses=True)

SCENES: Final[list[tuple[str, Payment, list[Observation]]]] = [
    (
        "one authorization, every channel",
        begun(new_payment(10), T.AUTHORIZE),
        [
            about(0, S.UNKNOWN),
            about(0, S.REQUIRES_ACTION, channel=Channel.ANSWER),
            about(0, S.AWAITING_RESULT, channel=Channel.RETURN),
            about(0, channel=Channel.WEBHOOK),
            about(0, channel=Channel.LOOK_UP, amount=eur(10)),
            about(0, S.REVOKED, channel=Channel.WEBHOOK),
        ],
    ),
    (
        "lies",
        begun(new_payment(10), T.AUTHORIZE),
        [
            about(0, amount=eur(1)),
            about(0, amount=Money(10, USD)),
            about(0, S.DECLINED),
            about(0, gateway_reference="q0"),
            about(0, amount=eur(7), partial=True),
            about(0, amount=eur(8), partial=True),
        ],
    ),
    (
        "late success",
        begun(new_payment(10), T.AUTHORIZE_AND_CAPTURE),
        [
            about(0, S.NOT_EXECUTED, channel=Channel.LOOK_UP),
            about(0, S.DECLINED),
            about(0),
            about(0, S.REVOKED),
            outside(T.REFUND, "r0", "x", 4),
            outside(T.CHARGEBACK, "r0", "cb"),
        ],
    ),
    (
        "two refunds and a third made at the dashboard",
        TWO_REFUNDS,
        [
            about(2),
            about(3),
            about(3, S.DECLINED),
            about(2, amount=eur(4)),
            outside(T.REFUND, "r1", "x", 1),
            outside(T.REFUND, "r1", "x", 3),
        ],
    ),
    (
        "made outside, told in pieces",
        CAPTURED,
        [
            outside(T.CHARGEBACK, "r1", "cb"),
            outside(T.CHARGEBACK, "r1", "cb", 7),
            outside(T.CHARGEBACK_REVERSAL, "cb", "won"),
            outside(T.REFUND, "r1", "x", 10),
            outside(T.REFUND, "r1", "x", 10, status=S.AWAITING_RESULT),
            outside(T.SETTLED, "r1", "s"),
        ],
    ),
    (
        "implied release",
        PARTLY,
        [
            about(1, S.UNKNOWN),
            about(1, amount=eur(5)),
            about(1),
            about(1, S.REVOKED),
            outside(T.CAPTURE, "r0", "c2", 3),
            outside(T.VOID, "r1", "v", 6),
        ],
    ),
    (
        "a reversal that fails, and one at the dashboard",
        REVERSING,
        [
            about(1, S.UNKNOWN),
            about(1, S.DECLINED),
            outside(T.REVERSE_AUTH, "r0", "x", 4),
            outside(T.CAPTURE, "r0", "c", 6),
            about(0, S.REVOKED),
            about(1),
        ],
    ),
    (
        "void that restores the hold, another capture outside",
        begun(CAPTURED, T.VOID, able=RESTORING),
        [
            about(2),
            outside(T.CAPTURE, "r0", "c2", 10),
            outside(T.CAPTURE, "r0", "c2", 8),
            about(1, S.REVOKED),
            about(2, S.REVOKED),
            about(2, S.UNKNOWN),
        ],
    ),
    (
        "by reference only",
        begun(new_payment(10), T.AUTHORIZE),
        [
            about(0, S.DECLINED, gateway_reference="q0"),
            about(0),
            Observation(status=S.REVOKED, channel=Channel.WEBHOOK, gateway_reference="q0"),
            Observation(status=S.AWAITING_RESULT, channel=Channel.WEBHOOK, gateway_reference="r0", type=T.AUTHORIZE),
            Observation(
                status=S.SUCCEEDED,
                channel=Channel.WEBHOOK,
                gateway_reference="r0",
                type=T.CAPTURE,
                parent_reference="r0",
            ),
            about(0, S.SUCCEEDED, type=T.REFUND, gateway_reference="x", parent_reference="r0"),
        ],
    ),
]


@pytest.mark.parametrize(("payment", "seen"), [scene[1:] for scene in SCENES], ids=[scene[0] for scene in SCENES])
def test_six_facts_give_the_same_ledger_in_each_of_their_720_orders(payment: Payment, seen: list[Observation]) -> None:
    assert len(seen) == 6
    assert_same_in_every_order(payment, seen)


BUSY: Final = begun(PARTLY, T.DETACHED_CREDIT, 3)


@given(st.lists(facts_about(BUSY.transactions), min_size=1, max_size=4))
def test_any_facts_give_the_same_ledger_in_any_order(seen: list[Observation]) -> None:
    assert_same_in_every_order(BUSY, seen)


@given(st.lists(facts_about(REVERSING.transactions), max_size=5), st.data())
def test_any_facts_give_the_same_ledger_with_duplicates(seen: list[Observation], data: st.DataObject) -> None:
    repeated = data.draw(
        st.permutations(seen + (data.draw(st.lists(st.sampled_from(seen), max_size=5)) if seen else []))
    )
    assert ledger(heard(REVERSING, seen)) == ledger(heard(REVERSING, repeated))


@given(facts_about(BUSY.transactions))
def test_a_fact_changes_nothing_that_was_given_and_nothing_else(seen: Observation) -> None:
    before = ledger(BUSY)
    payment = heard(BUSY, [seen])
    assert ledger(BUSY) == before
    assert attrs.evolve(payment, transactions=BUSY.transactions) == BUSY
    assert observe(BUSY, seen, NOW) == observe(BUSY, seen, NOW)
    changed = {one.id for one in payment.transactions if one not in BUSY.transactions}
    implied = {"t2"} if seen.transaction_id == "t1" else set[str]()
    assert changed <= {seen.transaction_id} | implied


def test_a_fact_that_fits_is_a_success() -> None:
    payment = begun(new_payment(10), T.AUTHORIZE)
    assert observe(payment, about(0)) == Success(told(payment, about(0)))


def test_a_contradiction_is_recorded_and_told() -> None:
    payment = begun(new_payment(10), T.AUTHORIZE)
    lie = about(0, amount=eur(1))
    problem = observe(payment, lie).failure()
    assert isinstance(problem, Discrepancy)
    assert problem.payment.transactions[0].seen == (lie,)
    assert problem.transaction_id == "t0"
    assert problem.contradiction.kind is ContradictionKind.AMOUNT
    assert problem.message == "transaction t0: asked for 0.10 EUR, the gateway says 0.01 EUR"


@pytest.mark.parametrize(
    "seen",
    [
        fact("t9"),
        fact("t9", gateway_reference="r0"),
        fact("t9", type=T.CAPTURE, gateway_reference="c", parent_reference="r0"),
        fact(""),
        fact("", gateway_reference="nobody"),
        fact("", gateway_reference="r0", type=T.CAPTURE),
        fact("t0", type=T.CAPTURE),
        outside(T.CAPTURE, "", "c"),
        outside(T.CAPTURE, "r0", ""),
        outside(T.CAPTURE, "nobody", "c"),
        outside(T.REFUND, "r0", "x"),
        outside(T.AUTHORIZE, "r0", "x"),
        outside(T.DETACHED_CREDIT, "r0", "x"),
        attrs.evolve(outside(T.CAPTURE, "r0", "c"), type=None),
        attrs.evolve(outside(T.CAPTURE, "r0", "c"), amount=Money(1, USD)),
    ],
)
def test_what_is_about_nothing_known_is_left_for_later(seen: Observation) -> None:
    unplaced = UnmatchedObservation("p-1")
    assert observe(AUTHORIZED, seen, NOW) == Failure(unplaced)
    assert unplaced.message == "payment p-1 has no transaction that this is about"


def test_a_fact_finds_its_transaction_by_our_id_or_the_gateways_reference() -> None:
    authorization, capture = CAPTURED.transactions
    assert find_transaction(CAPTURED, fact("t1")) is capture
    assert find_transaction(CAPTURED, fact("t1", type=T.CAPTURE)) is capture
    assert find_transaction(CAPTURED, fact("", gateway_reference="r0")) is authorization
    assert find_transaction(CAPTURED, fact("", gateway_reference="r1", type=T.CAPTURE)) is capture
    assert find_transaction(CAPTURED, fact("", gateway_reference="r1", type=T.REFUND)) is None
    one_name = told(begun(AUTHORIZED, T.CAPTURE), fact("t1", gateway_reference="r0"))
    assert find_transaction(one_name, fact("", gateway_reference="r0")) is None
    assert find_transaction(one_name, fact("", gateway_reference="r0", type=T.CAPTURE)) == one_name.transactions[1]


def test_a_notification_that_repeats_the_id_of_what_it_was_made_on_is_about_its_own() -> None:
    refund = outside(T.REFUND, "r1", "x", 4, transaction_id="t1")
    payment = told(CAPTURED, refund)
    assert payment.by_id["t1"] == CAPTURED.by_id["t1"]
    assert (last(payment).type, last(payment).amount, last(payment).parent_id) == (T.REFUND, eur(4), "t1")
    assert find_transaction(payment, refund) == last(payment)


def test_what_was_made_outside_is_recorded_once() -> None:
    refund = outside(T.REFUND, "r1", "x", 4)
    payment = observe(CAPTURED, refund, NOW + timedelta(1)).unwrap()
    made = last(payment)
    assert made.observed_only
    assert (made.type, made.parent_id, made.requested, made.created_at) == (T.REFUND, "t1", eur(4), NOW + timedelta(1))
    assert made.id.startswith("o-")
    assert len(made.id) == 26
    assert made.gateway_reference == "x"
    assert told(payment, refund) == payment
    assert told(payment, attrs.evolve(refund, parent_reference="")).transactions[-1].id == made.id
    elsewhere = told(attrs.evolve(CAPTURED, id="p-2"), refund)
    other_reference = told(CAPTURED, outside(T.REFUND, "r1", "y", 4))
    other_type = told(CAPTURED, outside(T.VOID, "r1", "x", 4))
    assert len({made.id, last(elsewhere).id, last(other_reference).id, last(other_type).id}) == 4


def test_what_was_made_outside_is_dated_by_its_parent_if_nobody_says_when() -> None:
    made = last(observe(attrs.evolve(CAPTURED), outside(T.REFUND, "r1", "x", 4)).unwrap())
    assert made.created_at == NOW


def test_what_was_made_outside_is_measured_by_the_most_that_was_told() -> None:
    silent = told(CAPTURED, outside(T.REFUND, "r1", "x"))
    assert last(silent).requested == last(silent).amount == eur(10)
    told_later = told(silent, outside(T.REFUND, "r1", "x", 4))
    assert last(told_later).amount == eur(4)
    assert last(told_later).discrepancy is None
    more = told(told_later, outside(T.REFUND, "r1", "x", 7))
    assert last(more).requested == eur(7)
    assert last(more).discrepancy == Contradiction(
        ContradictionKind.AMOUNT, "asked for 0.07 EUR, the gateway says 0.04 EUR"
    )
    foreign = told(silent, attrs.evolve(outside(T.REFUND, "r1", "x"), amount=Money(4, USD)))
    assert last(foreign).requested == eur(10)
    assert last(foreign).discrepancy is not None


def test_what_may_be_ours_waits_until_ours_is_known() -> None:
    pending = begun(CAPTURED, T.REFUND, 4)
    webhook = outside(T.REFUND, "r1", "r2", 4)
    assert observe(pending, webhook) == Failure(UnmatchedObservation("p-1"))
    known = told(pending, about(2))
    assert ledger(told(known, webhook)).keys() == ledger(known).keys()
    failed = told(pending, fact("t2", S.NOT_EXECUTED))
    assert last(told(failed, webhook)).observed_only
    assert last(told(pending, outside(T.SETTLED, "r1", "s"))).type is T.SETTLED


def test_two_parents_of_one_name_leave_a_fact_for_later() -> None:
    two = done(done(AUTHORIZED, T.CAPTURE, 4), T.CAPTURE, 6)
    same_name = told(two, fact("t2", gateway_reference="r1", status=S.REVOKED))
    assert observe(same_name, outside(T.REFUND, "r1", "x", 1)) == Failure(UnmatchedObservation("p-1"))


BEYOND: Final = Contradiction(ContradictionKind.BEYOND_LIMIT, "more happened than its parent can bear")


def test_the_truth_is_recorded_even_beyond_a_limit() -> None:
    refunded = done(CAPTURED, T.REFUND, 6)
    outcome = observe(refunded, outside(T.REFUND, "r1", "x", 5)).failure()
    assert isinstance(outcome, Discrepancy)
    assert outcome.contradiction == BEYOND
    ours, theirs = outcome.payment.transactions[-2:]
    assert theirs.amount == eur(5)
    assert theirs.discrepancy == BEYOND
    assert ours.discrepancy is None
    assert isinstance(observe(refunded, outside(T.REFUND, "r1", "x", 4)), Success)


def test_without_anything_made_outside_all_that_succeeded_is_to_blame() -> None:
    one = done(CAPTURED, T.REFUND, 6, S.DECLINED)
    two = told(done(one, T.REFUND, 10), about(2))
    assert [child.discrepancy for child in two.transactions[2:]] == [BEYOND, BEYOND]
    taken_back = told(two, about(2, S.REVOKED))
    assert [child.discrepancy for child in taken_back.transactions] == [None] * 4


def test_a_return_of_charged_back_money_settles_what_was_beyond_the_limit() -> None:
    charged_back = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb"))
    refunded = told(charged_back, outside(T.REFUND, "r1", "x", 10))
    assert last(refunded).discrepancy == BEYOND
    won = told(refunded, outside(T.CHARGEBACK_REVERSAL, "cb", "won"))
    assert [one.discrepancy for one in won.transactions] == [None] * 5


def test_a_declined_parent_bears_nothing() -> None:
    declined = told(begun(AUTHORIZED, T.CAPTURE), about(1, S.DECLINED))
    refunded = told(declined, outside(T.REFUND, "r1", "x", 1))
    assert last(refunded).discrepancy == BEYOND
    assert last(told(refunded, about(1))).discrepancy is None


def test_an_implied_release_goes_the_way_of_its_capture() -> None:
    capture, released = PARTLY.transactions[1:]
    assert (released.implied_by, released.requested, released.status) == (capture.id, eur(4), S.SENDING_TO_PROCESSOR)
    for status in S:
        followed = told(PARTLY, about(1, status)).by_id["t2"]
        assert followed.status is (S.SUCCEEDED if status is S.REVOKED else status)
        assert [one.channel for one in followed.seen] == [Channel.ANSWER]
        assert followed.gateway_reference == ""
    assert told(PARTLY, about(1, amount=eur(9))).by_id["t2"].status is S.UNKNOWN
    taken_back = told(told(PARTLY, about(1)), about(1, S.REVOKED))
    assert taken_back.by_id["t2"].status is S.SUCCEEDED
    assert told(PARTLY, about(0, S.REVOKED)).by_id["t2"].status is S.SENDING_TO_PROCESSOR


def test_a_success_after_a_failure_is_wanted_by_nobody() -> None:
    for kind in (T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE):
        for failure in (S.NOT_EXECUTED, S.DECLINED):
            failed = done(new_payment(10), kind, None, failure)
            assert failed.transactions[0].reversal is ReversalState.NONE
            assert told(failed, about(0)).transactions[0].reversal is ReversalState.REQUIRES_REVERSAL
            assert told(failed, about(0, S.REVOKED)).transactions[0].reversal is ReversalState.REQUIRES_REVERSAL
            assert told(failed, about(0, amount=eur(1))).transactions[0].reversal is ReversalState.NONE
    assert told(AUTHORIZED, about(0)).transactions[0].reversal is ReversalState.NONE
    lied = told(done(new_payment(10), T.AUTHORIZE, None, S.UNKNOWN), about(0, S.DECLINED, amount=eur(1)))
    assert told(lied, about(0)).transactions[0].reversal is ReversalState.NONE


def test_a_late_success_of_a_capture_or_refund_is_wanted() -> None:
    for kind in (T.CAPTURE, T.REVERSE_AUTH):
        late = told(done(AUTHORIZED, kind, None, S.DECLINED), about(1))
        assert {one.reversal for one in late.transactions} == {ReversalState.NONE}


def test_a_late_success_under_a_placed_order_is_wanted_unless_another_took_its_place() -> None:
    failed = attrs.evolve(done(new_payment(10), T.AUTHORIZE, None, S.DECLINED), restrictions=PLACED)
    assert told(failed, about(0)).transactions[0].reversal is ReversalState.NONE
    replaced = done(failed, T.AUTHORIZE)
    late = told(replaced, about(0))
    assert [one.reversal for one in late.transactions] == [ReversalState.REQUIRES_REVERSAL, ReversalState.NONE]
    followed = told(done(done(replaced, T.CAPTURE), T.REFUND), about(1, S.DECLINED, gateway_reference="r1"))
    assert followed.transactions[1].reversal is ReversalState.NONE


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (S.UNKNOWN, ReversalState.REVERSAL_IN_PROGRESS),
        (S.AWAITING_RESULT, ReversalState.REVERSAL_IN_PROGRESS),
        (S.NOT_EXECUTED, ReversalState.FAILED_REVERSAL),
        (S.DECLINED, ReversalState.FAILED_REVERSAL),
        (S.REVOKED, ReversalState.FAILED_REVERSAL),
        (S.SUCCEEDED, ReversalState.REVERSED),
    ],
)
def test_a_reversal_says_what_became_of_what_it_reverses(status: TransactionStatus, state: ReversalState) -> None:
    assert REVERSING.transactions[0].reversal is ReversalState.REVERSAL_IN_PROGRESS
    assert told(REVERSING, about(1, status)).transactions[0].reversal is state
    sold = begun(done(new_payment(10), T.AUTHORIZE_AND_CAPTURE), T.REFUND, reverses=True)
    assert told(sold, about(1, status)).transactions[0].reversal is state


def test_a_reversal_in_part_is_not_done() -> None:
    half = told(REVERSING, about(1, amount=eur(4), partial=True))
    assert half.transactions[0].reversal is ReversalState.FAILED_REVERSAL
    rest = begun(half, T.REVERSE_AUTH, reverses=True)
    assert last(rest).requested == eur(6)
    assert rest.transactions[0].reversal is ReversalState.REVERSAL_IN_PROGRESS
    assert told(rest, about(2)).transactions[0].reversal is ReversalState.REVERSED


def test_a_second_reversal_makes_up_for_the_first() -> None:
    failed = told(REVERSING, about(1, S.DECLINED))
    again = begun(failed, T.REVERSE_AUTH, reverses=True)
    assert told(again, about(2)).transactions[0].reversal is ReversalState.REVERSED
    assert told(failed, about(0)).transactions[0].reversal is ReversalState.FAILED_REVERSAL


def test_a_hold_that_comes_back_after_its_reversal_is_owed_again() -> None:
    partly = done(AUTHORIZED, T.CAPTURE, 6)
    reversed_ = done(partly, T.REVERSE_AUTH, reverses=True)
    assert reversed_.transactions[0].reversal is ReversalState.REVERSED
    voided = done(reversed_, T.VOID, able=RESTORING)
    assert voided.transactions[0].reversal is ReversalState.FAILED_REVERSAL


def test_what_nothing_was_left_to_reverse_of_is_owed_again_when_something_comes_back() -> None:
    sold = begun(done(new_payment(10), T.AUTHORIZE_AND_CAPTURE), T.REFUND)
    settled = sold.replacing(attrs.evolve(sold.transactions[0], reversal=ReversalState.REVERSED))
    assert told(settled, about(1)).transactions[0].reversal is ReversalState.REVERSED
    assert told(settled, about(1, S.NOT_EXECUTED)).transactions[0].reversal is ReversalState.FAILED_REVERSAL


def test_a_hold_cannot_bear_more_than_was_captured_and_reversed_together() -> None:
    captured = done(AUTHORIZED, T.CAPTURE, 6)
    assert last(told(captured, outside(T.REVERSE_AUTH, "r0", "x", 5))).discrepancy == BEYOND
    assert last(told(captured, outside(T.REVERSE_AUTH, "r0", "x", 4))).discrepancy is None
    reversed_ = done(AUTHORIZED, T.REVERSE_AUTH, 6)
    assert last(told(reversed_, outside(T.REVERSE_AUTH, "r0", "x", 5))).discrepancy == BEYOND


def test_no_more_returns_than_was_charged_back() -> None:
    lost = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 6))
    assert last(told(lost, outside(T.CHARGEBACK_REVERSAL, "cb", "won", 7))).discrepancy == BEYOND
    assert last(told(lost, outside(T.CHARGEBACK_REVERSAL, "cb", "won", 6))).discrepancy is None


def test_a_capture_is_voided_and_settled_once() -> None:
    voided = done(CAPTURED, T.VOID)
    assert last(told(voided, outside(T.REFUND, "r1", "x", 1))).discrepancy == BEYOND
    assert last(told(CAPTURED, outside(T.VOID, "r1", "v", 11))).discrepancy == BEYOND
    settled = done(CAPTURED, T.SETTLED)
    assert last(settled).discrepancy is None
    assert last(told(settled, outside(T.SETTLED, "r1", "s", 1))).discrepancy == BEYOND


def test_a_charge_back_that_is_only_threatened_keeps_its_money_back() -> None:
    threatened = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 6, status=S.AWAITING_RESULT))
    assert left_of_capture(threatened, threatened.by_id["t1"]) == 4
    over = told(threatened, outside(T.CHARGEBACK, "r1", "cb", 6, status=S.REVOKED))
    assert left_of_capture(over, over.by_id["t1"]) == 10


def test_only_what_surely_happened_is_beyond_a_limit() -> None:
    threatened = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 6, status=S.AWAITING_RESULT))
    refunded = told(threatened, outside(T.REFUND, "r1", "x", 10))
    assert [one.discrepancy for one in refunded.transactions] == [None] * 4
    lost = told(refunded, outside(T.CHARGEBACK, "r1", "cb", 6))
    assert [one.discrepancy for one in lost.transactions] == [None, None, BEYOND, BEYOND]


def test_an_implied_release_is_in_doubt_where_its_capture_is() -> None:
    account = done(new_payment(10), T.AUTHORIZE, able=RELEASING, account="acct-1")
    partly = begun(account, T.CAPTURE, 6, RELEASING, account="acct-1")
    assert told(partly, about(1, account="acct-2")).by_id["t2"].status is S.UNKNOWN
    assert told(partly, about(1, account="acct-1")).by_id["t2"].status is S.SUCCEEDED


def test_a_hold_that_comes_back_after_another_took_its_place_needs_attention() -> None:
    reversed_ = done(AUTHORIZED, T.REVERSE_AUTH)
    again = done(reversed_, T.AUTHORIZE)
    assert [one.discrepancy for one in again.transactions] == [None] * 3
    back = told(again, about(1, S.REVOKED))
    assert [one.discrepancy for one in back.transactions] == [BEYOND, None, BEYOND]
    assert [one.discrepancy for one in done(back, T.REVERSE_AUTH, parent_id="t0").transactions] == [None] * 4
    owed = back.replacing(attrs.evolve(back.transactions[0], reversal=ReversalState.REQUIRES_REVERSAL))
    assert [one.discrepancy for one in told(owed, about(2)).transactions] == [None] * 3
