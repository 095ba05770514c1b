"""Maintenance passes: leases between workers, unreadable payments, silent gateways, and stopping early."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import InvalidInput, Payment, TransactionType
from payports.ports.gateway import NotFoundYet
from payports.ports.leases import DELIVERY, payment_lease
from payports.ports.store import PaymentRepository, StoreFailed
from tests.application.fixtures import HOUR, MINUTE, ShopFixture, eur, only, open_shop, problem, value_of
from tests.application.maintenance.scenarios import unknown
from tests.application.stubs import fail

HALF_A_MINUTE: Final = timedelta(seconds=30)


def test_a_payment_leased_by_another_worker_is_left_to_it() -> None:
    shop = open_shop()
    theirs, ours = unknown(shop, 1), unknown(shop, 2)
    shop.clock.advance(2 * MINUTE)
    assert shop.repository.lease((payment_lease(theirs.id),), "another", HALF_A_MINUTE)
    assert value_of(shop.maintenance.run()).looked_up == 1
    assert shop.reload(theirs).transactions[0].indeterminate
    assert shop.reload(ours).transactions[0].succeeded
    shop.repository.release((payment_lease(theirs.id),), "another")
    assert value_of(shop.maintenance.run()).looked_up == 1
    assert shop.reload(theirs).transactions[0].succeeded


def test_a_pass_releases_its_leases() -> None:
    shop = open_shop()
    payments = [unknown(shop, number) for number in range(45)]
    shop.clock.advance(2 * MINUTE)
    assert value_of(shop.maintenance.run()).doubts_resolved == 45
    names = tuple(payment_lease(payment.id) for payment in payments)
    assert shop.repository.lease(names, "another", HALF_A_MINUTE) == set(names)


def test_two_concurrent_workers_look_each_payment_up_once() -> None:
    shop = open_shop()
    for number in range(30):
        unknown(shop, number)
    shop.clock.advance(2 * MINUTE)
    nested: list[Any] = []

    def meanwhile(request: Any) -> Any:
        if not nested:
            nested.append(None)
            nested.append(value_of(shop.maintenance.run()))
        return shop.spy.inner.look_up(request, fence=True)

    shop.spy.on_look_up = meanwhile
    report = value_of(shop.maintenance.run())
    assert (report.looked_up, nested[1].looked_up) == (20, 10)
    assert len({request.transaction_id for request in shop.spy.looked_up}) == len(shop.spy.looked_up) == 30


def test_an_unreadable_payment_does_not_delay_the_others() -> None:
    shop = open_shop()
    bad, good = unknown(shop, 1), unknown(shop, 2)
    shop.clock.advance(2 * MINUTE)
    broken = with_unreadable(shop, bad.id)
    report = value_of(broken.maintenance.run())
    assert (report.unreadable, report.doubts_resolved) == (1, 1)
    assert shop.reload(good).transactions[0].succeeded


def with_unreadable(shop: ShopFixture, payment_id: str) -> ShopFixture:
    inner = shop.payports.store

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
    return attrs.evolve(shop, payports=attrs.evolve(shop.payports, store=store))


def test_a_store_that_fails_altogether_ends_the_pass() -> None:
    shop = open_shop()
    unknown(shop, 1)
    shop.clock.advance(2 * MINUTE)
    shop.store.before_commit = fail()
    report = value_of(shop.maintenance.run())
    assert (report.unreadable, report.doubts_resolved) == (1, 0)


def test_a_silent_gateway_is_left_alone_and_does_not_delay_the_others() -> None:
    shop = open_shop({"gateways": {"dead": {"adapter": "sandbox"}, "sandbox": {"adapter": "sandbox"}}})
    dead = [shop.pay(f"d-{number}", token="tok_timeout_charged", gateway="dead") for number in range(10)]
    for payment in dead:
        problem(shop.transactions.authorize(payment.id))
    alive = unknown(shop, 1)
    shop.spies["dead"].on_look_up = lambda _: None
    shop.clock.advance(2 * MINUTE)
    value_of(shop.maintenance.run())
    assert len(shop.spies["dead"].looked_up) == 3
    assert shop.reload(alive).transactions[0].succeeded
    assert value_of(shop.maintenance.run()).looked_up == 0
    shop.spies["dead"].on_look_up = None
    shop.let_time_pass(MINUTE, 3)
    assert all(shop.reload(payment).transactions[0].succeeded for payment in dead)


def test_not_found_counts_as_an_answer_of_the_gateway() -> None:
    shop = open_shop()
    for number in range(10):
        problem(shop.transactions.authorize(shop.pay(f"c-{number}", token="tok_timeout_not_charged").id))
    shop.spy.on_look_up = lambda _: NotFoundYet("not yet")
    shop.clock.advance(2 * MINUTE)
    assert value_of(shop.maintenance.run()).looked_up == 10


def test_a_pass_that_must_stop_ends_between_two_payments_and_releases_the_rest() -> None:
    shop = open_shop()
    payments = [unknown(shop, number) for number in range(45)]
    shop.clock.advance(2 * MINUTE)
    report = value_of(shop.maintenance.run(stopping=lambda: len(shop.spy.looked_up) == 22))
    assert (report.looked_up, report.doubts_resolved, report.more) == (22, 22, True)
    names = tuple(payment_lease(payment.id) for payment in payments)
    assert shop.repository.lease(names, "another", HALF_A_MINUTE) == set(names)
    shop.repository.release(names, "another")
    rest = value_of(shop.maintenance.run())
    assert (rest.doubts_resolved, rest.more) == (23, False)


def test_a_pass_that_must_stop_begins_nothing() -> None:
    shop = open_shop()
    unknown(shop, 1)
    payment = shop.pay("c-2", token="tok_timeout_charged")
    problem(shop.transactions.authorize_and_capture(payment.id))
    shop.bank.webhooks()
    shop.bank.dashboard("REFUND", shop.bank.effects()[-1].gateway_reference, eur(1_000))
    shop.deliver_webhooks()
    shop.pay("c-3")

    def die(_: object) -> None:
        raise KeyboardInterrupt

    shop.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        shop.submit("c-3")
    shop.clock.advance(HOUR)
    before, commits = shop.spy.calls, len(shop.store.commits)
    report = value_of(shop.maintenance.run(stopping=lambda: True))
    assert (report.looked_up, report.notifications_applied, report.checkouts_concluded, report.more) == (0, 0, 0, True)
    assert (shop.spy.calls, len(shop.store.commits)) == (before, commits)
    report = value_of(shop.maintenance.run(stopping=lambda: False))
    assert (report.looked_up, report.notifications_applied, report.checkouts_concluded, report.more) == (3, 1, 1, False)


def test_an_error_of_the_stopping_function_releases_the_leases() -> None:
    shop = open_shop()
    payment = unknown(shop, 1)
    shop.clock.advance(2 * MINUTE)

    def fail() -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        shop.maintenance.run(stopping=fail)
    with pytest.raises(LookupError):
        shop.events.deliver(print, stopping=fail)
    names = (payment_lease(payment.id), DELIVERY)
    assert shop.repository.lease(names, "another", HALF_A_MINUTE) == set(names)


@pytest.mark.parametrize("nothing", [None, True, bool])
def test_stopping_must_be_a_function(nothing: Any) -> None:
    shop = open_shop()
    refused = InvalidInput("stopping", "must be a function")
    assert problem(shop.maintenance.run(stopping=nothing)) == refused
    assert problem(shop.events.deliver(print, stopping=nothing)) == refused


def test_payments_without_an_answer_do_not_keep_maintenance_from_the_rest() -> None:
    shop = open_shop()
    for number in range(6):
        stuck = shop.pay(f"stuck-{number}", token="tok_timeout_charged", gateway="sandbox")
        problem(shop.transactions.authorize(stuck.id))
    shop.spy.on_look_up = lambda request: (
        None if request.owner.id.startswith("stuck") else shop.spy.inner.look_up(request, fence=True)
    )
    fine = shop.pay("fine", token="tok_timeout_charged")
    problem(shop.transactions.authorize(fine.id))
    shop.clock.advance(2 * MINUTE)
    for _ in range(6):
        value_of(shop.maintenance.run(limit=2))
        shop.clock.advance(30)
    assert only(shop.reload(fine), TransactionType.AUTHORIZE).succeeded
