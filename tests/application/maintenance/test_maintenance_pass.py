"""Passes of maintenance side by side: leases, payments that cannot be read, silent gateways, and the order to stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import InvalidInput, Payment, TransactionType
from payports.ports.gateway import NotFoundYet
from payports.ports.leases import DELIVERY, payment_lease
from payports.ports.store import PaymentRepository, StoreFailed
from tests.application.maintenance.scenarios import unknown
from tests.application.shops import HOUR, MINUTE, Bench, bench, eur, fail, only, problem, told

HALF_A_MINUTE: Final = timedelta(seconds=30)


def repository(on: Bench) -> PaymentRepository:
    return on.shop.store.of("default")


def test_what_another_worker_has_leased_is_left_to_it() -> None:
    on = bench()
    theirs, ours = unknown(on, 1), unknown(on, 2)
    on.clock.advance(2 * MINUTE)
    assert repository(on).lease((payment_lease(theirs.id),), "another", HALF_A_MINUTE)
    assert told(on.shop.maintenance.run()).looked_up == 1
    assert on.again(theirs).transactions[0].indeterminate
    assert on.again(ours).transactions[0].succeeded
    repository(on).release((payment_lease(theirs.id),), "another")
    assert told(on.shop.maintenance.run()).looked_up == 1
    assert on.again(theirs).transactions[0].succeeded


def test_a_pass_gives_back_what_it_leased() -> None:
    on = bench()
    payments = [unknown(on, number) for number in range(45)]
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).settled == 45
    names = tuple(payment_lease(one.id) for one in payments)
    assert repository(on).lease(names, "another", HALF_A_MINUTE) == set(names)


def test_two_workers_at_once_look_each_payment_up_once() -> None:
    on = bench()
    for number in range(30):
        unknown(on, number)
    on.clock.advance(2 * MINUTE)
    nested: list[Any] = []

    def meanwhile(request: Any) -> Any:
        if not nested:
            nested.append(None)
            nested.append(told(on.shop.maintenance.run()))
        return on.spy.inner.look_up(request, fence=True)

    on.spy.on_look_up = meanwhile
    report = told(on.shop.maintenance.run())
    assert (report.looked_up, nested[1].looked_up) == (20, 10)
    assert len({one.transaction_id for one in on.spy.looked_up}) == len(on.spy.looked_up) == 30


def test_a_payment_that_the_store_cannot_read_keeps_nobody_else_waiting() -> None:
    on = bench()
    bad, good = unknown(on, 1), unknown(on, 2)
    on.clock.advance(2 * MINUTE)
    broken = with_unreadable(on, bad.id)
    report = told(broken.shop.maintenance.run())
    assert (report.unreadable, report.settled) == (1, 1)
    assert on.again(good).transactions[0].succeeded


def with_unreadable(on: Bench, payment_id: str) -> Bench:
    inner = on.shop.store

    class Damaged:
        def of(self, merchant: str) -> Any:
            return Repository(inner.of(merchant))

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    class Repository:
        def __init__(self, repository: PaymentRepository) -> None:
            self._repository = repository

        def payment(self, wanted: str) -> Payment | None:
            if wanted == payment_id:
                raise StoreFailed("a Payment cannot be read")
            return self._repository.payment(wanted)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._repository, name)

    store: Any = Damaged()
    return attrs.evolve(on, shop=attrs.evolve(on.shop, store=store))


def test_a_store_that_fails_altogether_ends_the_pass() -> None:
    on = bench()
    unknown(on, 1)
    on.clock.advance(2 * MINUTE)
    on.store.before_commit = fail()
    report = told(on.shop.maintenance.run())
    assert (report.unreadable, report.settled) == (1, 0)


def test_a_gateway_that_gives_no_answer_is_left_alone_and_keeps_no_other_waiting() -> None:
    on = bench({"gateways": {"dead": {"adapter": "sandbox"}, "sandbox": {"adapter": "sandbox"}}})
    dead = [on.pay(f"d-{number}", token="tok_timeout_charged", gateway="dead") for number in range(10)]
    for payment in dead:
        problem(on.shop.transactions.authorize(payment.id))
    alive = unknown(on, 1)
    on.spies["dead"].on_look_up = lambda _: None
    on.clock.advance(2 * MINUTE)
    told(on.shop.maintenance.run())
    assert len(on.spies["dead"].looked_up) == 3
    assert on.again(alive).transactions[0].succeeded
    assert told(on.shop.maintenance.run()).looked_up == 0
    on.spies["dead"].on_look_up = None
    on.settle_down(MINUTE, 3)
    assert all(on.again(payment).transactions[0].succeeded for payment in dead)


def test_a_gateway_that_does_not_know_a_payment_has_answered() -> None:
    on = bench()
    for number in range(10):
        problem(on.shop.transactions.authorize(on.pay(f"c-{number}", token="tok_timeout_not_charged").id))
    on.spy.on_look_up = lambda _: NotFoundYet("not yet")
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).looked_up == 10


def test_a_pass_that_is_told_to_stop_ends_between_two_payments_and_gives_the_rest_back_at_once() -> None:
    on = bench()
    payments = [unknown(on, number) for number in range(45)]
    on.clock.advance(2 * MINUTE)
    report = told(on.shop.maintenance.run(stopping=lambda: len(on.spy.looked_up) == 22))
    assert (report.looked_up, report.settled, report.more) == (22, 22, True)
    names = tuple(payment_lease(one.id) for one in payments)
    assert repository(on).lease(names, "another", HALF_A_MINUTE) == set(names)
    repository(on).release(names, "another")
    rest = told(on.shop.maintenance.run())
    assert (rest.settled, rest.more) == (23, False)


def test_who_is_told_to_stop_begins_nothing_of_any_kind() -> None:
    on = bench()
    unknown(on, 1)
    payment = on.pay("c-2", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize_and_capture(payment.id))
    on.bank.webhooks()
    on.bank.dashboard("REFUND", on.bank.effects()[-1].gateway_reference, eur(1_000))
    on.deliver()
    on.pay("c-3")

    def die(_: object) -> None:
        raise KeyboardInterrupt

    on.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        on.submit("c-3")
    on.clock.advance(HOUR)
    before, commits = on.spy.calls, len(on.store.commits)
    report = told(on.shop.maintenance.run(stopping=lambda: True))
    assert (report.looked_up, report.applied, report.concluded, report.more) == (0, 0, 0, True)
    assert (on.spy.calls, len(on.store.commits)) == (before, commits)
    report = told(on.shop.maintenance.run(stopping=lambda: False))
    assert (report.looked_up, report.applied, report.concluded, report.more) == (3, 1, 1, False)


def test_what_cannot_say_whether_to_stop_gives_its_leases_back() -> None:
    on = bench()
    payment = unknown(on, 1)
    on.clock.advance(2 * MINUTE)

    def fail() -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        on.shop.maintenance.run(stopping=fail)
    with pytest.raises(LookupError):
        on.shop.events.deliver(print, stopping=fail)
    names = (payment_lease(payment.id), DELIVERY)
    assert repository(on).lease(names, "another", HALF_A_MINUTE) == set(names)


@pytest.mark.parametrize("nothing", [None, True, bool])
def test_only_a_function_is_asked_whether_to_stop(nothing: Any) -> None:
    on = bench()
    refused = InvalidInput("stopping", "must be a function")
    assert problem(on.shop.maintenance.run(stopping=nothing)) == refused
    assert problem(on.shop.events.deliver(print, stopping=nothing)) == refused


def test_what_cannot_be_helped_does_not_keep_maintenance_from_the_rest() -> None:
    on = bench()
    for number in range(6):
        stuck = on.pay(f"stuck-{number}", token="tok_timeout_charged", gateway="sandbox")
        problem(on.shop.transactions.authorize(stuck.id))
    on.spy.on_look_up = lambda request: (
        None if request.owner.id.startswith("stuck") else on.spy.inner.look_up(request, fence=True)
    )
    fine = on.pay("fine", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(fine.id))
    on.clock.advance(2 * MINUTE)
    for _ in range(6):
        told(on.shop.maintenance.run(limit=2))
        on.clock.advance(30)
    assert only(on.again(fine), TransactionType.AUTHORIZE).succeeded
