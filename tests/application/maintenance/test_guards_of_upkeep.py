"""Guards of maintenance: it gives back what is owed and nothing else, asks before it gives up, and shows all that a person must see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import (
    CheckedOut,
    FindingKind,
    Observation,
    OperationNotAllowed,
    Owner,
    Payment,
    ReversalState,
    TransactionStatus,
    TransactionType,
)
from payports.domain.attention import AttentionItem, AttentionKind
from payports.domain.capabilities import LookUp
from payports.domain.observation import Channel
from payports.domain.reversal import claim
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest, PaymentResponse
from payports.ports.store import Change, Commit
from tests.application.shops import (
    DAY,
    HOUR,
    MINUTE,
    Bench,
    bench,
    eur,
    fail,
    next_reference,
    only,
    problem,
    seen,
    spoil,
    told,
    with_gateway,
    without_gateway,
)
from tests.application.writers import once

OWNER: Final = Owner("cart", "c-1")
AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


class Actions(ExternalActions):
    """Actions of a gateway that cannot be told to give one up, or that falls over it."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


class Falling(Actions):
    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request.transaction_id)


def acting(kind: type[Actions]) -> Bench:
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    return with_gateway(on, actions=kind(actions))


def failed_with_a_hold(on: Bench, fails_too: str = "") -> Payment:
    """A payment with a hold that a failed attempt left: a candidate for reversal."""
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    if fails_too:
        on.bank.fail_next(fails_too, "declined")
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.submit())
    return payment


def hold_of(on: Bench, payment: Payment) -> Any:
    return next(one for one in on.again(payment).transactions if one.requested == eur(1_000))


def in_vain(on: Bench, payment: Payment, minor: int) -> str:
    """Authorize, but the bank declines; gives the transaction."""
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.shop.transactions.authorize(payment.id, eur(minor)))
    return on.again(payment).transactions[-1].id


# --- what is owed back ---


def test_what_is_wanted_stays_although_something_beside_it_is_owed_back() -> None:
    on = bench()
    payment = on.pay()
    late = in_vain(on, payment, 990)
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


def test_a_reversal_is_counted_when_it_is_made_and_not_again_with_the_next() -> None:
    on = bench()
    payment = on.pay()
    for minor in (1_000, 2_000):
        late = in_vain(on, payment, minor)
        fact = seen(TransactionStatus.SUCCEEDED, transaction_id=late, gateway_reference=f"au_{minor}")
        on.shop.transactions.record(payment.id, fact)
        on.spy.instead = undone
        on.clock.advance(2 * MINUTE)
        assert told(on.shop.maintenance.run()).reversed == 1
        on.spy.instead = None


def undone(request: PaymentRequest) -> PaymentResponse:
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=request.transaction_id, channel=Channel.ANSWER)
    return PaymentResponse(seen=fact)


# --- the shopper who does not come back ---


def test_what_was_finished_just_before_it_lapses_counts_where_it_cannot_be_given_up() -> None:
    on = acting(Actions)
    payment = on.pay(token="tok_3ds")
    on.bank.complete_action(next_reference(told(on.submit())))
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 0
    assert isinstance(told(on.submit()), CheckedOut)
    row = only(on.again(payment), AUTHORIZE)
    assert (row.reversal, [one.status for one in row.seen if one.status is TransactionStatus.DECLINED]) == ("NONE", [])


def test_a_shopper_has_as_long_as_the_policy_says_now() -> None:
    on = bench()
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    schedule = attrs.evolve(on.shop.policy.schedule, action_expires=timedelta(hours=2))
    longer = attrs.evolve(on, shop=attrs.evolve(on.shop, policy=attrs.evolve(on.shop.policy, schedule=schedule)))
    on.clock.advance(HOUR)
    assert told(longer.shop.maintenance.run()).lapsed == 0
    assert only(on.again(payment), AUTHORIZE).status is TransactionStatus.REQUIRES_ACTION


@pytest.mark.parametrize("kind", [Actions, Falling])
def test_what_cannot_be_given_up_at_the_gateway_is_owed_and_nothing_is_made_up_about_it(kind: type[Actions]) -> None:
    on = acting(kind)
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    before = only(on.again(payment), AUTHORIZE).seen
    told(on.shop.checkout.cancel(OWNER))
    row = only(on.again(payment), AUTHORIZE)
    assert row.reversal is ReversalState.REQUIRES_REVERSAL
    assert row.seen == before


# --- a gateway that falls silent ---


