"""What a command records before a byte leaves."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from payports.domain.availability import Availability, find_availability
from payports.domain.begin import Begun, begin
from payports.domain.capabilities import Capabilities, PartialCapture
from payports.domain.command import Command
from payports.domain.failures import (
    AmountNotAvailable,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
)
from payports.domain.input_checks import InvalidInput
from payports.domain.money import MAX_MINOR, Money
from payports.domain.payment import Payment
from payports.domain.reversal import mark_for_reversal
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus, TransactionType
from tests.domain.strategies import (
    ABLE,
    EUR,
    NOW,
    USD,
    ask,
    begun,
    capabilities,
    done,
    eur,
    fact,
    facts_about,
    last,
    new_payment,
    numbered,
    told,
)

T = TransactionType
S = TransactionStatus
RELEASING: Final = attrs.evolve(ABLE, partial_capture=PartialCapture.RELEASES_REST)
RESTORING: Final = attrs.evolve(ABLE, void_restores_hold=True)
AUTHORIZED: Final = done(new_payment(10), T.AUTHORIZE)


@st.composite
def ledgers(draw: st.DrawFn) -> Payment:
    """A payment that commands and facts have been through."""
    payment = new_payment(20)
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(TransactionType))
        outcome = ask(payment, kind, draw(st.none() | st.integers(1, 20)), draw(capabilities()))
        if isinstance(outcome, Success):
            payment = outcome.unwrap().payment
            for one in outcome.unwrap().intents:
                status = draw(st.sampled_from([S.SUCCEEDED, S.SUCCEEDED, *S]))
                payment = told(payment, fact(one.id, status, gateway_reference=f"r-{one.id}"))
        if draw(st.booleans()) and payment.transactions:
            payment = told(payment, draw(facts_about(payment.transactions)))
    return payment


amounts = st.none() | st.builds(Money, st.integers(0, 30) | st.just(MAX_MINOR), st.sampled_from([EUR, USD]))


@given(ledgers(), st.sampled_from(TransactionType), amounts, capabilities(), st.booleans())
def test_every_command_gets_an_answer_and_nothing_is_recorded_beyond_what_was_permitted(
    payment: Payment, kind: TransactionType, amount: Money | None, able: Capabilities, reverses: bool
) -> None:
    command = Command(type=kind, amount=amount, reverses=reverses)
    outcome = begin(payment, command, able, numbered(payment), NOW)
    assert outcome == begin(payment, command, able, numbered(payment), NOW)
    if not isinstance(outcome, Success):
        problem = outcome.failure()
        known = (AmountNotAvailable, CurrencyMismatch, GatewayUnsupported, InvalidInput, OperationNotAllowed)
        assert isinstance(problem, known)
        assert problem.message
        return
    recorded = outcome.unwrap()
    moved = sum(one.requested.minor for one in recorded.intents)
    assert moved > 0
    assert amount is None or moved == amount.minor
    openings = find_availability(payment, kind, able, reverses=reverses).unwrap()
    rooms = {one.parent.id if one.parent else None: one.minor for one in openings}
    assert all(0 < one.requested.minor <= rooms[one.parent_id] for one in recorded.intents)
    assert len({one.parent_id for one in recorded.intents}) == len(recorded.intents)
    kept = [(one.id, one.requested, one.seen) for one in recorded.payment.transactions[: len(payment.transactions)]]
    assert kept == [(one.id, one.requested, one.seen) for one in payment.transactions]
    new = recorded.payment.transactions[len(payment.transactions) :]
    assert set(recorded.intents) <= set(new)
    assert all(one.type is T.REVERSE_AUTH for one in new if one.implied_by)


def test_an_intent_is_recorded_as_it_was_commanded() -> None:
    command = Command(
        type=T.AUTHORIZE,
        amount=eur(4),
        source=Source("checkout", "1"),
        key="k",
        attempt="a",
        account="acct",
    )
    recorded = begin(new_payment(10), command, ABLE, lambda: "id-1", NOW).unwrap()
    intent = Transaction(
        id="id-1",
        type=T.AUTHORIZE,
        requested=eur(4),
        created_at=NOW,
        key="k",
        source=Source("checkout", "1"),
        account="acct",
        attempt="a",
    )
    assert recorded == Begun(new_payment(10, transactions=(intent,)), (intent,))


def test_one_command_may_become_several_intents() -> None:
    payment = done(done(done(new_payment(20), T.AUTHORIZE), T.CAPTURE, 5), T.CAPTURE, 15)
    recorded = ask(payment, T.REFUND, 18).unwrap()
    assert [(one.parent_id, one.requested.minor) for one in recorded.intents] == [("t1", 5), ("t2", 13)]
    only = ask(payment, T.REFUND, 13, parent_id="t2").unwrap()
    assert [(one.parent_id, one.requested.minor) for one in only.intents] == [("t2", 13)]
    first = ask(payment, T.REFUND, 5).unwrap()
    assert [one.parent_id for one in first.intents] == ["t1"]
    assert [one.requested.minor for one in ask(payment, T.REFUND).unwrap().intents] == [5, 15]
    assert ask(payment, T.REFUND, 21).failure() == AmountNotAvailable(eur(20))
    assert ask(payment, T.REFUND, 14, parent_id="t2").unwrap().intents[0].requested == eur(14)
    assert ask(payment, T.REFUND, 16, parent_id="t2").failure() == AmountNotAvailable(eur(15))


def test_an_exhausted_parent_is_passed_over() -> None:
    payment = done(done(done(done(new_payment(20), T.AUTHORIZE), T.CAPTURE, 5), T.CAPTURE, 15), T.REFUND, 5)
    assert [one.parent_id for one in ask(payment, T.REFUND, 1).unwrap().intents] == ["t2"]


def test_whole_operations_take_whole_parents() -> None:
    payment = done(done(done(new_payment(20), T.AUTHORIZE), T.CAPTURE, 5), T.CAPTURE, 15)
    assert [one.requested.minor for one in ask(payment, T.VOID).unwrap().intents] == [5, 15]
    assert [one.requested.minor for one in ask(payment, T.VOID, 5).unwrap().intents] == [5]
    assert ask(payment, T.VOID, 7).failure() == GatewayUnsupported("card", "partial VOID")
    assert ask(payment, T.VOID, 15, parent_id="t2").unwrap().intents[0].parent_id == "t2"


@pytest.mark.parametrize("amount", [1, "1", 1.0, None])
def test_an_amount_of_another_type_is_refused(amount: Any) -> None:
    outcome = begin(new_payment(10), Command(type=T.AUTHORIZE, amount=amount), ABLE, lambda: "x", NOW)
    if amount is None:
        assert isinstance(outcome, Success)
    else:
        assert outcome.failure() == InvalidInput("amount", "must be a Money")


def test_an_amount_in_another_currency_is_told_apart() -> None:
    outcome = begin(new_payment(10), Command(type=T.AUTHORIZE, amount=Money(1, USD)), ABLE, lambda: "x", NOW)
    assert outcome.failure() == CurrencyMismatch(EUR, USD)


def test_a_partial_capture_releases_the_rest_where_the_gateway_does_so() -> None:
    recorded = ask(AUTHORIZED, T.CAPTURE, 4, RELEASING, key="k", source=Source("f", "1")).unwrap()
    (capture,) = recorded.intents
    released = last(recorded.payment)
    assert released == Transaction(
        id="t2",
        type=T.REVERSE_AUTH,
        requested=eur(6),
        created_at=NOW,
        parent_id="t0",
        key="k",
        source=Source("f", "1"),
        implied_by=capture.id,
    )
    for whole in (ask(AUTHORIZED, T.CAPTURE, 10, RELEASING), ask(AUTHORIZED, T.CAPTURE, None, RELEASING)):
        assert len(whole.unwrap().payment.transactions) == 2
    assert len(ask(AUTHORIZED, T.CAPTURE, 4, ABLE).unwrap().payment.transactions) == 2
    partial = attrs.evolve(RELEASING, partial_refund=True)
    captured = done(AUTHORIZED, T.CAPTURE, 10, able=partial)
    assert len(ask(captured, T.REFUND, 4, partial).unwrap().payment.transactions) == 3


def test_only_a_void_of_a_capture_on_a_hold_restores_one() -> None:
    captured = done(AUTHORIZED, T.CAPTURE)
    assert last(begun(captured, T.VOID, able=RESTORING)).restores_hold
    assert not last(begun(captured, T.VOID, able=ABLE)).restores_hold
    assert not last(begun(captured, T.REFUND, able=RESTORING)).restores_hold
    sold = done(new_payment(10), T.AUTHORIZE_AND_CAPTURE)
    assert not last(begun(sold, T.VOID, able=RESTORING)).restores_hold
    assert not last(begun(new_payment(10), T.AUTHORIZE, able=RESTORING)).restores_hold


def test_a_reversal_marks_what_it_reverses() -> None:
    due = attrs.evolve(AUTHORIZED.transactions[0], due_at=NOW, look_ups=2)
    payment = begun(attrs.evolve(AUTHORIZED, transactions=(due,)), T.REVERSE_AUTH, reverses=True)
    reversed_, reversal = payment.transactions
    assert (reversed_.reversal, reversed_.due_at, reversed_.look_ups) == (ReversalState.REVERSAL_IN_PROGRESS, None, 3)
    assert reversal.reverses
    assert not last(begun(AUTHORIZED, T.REVERSE_AUTH)).reverses


def test_money_that_is_owed_back_is_only_reversed() -> None:
    owed = mark_for_reversal(done(new_payment(10), T.AUTHORIZE, attempt="a"), "a", ReversalState.REQUIRES_REVERSAL)
    for kind in (T.CAPTURE, T.REVERSE_AUTH):
        assert ask(owed, kind).failure() == OperationNotAllowed(kind.value, "its parent is to be reversed")
    assert isinstance(ask(owed, T.REVERSE_AUTH, reverses=True), Success)


def test_a_capture_claims_a_candidate() -> None:
    authorized = done(new_payment(10), T.AUTHORIZE, attempt="a")
    candidate = mark_for_reversal(authorized, "a")
    waiting = attrs.evolve(candidate, transactions=(attrs.evolve(candidate.transactions[0], due_at=NOW),))
    claimed = begun(waiting, T.CAPTURE, 4).transactions[0]
    assert (claimed.reversal, claimed.due_at) == (ReversalState.NONE, None)
    reversed_ = begun(waiting, T.REVERSE_AUTH, 4).transactions[0]
    assert (reversed_.reversal, reversed_.due_at) == (ReversalState.REVERSAL_CANDIDATE, NOW)
    untouched = attrs.evolve(AUTHORIZED, transactions=(attrs.evolve(AUTHORIZED.transactions[0], due_at=NOW),))
    assert begun(untouched, T.CAPTURE).transactions[0].due_at == NOW
    sold = mark_for_reversal(done(new_payment(10), T.AUTHORIZE_AND_CAPTURE, attempt="a"), "a")
    assert begun(sold, T.REFUND, 4).transactions[0].reversal is ReversalState.REVERSAL_CANDIDATE


def test_what_is_permitted_is_told_per_parent() -> None:
    payment = done(done(done(new_payment(20), T.AUTHORIZE), T.CAPTURE, 5), T.CAPTURE, 15)
    _, first, second = payment.transactions
    assert find_availability(payment, T.REFUND, ABLE) == Success((Availability(first, 5), Availability(second, 15)))
    assert find_availability(payment, T.VOID, ABLE) == Success(
        (Availability(first, 5, whole=True), Availability(second, 15, whole=True))
    )
    assert find_availability(new_payment(20), T.AUTHORIZE, ABLE) == Success((Availability(None, 20),))
    assert find_availability(payment, T.DETACHED_CREDIT, ABLE) == Success((Availability(None, MAX_MINOR),))


def test_sums_of_the_largest_amounts_are_no_trouble() -> None:
    payment = done(done(done(new_payment(MAX_MINOR), T.AUTHORIZE), T.CAPTURE), T.REFUND)
    credited = done(done(payment, T.DETACHED_CREDIT, MAX_MINOR), T.DETACHED_CREDIT, MAX_MINOR)
    assert ask(credited, T.REFUND).failure() == AmountNotAvailable(eur(0))
    too_much = Command(type=T.DETACHED_CREDIT, amount=Money(MAX_MINOR + 1, EUR))
    assert begin(credited, too_much, ABLE, lambda: "x", NOW).failure() == InvalidInput("amount", "is too large")


def test_a_gateway_takes_the_usual_types_unless_it_says_otherwise() -> None:
    usual = Capabilities()
    assert {kind for kind in T if usual.supports(kind)} == {
        T.AUTHORIZE,
        T.REVERSE_AUTH,
        T.CAPTURE,
        T.AUTHORIZE_AND_CAPTURE,
        T.VOID,
        T.REFUND,
    }
    crediting = attrs.evolve(usual, detached_credit=True)
    assert not crediting.supports(T.DETACHED_CREDIT)
    assert attrs.evolve(crediting, types=usual.types | {T.DETACHED_CREDIT}).supports(T.DETACHED_CREDIT)
    assert not attrs.evolve(usual, types=frozenset(T)).supports(T.DETACHED_CREDIT)
