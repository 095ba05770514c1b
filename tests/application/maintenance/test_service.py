"""A pass of maintenance reports what it did, and keeps nobody waiting."""

from __future__ import annotations

from typing import Final

import pytest

from payports import Owner, TransactionStatus, TransactionType
from payports.domain.observation import Channel
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse
from tests.application.maintenance.scenarios import declined, passed, run, unknown
from tests.application.shops import DAY, HOUR, MEMORY, MINUTE, bench, eur, fail, only, problem, seen, told

# --- reports ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


IMMEDIATE: Final = {"checkout": {"rollback": "immediate"}}


def test_a_pass_counts_what_it_looked_up_and_what_that_settled() -> None:
    on = bench()
    payments = [unknown(on, number) for number in range(3)]
    known = payments[0].id
    on.spy.on_look_up = lambda request: (
        on.spy.inner.look_up(request) if request.payment_id == known else seen(TransactionStatus.UNKNOWN)
    )
    on.clock.advance(MINUTE)
    assert run(on) == passed(looked_up=3, settled=1)
    on.clock.advance(HOUR)
    on.spy.on_look_up = lambda _: NotFoundYet("never heard of it")
    assert run(on) == passed(looked_up=2, settled=2)
    assert run(on) == passed()


def test_a_pass_counts_what_it_reversed_and_what_it_could_not() -> None:
    on = bench(IMMEDIATE)
    good, bad = on.pay("c-1"), on.pay("c-2")
    for one in (good, bad):
        told(on.shop.transactions.authorize(one.id))
        told(on.shop.payments.archive(one.id))
    on.clock.advance(MINUTE)
    on.bank.fail_next("REVERSE_AUTH", "declined")
    assert run(on) == passed(reversed=1, failed_reversals=1)
    on.clock.advance(HOUR)
    assert run(on) == passed(reversed=1)
    assert run(on) == passed()


def test_a_pass_counts_the_actions_that_lapsed_and_the_checkouts_that_it_concluded() -> None:
    on = bench()
    for number in range(2):
        on.pay(f"c-{number}", token="tok_3ds")
        told(on.submit(f"c-{number}"))
    on.clock.advance(HOUR - 1)
    assert run(on) == passed()
    on.clock.advance(1)
    assert run(on) == passed(looked_up=2, settled=2, lapsed=2)
    row = only(told(on.shop.payments.of_owner(Owner("cart", "c-0")))[0], AUTHORIZE)
    assert row.status is TransactionStatus.DECLINED


def test_a_pass_counts_the_checkouts_that_nobody_finished() -> None:
    on = bench()
    for number in range(2):
        on.pay(f"c-{number}")

        def die(_: object) -> None:
            raise KeyboardInterrupt

        on.spy.during = die
        with pytest.raises(KeyboardInterrupt):
            on.submit(f"c-{number}")
    on.spy.during = None
    on.clock.advance(5 * MINUTE)
    assert run(on).concluded == 0
    on.clock.advance(1)
    assert run(on) == passed(concluded=2)


def test_a_pass_counts_the_holds_whose_end_is_near() -> None:
    on = bench()
    for number in range(3):
        told(on.shop.transactions.authorize(on.pay(f"c-{number}").id))
    on.clock.advance(6 * DAY - 1)
    assert run(on) == passed()
    on.clock.advance(1)
    assert run(on) == passed(expiring=3)
    assert run(on) == passed()


def test_a_pass_counts_the_notifications_that_found_their_payment() -> None:
    on = bench()
    for number in range(2):
        payment = on.pay(f"c-{number}", token="tok_timeout_charged")
        problem(on.shop.transactions.authorize_and_capture(payment.id))
    on.bank.webhooks()
    for effect in on.bank.effects():
        on.bank.dashboard("REFUND", effect.gateway_reference, eur(1_000))
    on.deliver()
    assert run(on) == passed()
    on.clock.advance(MINUTE)
    assert run(on) == passed(looked_up=2, settled=2, applied=2)
    assert run(on) == passed()


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False)])
def test_a_pass_says_whether_there_was_more_work_than_it_took(limit: int, more: bool) -> None:
    on = bench()
    for number in range(2):
        unknown(on, number)
    on.clock.advance(MINUTE)
    found = min(limit, 2)
    assert run(on, limit) == passed(looked_up=found, settled=found, more=more)


def test_a_store_that_fails_over_two_payments_fails_over_two() -> None:
    on = bench()
    for number in range(2):
        problem(on.shop.transactions.authorize(on.pay(f"c-{number}", token="tok_timeout_charged").id))
    on.clock.advance(2 * MINUTE)
    on.store.before_commit = fail()
    assert told(on.shop.maintenance.run()).unreadable == 2


def test_passes_count_each_reversal_once() -> None:
    on = bench()
    for number in range(3):
        payment = on.pay(f"c-{number}", minor=3_000)
        told(on.shop.transactions.authorize(payment.id))
        told(on.shop.transactions.capture(payment.id, eur(1_000)))
        told(on.shop.payments.archive(payment.id))
        if number == 0:
            on.clock.advance(2 * MINUTE)
            assert told(on.shop.maintenance.run()).reversed == 2
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).reversed == 4


def test_a_reversal_is_counted_when_it_is_made_and_not_again_with_the_next() -> None:
    on = bench()
    payment = on.pay()
    for minor in (1_000, 2_000):
        late = declined(on, payment, minor)
        fact = seen(TransactionStatus.SUCCEEDED, transaction_id=late, gateway_reference=f"au_{minor}")
        on.shop.transactions.record(payment.id, fact)
        on.spy.instead = undone
        on.clock.advance(2 * MINUTE)
        assert told(on.shop.maintenance.run()).reversed == 1
        on.spy.instead = None


def undone(request: PaymentRequest) -> PaymentResponse:
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=request.transaction_id, channel=Channel.ANSWER)
    return PaymentResponse(seen=fact)


def test_a_gateway_that_is_asked_nothing_leaves_a_quiet_shop_quiet() -> None:
    on = bench(MEMORY)
    report = told(on.shop.maintenance.run())
    assert (report.looked_up, report.more) == (0, False)
    assert told(on.shop.maintenance.needs_attention()) == ()
