"""Units of work: a decision is repeated after a faster writer, in a bounded number of tries, and under the checkout's lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from payports import Busy, Payment, Success, TransactionType
from payports.application.kernel.execute import record_intents
from payports.application.kernel.unit_of_work import HOST, TRIES, CheckoutLease
from payports.domain.command import Command
from payports.domain.reversal import claim
from tests.application.concurrent_writers import before_next_commits, commit_meanwhile, with_stale_commits
from tests.application.fixtures import ShopFixture, eur, open_shop, problem, value_of
from tests.application.scenarios import OWNER


def test_a_decision_is_repeated_a_bounded_number_of_times() -> None:
    shop = open_shop()
    payment = shop.pay()
    for times, fine in ((TRIES - 1, True), (TRIES, False)):
        updated = with_stale_commits(shop, times=times).payments.update(payment.id, eur(1_000 + times))
        assert isinstance(updated, Success) is fine
    assert problem(with_stale_commits(shop, times=TRIES).payments.update(payment.id, eur(1))) == Busy(
        f"payment {payment.id}"
    )


# --- the lease of a checkout ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


def attempt(shop: ShopFixture, request_id: str) -> CheckoutLease:
    """Let an attempt fail; returns its lease, which the next attempt takes over."""
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.submit(request_id=request_id))
    record = shop.store.of("default").checkout(OWNER)
    assert record
    return CheckoutLease(record)


def claim_transactions(shop: ShopFixture, payment: Payment, lease: CheckoutLease) -> Any:
    return shop.environment.work.update_leased(payment.id, HOST, lambda before: Success(claim(before, "mine")), lease)


def authorize_more(shop: ShopFixture, payment: Payment, lease: CheckoutLease) -> Any:
    return record_intents(shop.environment, payment.id, Command(type=AUTHORIZE, amount=eur(10)), HOST, lease)


@pytest.mark.parametrize("begin", [claim_transactions, authorize_more])
def test_an_attempt_that_lost_its_lease_begins_nothing_more(begin: Callable[..., Any]) -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, eur(1_000)))
    lease = attempt(shop, "mine")
    attempt(shop, "other")
    before, calls = shop.reload(payment), shop.spy.calls
    assert problem(begin(shop, payment, lease)) == Busy("checkout cart c-1")
    assert (shop.reload(payment), shop.spy.calls) == (before, calls)


@pytest.mark.parametrize("begin", [claim_transactions, authorize_more])
def test_an_attempt_that_meets_a_faster_writer_decides_again_under_its_lease(begin: Callable[..., Any]) -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, eur(1_000)))
    lease = attempt(shop, "mine")
    version = lease.record.version
    shop.store.before_commit = before_next_commits(lambda _: commit_meanwhile(shop, payment))
    renewed = value_of(begin(shop, payment, lease)).lease
    record = shop.store.of("default").checkout(OWNER)
    assert record
    assert record.version == renewed.record.version == version + 1
