"""How a checkout ends: placed, waiting or failed, and what each reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import (
    ActionRequired,
    AwaitingResults,
    CheckedOut,
    Declined,
    NotCovered,
    Owner,
    PaymentsFailed,
    PaymentType,
    ResultUnknown,
    StoreUnavailable,
    TransactionStatus,
    TransactionType,
)
from payports.domain.checkout import CheckoutState, Receipt
from payports.domain.coverage import coverage
from payports.domain.failures import FailedPayment
from payports.domain.transaction_types import FailureType
from payports.ports.commit import Commit
from payports.testing.clock import START
from tests.application.checkout.scenarios import come_back, record_of
from tests.application.scenarios import OWNER, TWO
from tests.application.shops import (
    DAY,
    MINUTE,
    Bench,
    bench,
    eur,
    fail,
    only,
    problem,
    seen,
    snapshot,
    told,
    with_gateway,
)

# --- reports ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_a_placed_order_says_what_each_payment_gave_and_by_which_transactions() -> None:
    on = bench(TWO)
    card = on.pay(minor=1_000, gateway="first", type=PaymentType.DEBIT_CARD)
    on.clock.advance(MINUTE)
    other = on.pay(minor=2_000, gateway="second")
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.shop.transactions.authorize(card.id))
    placed = told(on.submit(minor=3_000))
    told(on.shop.transactions.capture(card.id))
    rows = {one.id: [row.id for row in on.again(one).transactions] for one in (card, other)}
    expected = CheckedOut(
        owner=OWNER,
        request_id="attempt-1",
        total=eur(3_000),
        receipts=(
            Receipt(
                payment_id=card.id,
                gateway="first",
                type=PaymentType.DEBIT_CARD,
                amount=eur(1_000),
                secured=eur(1_000),
                transaction_ids=(rows[card.id][1],),
            ),
            Receipt(
                payment_id=other.id,
                gateway="second",
                type=PaymentType.CREDIT_CARD,
                amount=eur(2_000),
                secured=eur(2_000),
                transaction_ids=(rows[other.id][0],),
            ),
        ),
        placed_at=START + timedelta(minutes=1),
    )
    assert placed == expected
    assert told(on.submit(minor=3_000)) == expected


def test_a_detour_says_what_the_shopper_must_do() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    required = told(on.submit())
    action = only(told(on.shop.payments.of_owner(OWNER))[0], AUTHORIZE).next_action
    assert action
    assert required == ActionRequired(
        owner=OWNER, request_id="attempt-1", next_actions=(action,), callback_token=record_of(on).callback_token
    )
    assert required.callback_token not in repr(required)


def test_a_wait_says_how_much_is_awaited() -> None:
    on = bench()
    on.pay(token="tok_async")
    assert told(on.submit()) == AwaitingResults(owner=OWNER, request_id="attempt-1", awaiting=eur(5_990))


def test_a_declined_payment_is_told_with_all_that_is_known_of_it() -> None:
    on = bench()
    payment = on.pay(token="tok_declined")
    failed = problem(on.submit())
    row = only(on.again(payment), AUTHORIZE)
    declined = Declined("insufficient_funds", FailureType.DECLINED, transaction_id=row.id)
    told_now = FailedPayment(
        payment_id=payment.id, problem=declined, type=AUTHORIZE, transaction_id=row.id, amount=eur(5_990)
    )
    assert failed == PaymentsFailed((told_now,))
    later = problem(on.shop.checkout.resume("sandbox", {"callback_token": record_of(on).callback_token}))
    assert later == PaymentsFailed((attrs.evolve(told_now, status=TransactionStatus.DECLINED),))


def test_a_payment_in_doubt_is_told_with_its_transaction() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    on.spy.on_look_up = lambda _: None
    problem(on.submit())
    row = only(on.again(payment), AUTHORIZE)
    assert problem(on.submit(request_id="attempt-2")) == PaymentsFailed(
        (
            FailedPayment(
                payment_id=payment.id,
                problem=ResultUnknown(row.id),
                transaction_id=row.id,
                status=TransactionStatus.UNKNOWN,
            ),
        )
    )


def test_a_payment_that_was_never_asked_for_is_told_without_a_transaction() -> None:
    on = bench()
    payment = on.pay()
    refused = with_gateway(on, transactions=OnlyCaptures(on)).submit()
    (detail,) = problem(refused).details
    assert (detail.payment_id, detail.type, detail.transaction_id, detail.amount) == (
        *(payment.id, AUTHORIZE, ""),
        eur(5_990),
    )


class OnlyCaptures:
    """Takes no authorization; nobody gets as far as asking it for one."""

    def __init__(self, on: Bench) -> None:
        self._inner: Any = on.spy.inner

    @property
    def capabilities(self) -> Any:
        return attrs.evolve(self._inner.capabilities, types=frozenset({TransactionType.CAPTURE}))


# --- results that come later ---


@pytest.mark.parametrize("succeed", [True, False])
def test_a_checkout_that_awaits_results_is_concluded_by_the_webhook(succeed: bool) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    awaiting = told(on.submit())
    assert isinstance(awaiting, AwaitingResults)
    assert awaiting.awaiting == eur(5_990)
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference, succeed=succeed)
    on.deliver()
    record = on.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    assert record.state is (CheckoutState.PLACED if succeed else CheckoutState.FAILED)
    assert on.again(payment).placed is succeed
    answer = on.submit()
    assert isinstance(told(answer) if succeed else problem(answer), CheckedOut if succeed else PaymentsFailed)


def test_a_webhook_that_is_sent_again_concludes_what_a_crash_left_open() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.submit())
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference)
    ((headers, body),) = on.bank.webhooks()

    def crash_when_concluding(commit: Commit) -> None:
        if commit.checkouts:
            fail()(commit)

    on.store.before_commit = crash_when_concluding
    assert isinstance(problem(on.receive(headers, body)), StoreUnavailable)
    on.store.before_commit = None
    assert told(on.receive(headers, body)).status_code == 200
    assert on.again(payment).placed


def test_an_awaited_result_covers_only_where_the_gateway_is_configured_so() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    on.pay(token="tok_async")
    assert isinstance(told(on.submit()), CheckedOut)


def test_a_checkout_that_waits_for_days_does_not_keep_maintenance_from_the_others() -> None:
    on = bench()
    for number in range(3):
        on.pay(f"slow-{number}", token="tok_async")
        told(on.submit(f"slow-{number}"))
    on.clock.advance(2 * DAY)
    told(on.shop.maintenance.run(limit=10))
    assert told(on.shop.maintenance.run(limit=2)).concluded == 0


# --- what a checkout waits for ---


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def test_nothing_waits_and_the_total_is_not_covered_so_it_has_failed() -> None:
    """Else nobody would ever conclude it, and what it still holds would never go back."""
    on = bench(TWO)
    gone, slow = on.pay(minor=1_000, gateway="first"), on.pay(minor=2_000, gateway="second", token="tok_async")
    assert isinstance(told(on.submit(minor=3_000)), AwaitingResults)
    told(on.shop.transactions.reverse_authorization(gone.id))
    assert isinstance(told(on.submit(minor=3_000)), AwaitingResults)
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=only(on.again(slow), AUTHORIZE).id)
    told(on.shop.transactions.record(slow.id, fact))
    assert record_of(on).state is CheckoutState.FAILED
    payments = [on.again(one) for one in (gone, slow)]
    assert problem(come_back(on, "first")) == NotCovered(eur(3_000), coverage(eur(3_000), payments))
    on.bank.finish_async(only(on.again(slow), AUTHORIZE).gateway_reference)
    on.settle_down()
    assert sorted(on.effects(REVERSE_AUTH)) == [("REVERSE_AUTH", 1_000), ("REVERSE_AUTH", 2_000)]


def test_more_than_the_total_is_no_cover_though_something_still_waits() -> None:
    on = bench(TWO)
    twice, slow = on.pay(minor=2_000, gateway="first"), on.pay(minor=500, gateway="second", token="tok_async")
    assert isinstance(told(on.submit(minor=2_500)), AwaitingResults)
    back = told(on.shop.transactions.reverse_authorization(twice.id)).transactions[0]
    told(on.shop.transactions.authorize(twice.id))
    assert record_of(on).state is CheckoutState.AWAITING_RESULTS
    on.shop.transactions.record(twice.id, seen(TransactionStatus.REVOKED, transaction_id=back.id))
    payments = [on.again(one) for one in (twice, slow)]
    cover = coverage(eur(2_500), payments)
    assert cover.state == "OVER"
    assert problem(come_back(on, "first")) == NotCovered(eur(2_500), cover)


def test_cover_that_is_awaited_counts_in_a_refusal_too() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = on.pay(token="tok_async")
    told(on.shop.transactions.authorize(payment.id))
    refused = problem(on.submit(minor=6_000))
    assert refused == NotCovered(eur(6_000), coverage(eur(6_000), [on.again(payment)], ["sandbox"]))
    assert refused.coverage.remaining == eur(10)


@pytest.mark.parametrize(("early", "renewed"), [(1, False), (0, True)])
def test_what_waits_is_looked_at_again_once_its_time_has_come(early: int, renewed: bool) -> None:
    on = bench()
    on.pay(token="tok_async")
    told(on.submit())
    due = record_of(on).lease_until
    on.clock.advance((due - on.clock.now()).total_seconds() - early)
    told(on.submit())
    assert (record_of(on).lease_until > due) is renewed


def test_asking_about_what_has_failed_long_ago_changes_nothing() -> None:
    on = bench()
    on.pay(token="tok_declined")
    problem(on.submit())
    on.clock.advance(30 * DAY)
    before = snapshot(on)
    assert isinstance(problem(come_back(on)), PaymentsFailed)
    assert snapshot(on) == before
