"""The report of a maintenance pass."""

from __future__ import annotations

from typing import Final

import pytest

from payports import Owner, TransactionStatus, TransactionType
from payports.domain.observation import Channel
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse
from tests.application.fixtures import DAY, HOUR, MEMORY, MINUTE, eur, observation, only, open_shop, problem, value_of
from tests.application.maintenance.scenarios import declined, passed, run, unknown
from tests.application.stubs import fail

AUTHORIZE: Final = TransactionType.AUTHORIZE
IMMEDIATE: Final = {"checkout": {"rollback": "immediate"}}


def test_a_pass_counts_its_look_ups_and_the_doubts_they_resolved() -> None:
    shop = open_shop()
    payments = [unknown(shop, number) for number in range(3)]
    known = payments[0].id
    shop.spy.on_look_up = lambda request: (
        shop.spy.inner.look_up(request) if request.payment_id == known else observation(TransactionStatus.UNKNOWN)
    )
    shop.clock.advance(MINUTE)
    assert run(shop) == passed(looked_up=3, doubts_resolved=1)
    shop.clock.advance(HOUR)
    shop.spy.on_look_up = lambda _: NotFoundYet("never heard of it")
    assert run(shop) == passed(looked_up=2, doubts_resolved=2)
    assert run(shop) == passed()


def test_a_pass_counts_its_reversals_and_failed_reversals() -> None:
    shop = open_shop(IMMEDIATE)
    good, bad = shop.pay("c-1"), shop.pay("c-2")
    for payment in (good, bad):
        value_of(shop.transactions.authorize(payment.id))
        value_of(shop.payments.archive(payment.id))
    shop.clock.advance(MINUTE)
    shop.bank.fail_next("REVERSE_AUTH", "declined")
    assert run(shop) == passed(reversed=1, failed_reversals=1)
    shop.clock.advance(HOUR)
    assert run(shop) == passed(reversed=1)
    assert run(shop) == passed()


def test_a_pass_counts_the_actions_that_lapsed() -> None:
    shop = open_shop()
    for number in range(2):
        shop.pay(f"c-{number}", token="tok_3ds")
        value_of(shop.submit(f"c-{number}"))
    shop.clock.advance(HOUR - 1)
    assert run(shop) == passed()
    shop.clock.advance(1)
    assert run(shop) == passed(looked_up=2, doubts_resolved=2, actions_expired=2)
    row = only(value_of(shop.payments.of_owner(Owner("cart", "c-0")))[0], AUTHORIZE)
    assert row.status is TransactionStatus.DECLINED


def test_a_pass_counts_the_abandoned_checkouts_that_it_finalized() -> None:
    shop = open_shop()
    for number in range(2):
        shop.pay(f"c-{number}")

        def die(_: object) -> None:
            raise KeyboardInterrupt

        shop.spy.during = die
        with pytest.raises(KeyboardInterrupt):
            shop.submit(f"c-{number}")
    shop.spy.during = None
    shop.clock.advance(5 * MINUTE)
    assert run(shop).checkouts_concluded == 0
    shop.clock.advance(1)
    assert run(shop) == passed(checkouts_concluded=2)


def test_a_pass_counts_the_holds_that_expire_soon() -> None:
    shop = open_shop()
    for number in range(3):
        value_of(shop.transactions.authorize(shop.pay(f"c-{number}").id))
    shop.clock.advance(6 * DAY - 1)
    assert run(shop) == passed()
    shop.clock.advance(1)
    assert run(shop) == passed(holds_expiring=3)
    assert run(shop) == passed()


def test_a_pass_counts_the_notifications_that_found_their_payment() -> None:
    shop = open_shop()
    for number in range(2):
        payment = shop.pay(f"c-{number}", token="tok_timeout_charged")
        problem(shop.transactions.authorize_and_capture(payment.id))
    shop.bank.webhooks()
    for effect in shop.bank.effects():
        shop.bank.dashboard("REFUND", effect.gateway_reference, eur(1_000))
    shop.deliver_webhooks()
    assert run(shop) == passed()
    shop.clock.advance(MINUTE)
    assert run(shop) == passed(looked_up=2, doubts_resolved=2, notifications_applied=2)
    assert run(shop) == passed()


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False)])
def test_a_pass_says_whether_more_is_due(limit: int, more: bool) -> None:
    shop = open_shop()
    for number in range(2):
        unknown(shop, number)
    shop.clock.advance(MINUTE)
    count = min(limit, 2)
    assert run(shop, limit) == passed(looked_up=count, doubts_resolved=count, more=more)


def test_each_payment_that_the_store_fails_on_is_counted() -> None:
    shop = open_shop()
    for number in range(2):
        problem(shop.transactions.authorize(shop.pay(f"c-{number}", token="tok_timeout_charged").id))
    shop.clock.advance(2 * MINUTE)
    shop.store.before_commit = fail()
    assert value_of(shop.maintenance.run()).unreadable == 2


def test_passes_count_each_reversal_once() -> None:
    shop = open_shop()
    for number in range(3):
        payment = shop.pay(f"c-{number}", minor=3_000)
        value_of(shop.transactions.authorize(payment.id))
        value_of(shop.transactions.capture(payment.id, eur(1_000)))
        value_of(shop.payments.archive(payment.id))
        if number == 0:
            shop.clock.advance(2 * MINUTE)
            assert value_of(shop.maintenance.run()).reversed == 2
    shop.clock.advance(2 * MINUTE)
    assert value_of(shop.maintenance.run()).reversed == 4


def test_each_reversal_is_counted_in_the_pass_that_makes_it() -> None:
    shop = open_shop()
    payment = shop.pay()
    for minor in (1_000, 2_000):
        late = declined(shop, payment, minor)
        fact = observation(TransactionStatus.SUCCEEDED, transaction_id=late, gateway_reference=f"au_{minor}")
        shop.transactions.record(payment.id, fact)
        shop.spy.instead = undone
        shop.clock.advance(2 * MINUTE)
        assert value_of(shop.maintenance.run()).reversed == 1
        shop.spy.instead = None


def undone(request: PaymentRequest) -> PaymentResponse:
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=request.transaction_id, channel=Channel.ANSWER)
    return PaymentResponse(seen=fact)


def test_a_shop_without_open_work_has_nothing_to_maintain() -> None:
    shop = open_shop(MEMORY)
    report = value_of(shop.maintenance.run())
    assert (report.looked_up, report.more) == (0, False)
    assert value_of(shop.maintenance.needs_attention()) == ()
