"""Maintenance from many places at once, what it warns of, and what it leaves to a person."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from payports import AttentionKind, InvalidInput, Payment, TransactionStatus, TransactionType, connect
from payports.application.events import Delivery
from payports.domain.failures import StoreUnavailable
from payports.ports.gateway import NotFoundYet
from payports.ports.store import DELIVERY, PaymentRepository, StoreFailed, payment_lease
from tests.application.shops import (
    DAY,
    HOUR,
    MEMORY,
    MINUTE,
    Bench,
    bench,
    eur,
    fail,
    only,
    problem,
    spoil,
    told,
    watch,
)

HALF_A_MINUTE: Final = timedelta(seconds=30)


def kinds(on: Bench) -> set[AttentionKind]:
    return {item.kind for item in told(on.shop.maintenance.needs_attention())}


def ruled(on: Bench, payment: Payment) -> None:
    """Take note of everything that needs attention about a payment."""
    for item in told(on.shop.maintenance.needs_attention()):
        status = on.again(payment).by_id[item.transaction_id].status
        on.shop.maintenance.resolve(item.transaction_id, status, operator="ada", reason="seen")


def repository(on: Bench) -> PaymentRepository:
    return on.shop.store.of("default")


# --- holds that end ---


def test_a_hold_is_reported_once_a_day_before_it_ends() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.clock.advance(6 * DAY - MINUTE)
    assert told(on.shop.maintenance.run()).expiring == 0
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).expiring == 1
    assert kinds(on) == {AttentionKind.EXPIRING_AUTHORIZATION}
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
    assert kinds(on) == set()
    assert on.spy.looked_up == []


def test_capturing_a_hold_that_was_reported_settles_it() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.settle_down(6 * DAY + MINUTE, 1)
    told(on.shop.transactions.capture(payment.id, eur(5_990)))
    assert kinds(on) == set()
    assert not only(on.again(payment), TransactionType.AUTHORIZE).expiring


def test_the_gateway_is_asked_before_a_hold_is_reported() -> None:
    on = bench()
    payment = on.pay()
    hold = only(told(on.shop.transactions.authorize(payment.id)).payment, TransactionType.AUTHORIZE)
    on.bank.revoke(hold.gateway_reference)
    on.settle_down(6 * DAY + MINUTE, 1)
    assert only(on.again(payment), TransactionType.AUTHORIZE).status is TransactionStatus.REVOKED
    assert kinds(on) == {AttentionKind.TAKEN_BACK}


# --- what a person must know of ---


def captured(on: Bench) -> tuple[Payment, str]:
    payment = on.pay()
    made = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    return payment, made.gateway_reference


def test_a_chargeback_is_shown_until_somebody_has_noted_it() -> None:
    on = bench()
    payment, reference = captured(on)
    on.bank.dashboard("CHARGEBACK", reference, eur(5_990))
    on.deliver()
    assert kinds(on) == {AttentionKind.CHARGEBACK}
    ruled(on, payment)
    assert kinds(on) == set()


def test_what_the_gateway_takes_back_is_shown_until_somebody_has_noted_it() -> None:
    on = bench()
    payment, reference = captured(on)
    on.bank.revoke(reference)
    on.deliver()
    assert kinds(on) == {AttentionKind.TAKEN_BACK}
    ruled(on, payment)
    assert kinds(on) == set()


def test_an_order_that_was_placed_on_a_promise_is_shown_when_the_promise_fails() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = on.pay(token="tok_async")
    told(on.submit())
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference, succeed=False)
    on.deliver()
    assert kinds(on) == {AttentionKind.UNCOVERED_ORDER}
    ruled(on, payment)
    assert kinds(on) == set()


def test_everything_that_needs_attention_is_found_however_much_it_is() -> None:
    on = bench()
    for number in range(12):
        problem(on.shop.transactions.authorize(on.pay(f"c-{number}", token="tok_wrong_amount").id))
    whole = told(on.shop.maintenance.needs_attention())
    assert len({item.payment_id for item in whole}) == 12
    pages = [repository(on).needing_attention(limit=5)]
    while pages[-1]:
        pages.append(repository(on).needing_attention(after=pages[-1][-1].id, limit=5))
    assert [one.id for page in pages for one in page] == [item.payment_id for item in whole]


# --- many at once ---


def unknown(on: Bench, number: int) -> Payment:
    payment = on.pay(f"c-{number}", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    return payment


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


# --- told to stop ---


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


def test_a_delivery_that_is_told_to_stop_goes_on_later_where_it_ended() -> None:
    on = bench()
    for number in range(5):
        on.pay(f"c-{number}")
    taken: list[Any] = []
    assert told(on.shop.events.deliver(taken.append, stopping=lambda: len(taken) == 3)) == Delivery(
        3, told_to_stop=True
    )
    assert told(on.shop.events.deliver(taken.append, stopping=lambda: False)) == Delivery(2)
    assert [one.position for one in taken] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
def test_what_was_taken_does_not_come_again_when_it_cannot_be_said_whether_to_stop(noted: bool) -> None:
    on = bench()
    for number in range(5):
        on.pay(f"c-{number}")
    taken: list[Any] = []

    def fail_after_three() -> bool:
        if len(taken) == 3:
            if not noted:
                spoil(on.shop.environment.store, "delivered", fail())
            raise LookupError
        return False

    with pytest.raises(LookupError):
        on.shop.events.deliver(taken.append, stopping=fail_after_three)
    if noted:
        assert told(on.shop.events.deliver(taken.append)) == Delivery(2)
        assert [one.position for one in taken] == [1, 2, 3, 4, 5]


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


# --- delivery ---


def facts_of(on: Bench) -> int:
    return len(repository(on).undelivered(1_000))


def test_only_one_delivers_at_a_time() -> None:
    on = bench()
    on.pay()
    assert repository(on).lease((DELIVERY,), "another", HALF_A_MINUTE)
    assert told(on.shop.events.deliver(print)) == Delivery(0, elsewhere=True)
    repository(on).release((DELIVERY,), "another")
    taken: list[Any] = []
    assert told(on.shop.events.deliver(taken.append)) == Delivery(1)
    assert len(taken) == 1


def test_a_handler_may_not_deliver_from_within() -> None:
    on = bench()
    on.pay()
    nested: list[Any] = []
    told(on.shop.events.deliver(lambda _: nested.append(told(on.shop.events.deliver(print)))))
    assert nested == [Delivery(0, elsewhere=True)]


def test_who_was_too_slow_notes_what_was_taken_and_leaves_the_rest_to_who_took_over() -> None:
    on = bench()
    on.pay("c-1")
    on.pay("c-2")
    taken: list[int] = []

    def slow(recorded: Any) -> None:
        taken.append(recorded.position)
        on.clock.advance(HOUR)
        assert repository(on).lease((DELIVERY,), "another", HALF_A_MINUTE)

    assert told(on.shop.events.deliver(slow)) == Delivery(1, elsewhere=True)
    repository(on).release((DELIVERY,), "another")
    told(on.shop.events.deliver(lambda recorded: taken.append(recorded.position)))
    assert taken == [1, 2]


def test_a_lease_is_renewed_while_the_handler_takes_its_time() -> None:
    on = bench()
    for number in range(5):
        on.pay(f"c-{number}")
    assert told(on.shop.events.deliver(lambda _: on.clock.advance(HOUR))) == Delivery(5)


def test_a_store_that_cannot_be_read_is_said_so() -> None:
    on = bench()
    on.pay()
    on.shop.store.close()
    assert isinstance(problem(on.shop.maintenance.run()), StoreUnavailable)
    assert isinstance(problem(on.shop.events.deliver(print)), StoreUnavailable)


def test_a_store_that_was_restored_from_an_older_state_is_noticed_by_the_first_notification(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    on = bench({"store": {"url": url}})
    on.pay("c-1")
    on.shop.close()
    shutil.copyfile(tmp_path / "shop.db", tmp_path / "kept.db")
    on = watch(connect({"store": {"url": url}}, bank=on.bank, clock=on.clock), on.bank, on.clock)
    lost = on.pay("c-2")
    told(on.shop.transactions.authorize_and_capture(lost.id))
    on.shop.close()
    restored = {"store": {"url": f"sqlite:///{tmp_path}/kept.db"}}
    on = watch(connect(restored, bank=on.bank, clock=on.clock), on.bank, on.clock)
    assert kinds(on) == set()
    on.deliver()
    on.settle_down(2 * MINUTE, 1)
    (item,) = told(on.shop.maintenance.needs_attention())
    assert (item.kind, item.transaction_id) == (AttentionKind.LOST_TRANSACTION, on.bank.effects()[0].transaction_id)
    on.shop.close()


def test_what_was_made_elsewhere_is_shown_once_nobody_could_place_it_for_long() -> None:
    on = bench()
    elsewhere = watch(connect(MEMORY, bank=on.bank, clock=on.clock), on.bank, on.clock)
    _, reference = captured(elsewhere)
    on.bank.webhooks()
    on.bank.dashboard("REFUND", reference, eur(1_000))
    on.deliver()
    assert kinds(on) == set()
    on.settle_down(DAY, 8)
    assert kinds(on) == {AttentionKind.PARKED_NOTIFICATION}
