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
from payports.application.checkout.finalize import finalize
from payports.domain.checkout import CheckoutRecord, CheckoutState, Receipt
from payports.domain.coverage import coverage
from payports.domain.failures import FailedPayment
from payports.domain.transaction_types import FailureType
from payports.ports.commit import Commit
from payports.testing.clock import START
from tests.application.checkout.scenarios import checkout_record, come_back
from tests.application.fixtures import (
    DAY,
    MINUTE,
    ShopFixture,
    eur,
    observation,
    only,
    open_shop,
    problem,
    snapshot,
    value_of,
    with_gateway,
)
from tests.application.scenarios import OWNER, TWO_GATEWAYS
from tests.application.stubs import fail

# --- reports ---


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_whoever_places_an_order_reports_the_receipts_of_what_it_claims_in_the_same_commit() -> None:
    shop = open_shop()
    payment = shop.pay(minor=1_000)
    value_of(shop.transactions.authorize(payment.id))  # of no attempt yet
    waiting = CheckoutRecord(
        owner=OWNER,
        request_id="attempt-1",
        fingerprint="f",
        total=eur(1_000),
        state=CheckoutState.AWAITING_RESULTS,
        lease_until=START + timedelta(days=1),
    )
    value_of(shop.store.of("default").commit(Commit(checkouts=(waiting,))))
    placed = value_of(finalize(shop.environment, checkout_record(shop)))
    assert isinstance(placed, CheckedOut)
    assert [receipt.payment_id for receipt in placed.receipts] == [payment.id]


def test_a_placed_order_reports_what_each_payment_secured_and_by_which_transactions() -> None:
    shop = open_shop(TWO_GATEWAYS)
    card = shop.pay(minor=1_000, gateway="first", type=PaymentType.DEBIT_CARD)
    shop.clock.advance(MINUTE)
    other = shop.pay(minor=2_000, gateway="second")
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.transactions.authorize(card.id))
    placed = value_of(shop.submit(minor=3_000))
    value_of(shop.transactions.capture(card.id))
    rows = {payment.id: [row.id for row in shop.reload(payment).transactions] for payment in (card, other)}
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
    assert value_of(shop.submit(minor=3_000)) == expected


def test_a_required_action_says_what_the_shopper_must_do() -> None:
    shop = open_shop()
    shop.pay(token="tok_3ds")
    required = value_of(shop.submit())
    action = only(value_of(shop.payments.of_owner(OWNER))[0], AUTHORIZE).next_action
    assert action
    assert required == ActionRequired(
        owner=OWNER, request_id="attempt-1", next_actions=(action,), callback_token=checkout_record(shop).callback_token
    )
    assert required.callback_token not in repr(required)


def test_a_waiting_checkout_reports_how_much_is_awaited() -> None:
    shop = open_shop()
    shop.pay(token="tok_async")
    assert value_of(shop.submit()) == AwaitingResults(owner=OWNER, request_id="attempt-1", awaiting=eur(5_990))


def test_a_declined_payment_is_reported_with_its_transaction_and_decline() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_declined")
    failed = problem(shop.submit())
    row = only(shop.reload(payment), AUTHORIZE)
    declined = Declined("insufficient_funds", FailureType.DECLINED, transaction_id=row.id)
    declined_payment = FailedPayment(
        payment_id=payment.id, problem=declined, type=AUTHORIZE, transaction_id=row.id, amount=eur(5_990)
    )
    assert failed == PaymentsFailed((declined_payment,))
    later = problem(shop.checkout.resume("sandbox", {"callback_token": checkout_record(shop).callback_token}))
    assert later == PaymentsFailed((attrs.evolve(declined_payment, status=TransactionStatus.DECLINED),))


def test_a_payment_with_an_unknown_result_is_reported_with_its_transaction() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    shop.spy.on_look_up = lambda _: None
    problem(shop.submit())
    row = only(shop.reload(payment), AUTHORIZE)
    assert problem(shop.submit(request_id="attempt-2")) == PaymentsFailed(
        (
            FailedPayment(
                payment_id=payment.id,
                problem=ResultUnknown(row.id),
                transaction_id=row.id,
                status=TransactionStatus.UNKNOWN,
            ),
        )
    )


def test_a_payment_that_was_never_sent_is_reported_without_a_transaction() -> None:
    shop = open_shop()
    payment = shop.pay()
    refused = with_gateway(shop, transactions=OnlyCaptures(shop)).submit()
    (detail,) = problem(refused).details
    assert (detail.payment_id, detail.type, detail.transaction_id, detail.amount) == (
        *(payment.id, AUTHORIZE, ""),
        eur(5_990),
    )


class OnlyCaptures:
    """Supports captures only, so that no authorization is ever sent."""

    def __init__(self, shop: ShopFixture) -> None:
        self._inner: Any = shop.spy.inner

    @property
    def capabilities(self) -> Any:
        return attrs.evolve(self._inner.capabilities, types=frozenset({TransactionType.CAPTURE}))


# --- results that come later ---


