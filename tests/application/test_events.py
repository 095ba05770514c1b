"""Facts for the host: delivered once and in order, by one worker at a time, and read back as a payment's history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from payports import Owner
from payports.application.events import Delivery
from payports.domain.failures import StoreUnavailable
from payports.ports.leases import DELIVERY
from tests.application.fixtures import HOUR, eur, open_shop, problem, value_of
from tests.application.stubs import fail, override


def test_facts_are_delivered_in_order_and_a_handler_that_raises_loses_none() -> None:
    shop = open_shop()
    shop.pay("c-1")
    shop.pay("c-2")
    value_of(shop.submit("c-1"))
    taken: list[int] = []

    def handler(recorded: Any) -> None:
        if len(taken) in raises_at:
            raises_at.remove(len(taken))
            raise RuntimeError("the host's secret")
        taken.append(recorded.position)

    raises_at = {0, 2, 3}
    errors = [value_of(shop.events.deliver(handler)) for _ in range(4)]
    assert [delivery.error for delivery in errors] == ["RuntimeError"] * 3 + [""]
    assert "secret" not in repr(errors)
    assert taken == sorted(taken)
    assert len(set(taken)) == len(taken)
    assert value_of(shop.events.deliver(handler)).delivered == 0


def test_the_history_of_a_payment_records_who_did_what() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    value_of(shop.orders.capture(Owner("cart", "c-1"), "f-1", eur(5_990), key="k-1"))
    facts = [(recorded.fact.kind, recorded.fact.by) for recorded in value_of(shop.events.history(payment.id))]
    assert facts[0] == ("payment.created", "host")
    assert ("transaction.recorded", "checkout") in facts
    assert ("payment.placed", "checkout") in facts
    assert ("transaction.observed", "order") in facts


HALF_A_MINUTE: Final = timedelta(seconds=30)


def test_a_stopped_delivery_continues_where_it_ended() -> None:
    shop = open_shop()
    for number in range(5):
        shop.pay(f"c-{number}")
    taken: list[Any] = []
    assert value_of(shop.events.deliver(taken.append, stopping=lambda: len(taken) == 3)) == Delivery(
        3, told_to_stop=True
    )
    assert value_of(shop.events.deliver(taken.append, stopping=lambda: False)) == Delivery(2)
    assert [fact.position for fact in taken] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
def test_an_error_of_the_stopping_function_repeats_no_delivered_fact(noted: bool) -> None:
    shop = open_shop()
    for number in range(5):
        shop.pay(f"c-{number}")
    taken: list[Any] = []

    def fail_after_three() -> bool:
        if len(taken) == 3:
            if not noted:
                override(shop.environment.store, "delivered", fail())
            raise LookupError
        return False

    with pytest.raises(LookupError):
        shop.events.deliver(taken.append, stopping=fail_after_three)
    if noted:
        assert value_of(shop.events.deliver(taken.append)) == Delivery(2)
        assert [fact.position for fact in taken] == [1, 2, 3, 4, 5]


def test_only_one_worker_delivers_at_a_time() -> None:
    shop = open_shop()
    shop.pay()
    assert shop.repository.lease((DELIVERY,), "another", HALF_A_MINUTE)
    assert value_of(shop.events.deliver(print)) == Delivery(0, elsewhere=True)
    shop.repository.release((DELIVERY,), "another")
    taken: list[Any] = []
    assert value_of(shop.events.deliver(taken.append)) == Delivery(1)
    assert len(taken) == 1


def test_a_handler_may_not_deliver_from_within() -> None:
    shop = open_shop()
    shop.pay()
    nested: list[Any] = []
    value_of(shop.events.deliver(lambda _: nested.append(value_of(shop.events.deliver(print)))))
    assert nested == [Delivery(0, elsewhere=True)]


def test_a_slow_delivery_records_its_progress_and_leaves_the_rest_to_the_next() -> None:
    shop = open_shop()
    shop.pay("c-1")
    shop.pay("c-2")
    taken: list[int] = []

    def slow(recorded: Any) -> None:
        taken.append(recorded.position)
        shop.clock.advance(HOUR)
        assert shop.repository.lease((DELIVERY,), "another", HALF_A_MINUTE)

    assert value_of(shop.events.deliver(slow)) == Delivery(1, elsewhere=True)
    shop.repository.release((DELIVERY,), "another")
    value_of(shop.events.deliver(lambda recorded: taken.append(recorded.position)))
    assert taken == [1, 2]


def test_the_delivery_lease_is_renewed_for_a_slow_handler() -> None:
    shop = open_shop()
    for number in range(5):
        shop.pay(f"c-{number}")
    assert value_of(shop.events.deliver(lambda _: shop.clock.advance(HOUR))) == Delivery(5)


def test_a_store_that_cannot_be_read_is_reported() -> None:
    shop = open_shop()
    shop.pay()
    shop.payports.store.close()
    assert isinstance(problem(shop.maintenance.run()), StoreUnavailable)
    assert isinstance(problem(shop.events.deliver(print)), StoreUnavailable)


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 150, 151])
def test_a_delivery_takes_no_more_than_its_limit(limit: int) -> None:
    shop = open_shop()
    for number in range(150):
        shop.pay(f"c-{number}")
    taken: list[int] = []
    delivered = value_of(shop.events.deliver(lambda recorded: taken.append(recorded.position), limit))
    assert delivered == Delivery(min(limit, 150))
    rest = value_of(shop.events.deliver(lambda recorded: taken.append(recorded.position)))
    assert rest == Delivery(150 - min(limit, 150))
    assert taken == sorted(set(taken))


@pytest.mark.parametrize(("step", "renewals"), [(19, 1), (20, 2), (-1, 2)])
def test_the_delivery_lease_is_renewed_after_a_third_of_its_time_or_when_the_clock_goes_back(
    step: int, renewals: int
) -> None:
    shop = open_shop()
    shop.pay()
    store: Any = shop.environment.store
    lease, leased = store.lease, list[Any]()

    def counted(*requested_leases: Any) -> Any:
        leased.append(requested_leases[2])
        return lease(*requested_leases)

    store.lease = counted
    value_of(shop.events.deliver(lambda _: shop.clock.advance(step)))
    assert leased[:1] == [timedelta(minutes=1)]
    assert len(leased) >= renewals


@pytest.mark.parametrize(("step", "leases"), [(0, 1), (15, 1), (19, 1), (20, 2), (21, 2), (-1, 2)])
def test_the_delivery_lease_is_not_renewed_within_a_third_of_its_time(step: int, leases: int) -> None:
    shop = open_shop()
    shop.pay()
    store: Any = shop.environment.store
    lease, requested_leases = store.lease, list[tuple[Any, ...]]()

    def leasing(*arguments: Any) -> Any:
        requested_leases.append(arguments)
        return lease(*arguments)

    store.lease = leasing
    assert value_of(shop.events.deliver(lambda _: shop.clock.advance(step))) == Delivery(1)
    assert requested_leases == [((DELIVERY,), requested_leases[0][1], timedelta(minutes=1))] * leases


def test_a_worker_that_lost_its_lease_while_reading_delivers_nothing() -> None:
    shop = open_shop()
    shop.pay()
    store: Any = shop.environment.store
    read = store.undelivered

    def slow(limit: int) -> Any:
        page = read(limit)
        shop.clock.advance(HOUR)
        assert store.lease((DELIVERY,), "another", timedelta(minutes=1))
        return page

    store.undelivered = slow
    taken: list[Any] = []
    assert value_of(shop.events.deliver(taken.append)) == Delivery(0, elsewhere=True)
    assert taken == []


def test_an_error_of_the_handler_is_reported_with_its_fact() -> None:
    shop = open_shop()
    for number in range(3):
        shop.pay(f"c-{number}")
    facts = shop.environment.store.undelivered(10)

    def handler(recorded: Any) -> None:
        if recorded == facts[fails_at]:
            raise LookupError("secret")

    for fails_at, before in ((0, 0), (2, 2)):
        assert value_of(shop.events.deliver(handler)) == Delivery(before, facts[fails_at], "LookupError")
