"""Reading, deciding and writing as one step: decided again for a faster writer, given up after a bounded number of tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from payports import Busy, Payment, Success, TransactionType
from payports.application.kernel.execute import record_intents
from payports.application.kernel.unit_of_work import HOST, TRIES, CheckoutLease
from payports.domain.begin import Command
from payports.domain.reversal import claim
from tests.application.overtaken import overtaken
from tests.application.scenarios import OWNER
from tests.application.shops import Bench, bench, eur, problem, told
from tests.application.writers import faster, once


def test_a_decision_is_made_again_a_bounded_number_of_times() -> None:
    on = bench()
    payment = on.pay()
    for times, fine in ((TRIES - 1, True), (TRIES, False)):
        updated = overtaken(on, times=times).shop.payments.update(payment.id, eur(1_000 + times))
        assert isinstance(updated, Success) is fine
    assert problem(overtaken(on, times=TRIES).shop.payments.update(payment.id, eur(1))) == Busy(f"payment {payment.id}")


# --- the lease of a checkout ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


def attempt(on: Bench, request_id: str) -> CheckoutLease:
    """An attempt that fails, and its hold on the checkout; the next attempt takes it away."""
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.submit(request_id=request_id))
    record = on.store.of("default").checkout(OWNER)
    assert record
    return CheckoutLease(record)


def to_claim(on: Bench, payment: Payment, hold: CheckoutLease) -> Any:
    return on.shop.environment.work.update_leased(payment.id, HOST, lambda before: Success(claim(before, "mine")), hold)


def to_take(on: Bench, payment: Payment, hold: CheckoutLease) -> Any:
    return record_intents(on.shop.environment, payment.id, Command(type=AUTHORIZE, amount=eur(10)), HOST, hold)


@pytest.mark.parametrize("begin", [to_claim, to_take])
def test_who_has_lost_the_checkout_begins_nothing_more_and_says_which(begin: Callable[..., Any]) -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    hold = attempt(on, "mine")
    attempt(on, "other")
    before, calls = on.again(payment), on.spy.calls
    assert problem(begin(on, payment, hold)) == Busy("checkout cart c-1")
    assert (on.again(payment), on.spy.calls) == (before, calls)


@pytest.mark.parametrize("begin", [to_claim, to_take])
def test_who_only_meets_a_faster_writer_decides_again_and_proves_its_hold(begin: Callable[..., Any]) -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    hold = attempt(on, "mine")
    version = hold.record.version
    on.store.before_commit = once(lambda _: faster(on, payment))
    renewed = told(begin(on, payment, hold)).lease
    record = on.store.of("default").checkout(OWNER)
    assert record
    assert record.version == renewed.record.version == version + 1
