"""A gateway that is away for days: it is asked seldom, leaves no trace, keeps no other waiting, and all is settled soon after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from math import ceil
from typing import Any, Final

import attrs
import pytest
from returns.result import Success

from payports import Payment, TransactionStatus, TransactionType
from payports.domain.capabilities import LookUp
from payports.domain.transaction_types import ReversalState
from payports.ports.commit import Change, Commit
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.ports.leases import gateway_lease
from payports.testing.clock import START
from tests.application.maintenance.scenarios import run
from tests.application.shops import DAY, HOUR, MINUTE, Bench, bench, eur, fail, only, problem, seen, told, with_gateway

ONE_OF_TWO_IS_DEAD: Final = {"gateways": {"dead": {"adapter": "sandbox"}, "sandbox": {"adapter": "sandbox"}}}


PROBES: Final = 3
"""So many payments of a silent gateway a pass may ask about."""


ATTEMPTS: Final = (TransactionStatus.UNKNOWN, TransactionStatus.SENDING_TO_PROCESSOR)


def unknown(on: Bench, number: int, gateway: str = "sandbox") -> list[Payment]:
    """So many payments whose result nobody knows."""
    made = [on.pay(f"{gateway}-{one}", token="tok_timeout_charged", gateway=gateway) for one in range(number)]
    for payment in made:
        problem(on.shop.transactions.authorize(payment.id))
    return made


def silence(_: object) -> None:
    return None


def open_ones(on: Bench, payments: Iterable[Payment]) -> int:
    return sum(one.status in ATTEMPTS for payment in payments for one in on.again(payment).transactions)


def facts_since(on: Bench, commits: int) -> int:
    return sum(len(change.facts) for commit in on.store.commits[commits:] for change in commit.changes)


@pytest.mark.parametrize("limit", [100, 1_000])
def test_after_days_without_an_answer_all_is_settled_within_a_minute_of_passes_and_a_row_of_them(limit: int) -> None:
    on = bench()
    payments = unknown(on, 300)
    on.spy.on_look_up = silence
    for _ in range(2 * DAY // MINUTE):
        on.clock.advance(MINUTE)
        asked, commits = len(on.spy.looked_up), len(on.store.commits)
        run(on, limit)
        assert len(on.spy.looked_up) - asked <= PROBES
        assert len(on.store.commits) - commits <= PROBES
        assert facts_since(on, commits) == 0
    assert len({one.transaction_id for one in on.spy.looked_up}) == 300  # in turn, so that none can block the others
    assert len(told(on.shop.maintenance.needs_attention())) == 300
    on.spy.on_look_up = None
    passes = 0
    while open_ones(on, payments):
        on.clock.advance(MINUTE)
        run(on, limit)
        passes += 1
        assert passes <= ceil(300 / limit) + 1
    assert told(on.shop.maintenance.needs_attention()) == ()


@pytest.mark.parametrize("limit", [10, 100])
def test_whoever_goes_through_another_gateway_is_served_in_the_same_pass(limit: int) -> None:
    on = bench(ONE_OF_TWO_IS_DEAD)
    unknown(on, 250, "dead")
    on.clock.advance(2 * MINUTE)
    alive = unknown(on, 7)
    on.spies["dead"].on_look_up = silence
    on.clock.advance(2 * MINUTE)
    report = run(on, limit)
    assert open_ones(on, alive) == 0
    assert (report.looked_up, report.settled, len(on.spies["dead"].looked_up)) == (PROBES + 7, 7, PROBES)
    assert report.more is (limit == PROBES + 7)


def test_the_place_of_what_is_left_alone_goes_to_others_however_long_a_pass_takes() -> None:
    on = bench(ONE_OF_TWO_IS_DEAD)
    alive: list[Payment] = []
    for number, gateway in enumerate(("dead",) * 5 + ("sandbox",) + ("dead",) * 20 + ("sandbox",)):
        payment = on.pay(f"c-{number}", token="tok_timeout_charged", gateway=gateway)
        problem(on.shop.transactions.authorize(payment.id))
        alive += [payment] if gateway == "sandbox" else []
        on.clock.advance(MINUTE)
    on.spies["dead"].on_look_up = silence

    def slow(request: Any) -> Any:
        on.clock.advance(MINUTE)
        return on.spy.inner.look_up(request)

    on.spy.on_look_up = slow
    on.clock.advance(MINUTE)
    run(on, 10)
    assert open_ones(on, alive) == 0
    assert len(on.spies["dead"].looked_up) == PROBES


@pytest.mark.parametrize("limit", [PROBES, 100])
def test_what_fell_silent_is_left_alone_also_if_a_pass_takes_no_more(limit: int) -> None:
    on = bench()
    unknown(on, 10)
    on.spy.on_look_up = silence
    on.clock.advance(2 * MINUTE)
    assert [run(on, limit).looked_up for _ in range(2)] == [PROBES, 0]


def test_what_one_worker_found_silent_others_leave_alone_until_half_a_minute_later() -> None:
    on = bench(ONE_OF_TWO_IS_DEAD)
    dead = unknown(on, 10, "dead")
    on.spies["dead"].on_look_up = silence
    on.clock.advance(2 * MINUTE)
    run(on)
    alive = unknown(on, 1)
    for waited in (0, 29.9):
        on.clock.advance(waited)
        assert run(on).looked_up == 0
    assert open_ones(on, alive) == 1
    on.clock.advance(0.1)
    assert run(on).looked_up == PROBES
    on.spies["dead"].on_look_up = None
    on.clock.advance(30)
    run(on)
    on.clock.advance(MINUTE)
    run(on)
    assert open_ones(on, [*dead, *alive]) == 0


def test_what_the_gateway_answers_about_is_settled_between_what_it_does_not_answer_about() -> None:
    """Two, an answer, two and so on: never three without an answer in a row."""
    on = bench()
    payments = unknown(on, 30)
    named = {payment.id: number for number, payment in enumerate(payments)}
    order: list[int] = []

    def now_and_then(request: Any) -> Any:
        order.append(named[request.payment_id])
        return on.spy.inner.look_up(request) if len(order) % PROBES == 0 else None

    on.spy.on_look_up = now_and_then
    on.clock.advance(2 * MINUTE)
    assert run(on).settled == 10
    assert sorted(order) == list(range(30))


def test_who_alone_gets_no_answer_waits_longer_each_time() -> None:
    """It is not the gateway, for that answers about others: nothing is won by asking every minute."""
    on = bench()
    other, stuck = unknown(on, 2)
    on.spy.on_look_up = lambda request: (
        None if request.payment_id == stuck.id else seen(TransactionStatus.AWAITING_RESULT)
    )
    waits: list[timedelta] = []
    for number in range(1, 6):
        on.clock.advance(12 * HOUR)
        make_due(on, other)  # as the first of the two
        run(on)
        row = on.again(stuck).transactions[0]
        assert row.due_at
        assert row.look_ups == number
        waits.append(row.due_at - on.clock.now())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(minutes=20)


def make_due(on: Bench, payment: Payment) -> None:
    """Let a payment be the longest overdue of all."""
    before = on.again(payment)
    due = attrs.evolve(before.transactions[0], due_at=START)
    change = Change(before=before, after=before.as_version(before.version + 1, due), facts=())
    told(on.store.of("default").commit(Commit(changes=(change,))))


def test_what_was_answered_before_is_asked_again_soon_after_an_outage_as_well() -> None:
    on = bench()
    (payment,) = unknown(on, 1)
    on.spy.on_look_up = lambda _: seen(TransactionStatus.AWAITING_RESULT)
    on.settle_down(DAY, 10)
    row = on.again(payment).transactions[0]
    assert row.due_at
    assert row.due_at - on.clock.now() > timedelta(hours=4)
    on.spy.on_look_up = silence
    on.settle_down(DAY, 2)
    row = on.again(payment).transactions[0]
    assert row.due_at
    assert timedelta(seconds=45) <= row.due_at - on.clock.now() <= timedelta(seconds=60)


def test_reversals_are_tried_seldom_during_an_outage_and_all_made_after_it() -> None:
    on = bench()
    payments = [on.pay(f"c-{number}") for number in range(30)]
    for payment in payments:
        told(on.shop.transactions.authorize(payment.id))
        told(on.shop.payments.archive(payment.id))

    def fail(_: object) -> Any:
        raise ConnectionError

    on.spy.instead, on.spy.on_look_up = fail, silence
    on.clock.advance(MINUTE)
    for _ in range(30):
        calls = on.spy.calls
        run(on)
        assert on.spy.calls - calls <= PROBES
        on.clock.advance(MINUTE)
    on.spy.instead = on.spy.on_look_up = None
    on.settle_down(MINUTE, 4)
    holds = [only(on.again(one), TransactionType.AUTHORIZE) for one in payments]
    assert {one.reversal for one in holds} == {ReversalState.REVERSED}
    assert len(on.effects(TransactionType.REVERSE_AUTH)) == 30


def test_an_action_that_lapses_at_a_silent_gateway_is_given_up_when_it_is_back() -> None:
    on = bench()
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    given_up: list[Any] = []

    def give_up(request: Any) -> Any:
        given_up.append(request)
        return seen(TransactionStatus.UNKNOWN)

    away: Any = type("Away", (), {"give_up": staticmethod(give_up)})()
    on.clock.advance(HOUR)
    for _ in range(3):
        run(with_gateway(on, actions=away))
        on.clock.advance(MINUTE)
    assert len(given_up) == 3
    assert run(on).lapsed == 1
    assert only(on.again(payment), TransactionType.AUTHORIZE).status is TransactionStatus.DECLINED


def test_a_hold_that_ends_soon_is_told_of_although_the_gateway_is_silent() -> None:
    on = bench()
    payments = [on.pay(f"c-{number}") for number in range(2)]
    for payment in payments:
        told(on.shop.transactions.authorize(payment.id))
    on.spy.on_look_up = silence
    on.clock.advance(6 * DAY)
    assert run(on).expiring == 2
    on.clock.advance(DAY)
    assert (run(on).expiring, len(on.spy.looked_up)) == (0, 2)


@pytest.mark.parametrize(
    ("answer", "asked"), [(None, PROBES), (NotFoundYet(), 10), (seen(TransactionStatus.UNKNOWN), PROBES)]
)
def test_only_silence_makes_a_gateway_be_left_alone(answer: Any, asked: int) -> None:
    on = bench()
    unknown(on, 10)
    on.spy.on_look_up = lambda _: answer
    on.clock.advance(2 * MINUTE)
    run(on)
    assert len(on.spy.looked_up) == asked
    left = (gateway_lease("sandbox"),)
    assert bool(on.store.of("default").lease(left, "another", timedelta(minutes=1))) is (asked == 10)


def test_a_gateway_that_can_never_say_is_asked_ever_more_seldom() -> None:
    on = bench()
    unknown(on, 2)

    class Blind:
        capabilities = attrs.evolve(on.spy.capabilities, look_up=LookUp.NONE)

        def look_up(self, request: PaymentRequest, *, fence: bool) -> Any:
            assert fence
            on.spy.looked_up.append(request)

    blind: Any = Blind()
    for _ in range(DAY // MINUTE):
        on.clock.advance(MINUTE)
        run(with_gateway(on, transactions=blind))
    assert 2 * 5 < len(on.spy.looked_up) < 2 * 15


def test_whoever_was_waited_for_in_vain_holds_up_no_other_merchant_and_is_tried_with_one_payment() -> None:
    on = bench(ONE_OF_TWO_IS_DEAD)
    shops = [attrs.evolve(on, shop=on.shop.merchant(name)) for name in ("a", "b", "c")]
    for one in shops:
        unknown(one, 5, "dead")
        unknown(one, 1)

    def hang(_: object) -> None:
        on.clock.advance(20)

    on.spies["dead"].on_look_up = hang
    on.clock.advance(2 * MINUTE)
    reports = [run(one) for one in shops]
    assert [one.settled for one in reports] == [1, 1, 1]
    assert len(on.spies["dead"].looked_up) == PROBES, "by the first merchant alone"
    on.clock.advance(2 * MINUTE)
    began = on.clock.now()
    for one in shops:
        run(one)
    assert on.clock.now() - began == timedelta(seconds=20)
    on.spies["dead"].on_look_up = None
    for _ in range(2):
        on.clock.advance(MINUTE)
        for one in shops:
            run(one)
    assert all(one.shop.maintenance.needs_attention() == Success(()) for one in shops)
    dead = [payment for one in shops for payment in one.store.of(one.shop.merchant_id).payments()]
    assert {one.transactions[0].status for one in dead} == {TransactionStatus.SUCCEEDED}


def test_silence_is_kept_in_mind_for_the_merchants_whose_gateway_is_set_up_alike() -> None:
    own = {
        "a": {"checkout": {"rollback": "deferred"}},
        "b": {"gateways": {"dead": {"adapter": "sandbox", "account": "b"}}},
    }
    shop = bench({**ONE_OF_TWO_IS_DEAD, "merchants": own}).shop
    here, alike, other = (
        one.environment.gateways["dead"].circuit_breaker for one in (shop, shop.merchant("a"), shop.merchant("b"))
    )
    assert here is alike
    assert here is not other


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