@pytest.mark.parametrize("succeed", [True, False])
def test_a_webhook_finalizes_a_checkout_that_awaits_results(succeed: bool) -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    awaiting = value_of(shop.submit())
    assert isinstance(awaiting, AwaitingResults)
    assert awaiting.awaiting == eur(5_990)
    shop.bank.finish_async(shop.reload(payment).transactions[0].gateway_reference, succeed=succeed)
    shop.deliver_webhooks()
    record = shop.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    assert record.state is (CheckoutState.PLACED if succeed else CheckoutState.FAILED)
    assert shop.reload(payment).placed is succeed
    answer = shop.submit()
    assert isinstance(value_of(answer) if succeed else problem(answer), CheckedOut if succeed else PaymentsFailed)


def test_a_repeated_webhook_finalizes_what_a_crash_left_open() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    shop.bank.finish_async(shop.reload(payment).transactions[0].gateway_reference)
    ((headers, body),) = shop.bank.webhooks()

    def crash_when_concluding(commit: Commit) -> None:
        if commit.checkouts:
            fail()(commit)

    shop.store.before_commit = crash_when_concluding
    assert isinstance(problem(shop.receive_webhook(headers, body)), StoreUnavailable)
    shop.store.before_commit = None
    assert value_of(shop.receive_webhook(headers, body)).status_code == 200
    assert shop.reload(payment).placed


def test_an_awaited_result_covers_where_the_gateway_is_configured_so() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    shop.pay(token="tok_async")
    assert isinstance(value_of(shop.submit()), CheckedOut)


def test_a_checkout_that_waits_for_days_does_not_keep_maintenance_from_the_others() -> None:
    shop = open_shop()
    for number in range(3):
        shop.pay(f"slow-{number}", token="tok_async")
        value_of(shop.submit(f"slow-{number}"))
    shop.clock.advance(2 * DAY)
    value_of(shop.maintenance.run(limit=10))
    assert value_of(shop.maintenance.run(limit=2)).checkouts_concluded == 0


# --- what a checkout waits for ---


REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def test_a_checkout_that_waits_for_nothing_and_is_not_covered_has_failed() -> None:
    """Otherwise it would never be finalized, and its holds never reversed."""
    shop = open_shop(TWO_GATEWAYS)
    gone, slow = shop.pay(minor=1_000, gateway="first"), shop.pay(minor=2_000, gateway="second", token="tok_async")
    assert isinstance(value_of(shop.submit(minor=3_000)), AwaitingResults)
    value_of(shop.transactions.reverse_authorization(gone.id))
    assert isinstance(value_of(shop.submit(minor=3_000)), AwaitingResults)
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=only(shop.reload(slow), AUTHORIZE).id)
    value_of(shop.transactions.record(slow.id, fact))
    assert checkout_record(shop).state is CheckoutState.FAILED
    payments = [shop.reload(payment) for payment in (gone, slow)]
    assert problem(come_back(shop, "first")) == NotCovered(eur(3_000), coverage(eur(3_000), payments))
    shop.bank.finish_async(only(shop.reload(slow), AUTHORIZE).gateway_reference)
    shop.let_time_pass()
    assert sorted(shop.effects(REVERSE_AUTH)) == [("REVERSE_AUTH", 1_000), ("REVERSE_AUTH", 2_000)]


def test_payments_above_the_total_do_not_cover_it_even_while_one_is_awaited() -> None:
    shop = open_shop(TWO_GATEWAYS)
    twice, slow = shop.pay(minor=2_000, gateway="first"), shop.pay(minor=500, gateway="second", token="tok_async")
    assert isinstance(value_of(shop.submit(minor=2_500)), AwaitingResults)
    back = value_of(shop.transactions.reverse_authorization(twice.id)).transactions[0]
    value_of(shop.transactions.authorize(twice.id))
    assert checkout_record(shop).state is CheckoutState.AWAITING_RESULTS
    shop.transactions.record(twice.id, observation(TransactionStatus.REVOKED, transaction_id=back.id))
    payments = [shop.reload(payment) for payment in (twice, slow)]
    cover = coverage(eur(2_500), payments)
    assert cover.state == "OVER"
    assert problem(come_back(shop, "first")) == NotCovered(eur(2_500), cover)


def test_awaited_cover_counts_in_the_coverage_of_a_refusal() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = shop.pay(token="tok_async")
    value_of(shop.transactions.authorize(payment.id))
    refused = problem(shop.submit(minor=6_000))
    assert refused == NotCovered(eur(6_000), coverage(eur(6_000), [shop.reload(payment)], ["sandbox"]))
    assert refused.coverage.remaining == eur(10)


@pytest.mark.parametrize(("early", "renewed"), [(1, False), (0, True)])
def test_a_waiting_checkout_is_looked_at_again_when_it_is_due(early: int, renewed: bool) -> None:
    shop = open_shop()
    shop.pay(token="tok_async")
    value_of(shop.submit())
    due = checkout_record(shop).lease_until
    shop.clock.advance((due - shop.clock.now()).total_seconds() - early)
    value_of(shop.submit())
    assert (checkout_record(shop).lease_until > due) is renewed


def test_asking_about_a_checkout_that_failed_long_ago_changes_nothing() -> None:
    shop = open_shop()
    shop.pay(token="tok_declined")
    problem(shop.submit())
    shop.clock.advance(30 * DAY)
    before = snapshot(shop)
    assert isinstance(problem(come_back(shop)), PaymentsFailed)
    assert snapshot(shop) == before
