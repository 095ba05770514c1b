"""A gateway that gives no answer for days: it is rarely tried, delays no other gateway, and everything is resolved soon afterwards."""

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
from tests.application.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    ShopFixture,
    eur,
    observation,
    only,
    open_shop,
    problem,
    value_of,
    with_gateway,
)
from tests.application.maintenance.scenarios import run
from tests.application.stubs import fail

ONE_OF_TWO_IS_DEAD: Final = {"gateways": {"dead": {"adapter": "sandbox"}, "sandbox": {"adapter": "sandbox"}}}
PROBES: Final = 3
"""How many payments of a silent gateway a pass may look up."""


ATTEMPTS: Final = (TransactionStatus.UNKNOWN, TransactionStatus.SENDING_TO_PROCESSOR)


def unknown(shop: ShopFixture, number: int, gateway: str = "sandbox") -> list[Payment]:
    """Create payments whose authorization has an unknown result."""
    made = [shop.pay(f"{gateway}-{index}", token="tok_timeout_charged", gateway=gateway) for index in range(number)]
    for payment in made:
        problem(shop.transactions.authorize(payment.id))
    return made


def silence(_: object) -> None:
    return None


def open_ones(shop: ShopFixture, payments: Iterable[Payment]) -> int:
    return sum(
        transaction.status in ATTEMPTS for payment in payments for transaction in shop.reload(payment).transactions
    )


def facts_since(shop: ShopFixture, commits: int) -> int:
    return sum(len(change.facts) for commit in shop.store.commits[commits:] for change in commit.changes)