def test_an_intent_whose_call_is_over_is_called_unknown_though_its_gateway_is_silent() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    on.spy.on_look_up = fail()
    problem(on.shop.transactions.authorize(payment.id, eur(1_000)))
    on.spy.during = lambda _: setattr(on.store, "before_commit", fail())
    problem(on.shop.transactions.authorize(payment.id, eur(2_000)))
    on.store.before_commit = on.spy.during = None
    assert [one.status.value for one in on.again(payment).transactions] == ["UNKNOWN", "SENDING_TO_PROCESSOR"]
    on.clock.advance(10 * MINUTE)
    told(on.shop.maintenance.run())
    assert [one.status.value for one in on.again(payment).transactions] == ["UNKNOWN", "UNKNOWN"]


# --- what a person must see ---


def test_all_pages_of_what_needs_attention_are_shown() -> None:
    on = bench()
    store: Any = on.shop.environment.store
    for number in range(3):
        payment = on.pay(f"c-{number}", token="tok_wrong_amount")
        problem(on.shop.transactions.authorize(payment.id))
    read, asked = store.needing_attention, list[str]()

    def one_each(after: str = "", limit: int = 0) -> Any:
        assert limit > 0
        assert after not in asked
        asked.append(after)
        return read(after, 1)

    store.needing_attention = one_each
    shown = [item.payment_id for item in told(on.shop.maintenance.needs_attention())]
    assert len(shown) == len(set(shown)) == 3


@pytest.mark.parametrize(("late_s", "shown"), [(0, False), (1, True)])
def test_a_result_that_is_owed_for_more_than_a_week_is_shown(late_s: int, shown: bool) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    on.clock.advance(7 * DAY + late_s)
    told(on.shop.transactions.refresh(payment.id))
    item = AttentionItem(
        kind=AttentionKind.UNKNOWN_RESULT,
        payment_id=payment.id,
        transaction_id=row.id,
        message="the gateway has owed the result of 59.90 EUR for more than 7 days",
        what_to_do="ask the gateway, then resolve() with what is true",
    )
    assert told(on.shop.maintenance.needs_attention()) == ((item,) if shown else ())


def test_what_a_person_is_told_to_do_is_told_word_for_word() -> None:
    on = bench({"checkout": {"rollback": "immediate"}})
    odd = on.pay("c-2", token="tok_wrong_amount")
    problem(on.shop.transactions.authorize(odd.id))
    payment = failed_with_a_hold(on, "REVERSE_AUTH")
    hold, tried = hold_of(on, payment), only(on.again(payment), REVERSE_AUTH)
    stuck = only(on.again(odd), AUTHORIZE)
    told_of = {item.transaction_id: item for item in told(on.shop.maintenance.needs_attention())}
    assert stuck.discrepancy
    assert told_of[stuck.id].message == stuck.discrepancy.message
    assert told_of[stuck.id].what_to_do == "compare with the gateway's own records, then resolve() with what is true"
    assert told_of[tried.id].message == f"10.00 EUR of AUTHORIZE {hold.id} should have gone back and did not"
    assert told_of[tried.id].what_to_do == (
        "it is tried again; or undo it at the gateway, and resolve() this reversal as SUCCEEDED"
    )


def test_a_person_cannot_lower_what_is_final() -> None:
    on = bench()
    row = told(on.shop.transactions.authorize(on.pay().id)).transactions[0]
    ruled = on.shop.maintenance.resolve(row.id, TransactionStatus.DECLINED, operator="ada", reason="it seems so")
    assert problem(ruled) == OperationNotAllowed("resolve", "a final status is never lowered: it stays SUCCEEDED")


def test_a_gateway_that_cannot_be_asked_is_compared_with_nothing() -> None:
    on = bench()
    told(on.shop.transactions.authorize(on.pay().id))
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(on.spy.capabilities, look_up=LookUp.NONE)})()
    assert told(on.shop.audit.verify(gateway_look_up=True)).compared == 1
    assert told(with_gateway(on, transactions=blind).shop.audit.verify(gateway_look_up=True)).compared == 0


def test_what_is_final_at_a_gateway_that_is_gone_is_not_shown_beside_what_is_not() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    in_vain(on, payment, 2_000)
    on.bank.fail_next("AUTHORIZE", "timeout_charged")
    on.spy.on_look_up = fail()
    problem(on.shop.transactions.authorize(payment.id, eur(990)))
    unknown = on.again(payment).transactions[-1].id
    shown = told(without_gateway(on).shop.maintenance.needs_attention())
    assert [(item.kind, item.transaction_id) for item in shown] == [(AttentionKind.UNKNOWN_GATEWAY, unknown)]


def test_a_gap_in_a_history_is_found_with_its_payment() -> None:
    on = bench()
    payment = on.pay()
    store: Any = on.shop.environment.store
    (first,) = store.history(payment.id)
    spoil(store, "history", lambda _: (attrs.evolve(first, sequence=2),))
    gaps = [one for one in told(on.shop.audit.verify()).findings if one.kind is FindingKind.HISTORY_GAP]
    assert [one.payment_id for one in gaps] == [payment.id]