@pytest.mark.parametrize("limit", [100, 1_000])
def test_after_days_of_outage_everything_is_resolved_within_a_minute_of_passes(limit: int) -> None:
    shop = open_shop()
    payments = unknown(shop, 300)
    shop.spy.on_look_up = silence
    for _ in range(2 * DAY // MINUTE):
        shop.clock.advance(MINUTE)
        look_ups, commits = len(shop.spy.looked_up), len(shop.store.commits)
        run(shop, limit)
        assert len(shop.spy.looked_up) - look_ups <= PROBES
        assert len(shop.store.commits) - commits <= PROBES
        assert facts_since(shop, commits) == 0
    assert len({request.transaction_id for request in shop.spy.looked_up}) == 300  # in turn: none can block the others
    assert len(value_of(shop.maintenance.needs_attention())) == 300
    shop.spy.on_look_up = None
    passes = 0
    while open_ones(shop, payments):
        shop.clock.advance(MINUTE)
        run(shop, limit)
        passes += 1
        assert passes <= ceil(300 / limit) + 1
    assert value_of(shop.maintenance.needs_attention()) == ()


@pytest.mark.parametrize("limit", [10, 100])
def test_payments_of_another_gateway_are_served_in_the_same_pass(limit: int) -> None:
    shop = open_shop(ONE_OF_TWO_IS_DEAD)
    unknown(shop, 250, "dead")
    shop.clock.advance(2 * MINUTE)
    alive = unknown(shop, 7)
    shop.spies["dead"].on_look_up = silence
    shop.clock.advance(2 * MINUTE)
    report = run(shop, limit)
    assert open_ones(shop, alive) == 0
    assert (report.looked_up, report.doubts_resolved, len(shop.spies["dead"].looked_up)) == (PROBES + 7, 7, PROBES)
    assert report.more is (limit == PROBES + 7)


def test_payments_of_a_silent_gateway_leave_their_places_in_a_pass_to_others() -> None:
    shop = open_shop(ONE_OF_TWO_IS_DEAD)
    alive: list[Payment] = []
    for number, gateway in enumerate(("dead",) * 5 + ("sandbox",) + ("dead",) * 20 + ("sandbox",)):
        payment = shop.pay(f"c-{number}", token="tok_timeout_charged", gateway=gateway)
        problem(shop.transactions.authorize(payment.id))
        alive += [payment] if gateway == "sandbox" else []
        shop.clock.advance(MINUTE)
    shop.spies["dead"].on_look_up = silence

    def slow(request: Any) -> Any:
        shop.clock.advance(MINUTE)
        return shop.spy.inner.look_up(request)

    shop.spy.on_look_up = slow
    shop.clock.advance(MINUTE)
    run(shop, 10)
    assert open_ones(shop, alive) == 0
    assert len(shop.spies["dead"].looked_up) == PROBES


@pytest.mark.parametrize("limit", [PROBES, 100])
def test_a_silent_gateway_is_left_alone_whatever_the_limit_of_a_pass(limit: int) -> None:
    shop = open_shop()
    unknown(shop, 10)
    shop.spy.on_look_up = silence
    shop.clock.advance(2 * MINUTE)
    assert [run(shop, limit).looked_up for _ in range(2)] == [PROBES, 0]


def test_other_workers_leave_a_silent_gateway_alone_for_half_a_minute() -> None:
    shop = open_shop(ONE_OF_TWO_IS_DEAD)
    dead = unknown(shop, 10, "dead")
    shop.spies["dead"].on_look_up = silence
    shop.clock.advance(2 * MINUTE)
    run(shop)
    alive = unknown(shop, 1)
    for waited in (0, 29.9):
        shop.clock.advance(waited)
        assert run(shop).looked_up == 0
    assert open_ones(shop, alive) == 1
    shop.clock.advance(0.1)
    assert run(shop).looked_up == PROBES
    shop.spies["dead"].on_look_up = None
    shop.clock.advance(30)
    run(shop)
    shop.clock.advance(MINUTE)
    run(shop)
    assert open_ones(shop, [*dead, *alive]) == 0


def test_payments_with_an_answer_are_resolved_among_those_without() -> None:
    """Two without an answer, one with, and so on: never three without an answer in a row."""
    shop = open_shop()
    payments = unknown(shop, 30)
    named = {payment.id: number for number, payment in enumerate(payments)}
    order: list[int] = []

    def now_and_then(request: Any) -> Any:
        order.append(named[request.payment_id])
        return shop.spy.inner.look_up(request) if len(order) % PROBES == 0 else None

    shop.spy.on_look_up = now_and_then
    shop.clock.advance(2 * MINUTE)
    assert run(shop).doubts_resolved == 10
    assert sorted(order) == list(range(30))


def test_a_payment_that_alone_gets_no_answer_waits_longer_each_time() -> None:
    """The gateway answers about other payments: looking this payment up every minute would gain nothing."""
    shop = open_shop()
    other, stuck = unknown(shop, 2)
    shop.spy.on_look_up = lambda request: (
        None if request.payment_id == stuck.id else observation(TransactionStatus.AWAITING_RESULT)
    )
    waits: list[timedelta] = []
    for number in range(1, 6):
        shop.clock.advance(12 * HOUR)
        make_due(shop, other)  # as the first of the two
        run(shop)
        row = shop.reload(stuck).transactions[0]
        assert row.due_at
        assert row.look_ups == number
        waits.append(row.due_at - shop.clock.now())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(minutes=20)


def make_due(shop: ShopFixture, payment: Payment) -> None:
    """Let a payment be overdue for longer than any other."""
    before = shop.reload(payment)
    due = attrs.evolve(before.transactions[0], due_at=START)
    change = Change(before=before, after=before.as_version(before.version + 1, due), facts=())
    value_of(shop.store.of("default").commit(Commit(changes=(change,))))


def test_a_payment_that_was_answered_before_is_looked_up_soon_after_an_outage() -> None:
    shop = open_shop()
    (payment,) = unknown(shop, 1)
    shop.spy.on_look_up = lambda _: observation(TransactionStatus.AWAITING_RESULT)
    shop.let_time_pass(DAY, 10)
    row = shop.reload(payment).transactions[0]
    assert row.due_at
    assert row.due_at - shop.clock.now() > timedelta(hours=4)
    shop.spy.on_look_up = silence
    shop.let_time_pass(DAY, 2)
    row = shop.reload(payment).transactions[0]
    assert row.due_at
    assert timedelta(seconds=45) <= row.due_at - shop.clock.now() <= timedelta(seconds=60)


def test_reversals_are_rarely_tried_during_an_outage_and_all_made_after_it() -> None:
    shop = open_shop()
    payments = [shop.pay(f"c-{number}") for number in range(30)]
    for payment in payments:
        value_of(shop.transactions.authorize(payment.id))
        value_of(shop.payments.archive(payment.id))

    def fail(_: object) -> Any:
        raise ConnectionError

    shop.spy.instead, shop.spy.on_look_up = fail, silence
    shop.clock.advance(MINUTE)
    for _ in range(30):
        calls = shop.spy.calls
        run(shop)
        assert shop.spy.calls - calls <= PROBES
        shop.clock.advance(MINUTE)
    shop.spy.instead = shop.spy.on_look_up = None
    shop.let_time_pass(MINUTE, 4)
    holds = [only(shop.reload(payment), TransactionType.AUTHORIZE) for payment in payments]
    assert {transaction.reversal for transaction in holds} == {ReversalState.REVERSED}
    assert len(shop.effects(TransactionType.REVERSE_AUTH)) == 30


def test_an_action_that_lapses_at_a_silent_gateway_is_given_up_when_it_is_back() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    actions = shop.gateways["sandbox"].gateway.actions
    assert actions
    given_up: list[Any] = []

    def give_up(request: Any) -> Any:
        given_up.append(request)
        return observation(TransactionStatus.UNKNOWN)

    away: Any = type("Away", (), {"give_up": staticmethod(give_up)})()
    shop.clock.advance(HOUR)
    for _ in range(3):
        run(with_gateway(shop, actions=away))
        shop.clock.advance(MINUTE)
    assert len(given_up) == 3
    assert run(shop).actions_expired == 1
    assert only(shop.reload(payment), TransactionType.AUTHORIZE).status is TransactionStatus.DECLINED


def test_an_expiring_hold_is_reported_although_the_gateway_is_silent() -> None:
    shop = open_shop()
    payments = [shop.pay(f"c-{number}") for number in range(2)]
    for payment in payments:
        value_of(shop.transactions.authorize(payment.id))
    shop.spy.on_look_up = silence
    shop.clock.advance(6 * DAY)
    assert run(shop).holds_expiring == 2
    shop.clock.advance(DAY)
    assert (run(shop).holds_expiring, len(shop.spy.looked_up)) == (0, 2)


@pytest.mark.parametrize(
    ("answer", "look_ups"), [(None, PROBES), (NotFoundYet(), 10), (observation(TransactionStatus.UNKNOWN), PROBES)]
)
def test_a_gateway_is_left_alone_only_for_silence(answer: Any, look_ups: int) -> None:
    shop = open_shop()
    unknown(shop, 10)
    shop.spy.on_look_up = lambda _: answer
    shop.clock.advance(2 * MINUTE)
    run(shop)
    assert len(shop.spy.looked_up) == look_ups
    left = (gateway_lease("sandbox"),)
    assert bool(shop.store.of("default").lease(left, "another", timedelta(minutes=1))) is (look_ups == 10)


def test_a_gateway_without_look_up_is_tried_ever_more_rarely() -> None:
    shop = open_shop()
    unknown(shop, 2)

    class Blind:
        capabilities = attrs.evolve(shop.spy.capabilities, look_up=LookUp.NONE)

        def look_up(self, request: PaymentRequest, *, fence: bool) -> Any:
            assert fence
            shop.spy.looked_up.append(request)

    blind: Any = Blind()
    for _ in range(DAY // MINUTE):
        shop.clock.advance(MINUTE)
        run(with_gateway(shop, transactions=blind))
    assert 2 * 5 < len(shop.spy.looked_up) < 2 * 15


def test_a_silent_gateway_delays_no_other_merchant_and_is_tried_with_one_payment() -> None:
    shop = open_shop(ONE_OF_TWO_IS_DEAD)
    shops = [attrs.evolve(shop, payports=shop.payports.merchant(name)) for name in ("a", "b", "c")]
    for merchant in shops:
        unknown(merchant, 5, "dead")
        unknown(merchant, 1)

    def hang(_: object) -> None:
        shop.clock.advance(20)

    shop.spies["dead"].on_look_up = hang
    shop.clock.advance(2 * MINUTE)
    reports = [run(merchant) for merchant in shops]
    assert [report.doubts_resolved for report in reports] == [1, 1, 1]
    assert len(shop.spies["dead"].looked_up) == PROBES, "by the first merchant alone"
    shop.clock.advance(2 * MINUTE)
    began = shop.clock.now()
    for merchant in shops:
        run(merchant)
    assert shop.clock.now() - began == timedelta(seconds=20)
    shop.spies["dead"].on_look_up = None
    for _ in range(2):
        shop.clock.advance(MINUTE)
        for merchant in shops:
            run(merchant)
    assert all(merchant.maintenance.needs_attention() == Success(()) for merchant in shops)
    dead = [payment for merchant in shops for payment in merchant.store.of(merchant.payports.merchant_id).payments()]
    assert {payment.transactions[0].status for payment in dead} == {TransactionStatus.SUCCEEDED}


def test_merchants_with_the_same_gateway_configuration_share_its_circuit_breaker() -> None:
    own = {
        "a": {"checkout": {"rollback": "deferred"}},
        "b": {"gateways": {"dead": {"adapter": "sandbox", "account": "b"}}},
    }
    shop = open_shop({**ONE_OF_TWO_IS_DEAD, "merchants": own}).payports
    here, alike, other = (
        merchant.environment.gateways["dead"].circuit_breaker
        for merchant in (shop, shop.merchant("a"), shop.merchant("b"))
    )
    assert here is alike
    assert here is not other


def test_an_intent_whose_call_is_over_becomes_unknown_although_its_gateway_is_silent() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    shop.spy.on_look_up = fail()
    problem(shop.transactions.authorize(payment.id, eur(1_000)))
    shop.spy.during = lambda _: setattr(shop.store, "before_commit", fail())
    problem(shop.transactions.authorize(payment.id, eur(2_000)))
    shop.store.before_commit = shop.spy.during = None
    assert [transaction.status.value for transaction in shop.reload(payment).transactions] == [
        "UNKNOWN",
        "SENDING_TO_PROCESSOR",
    ]
    shop.clock.advance(10 * MINUTE)
    value_of(shop.maintenance.run())
    assert [transaction.status.value for transaction in shop.reload(payment).transactions] == ["UNKNOWN", "UNKNOWN"]
