"""Damage to the records beside payments (keys, checkouts, saved methods, the inbox), and the exact finding for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import Customer, Finding, FindingKind, Payment, PaymentMethod
from payports.domain.audit.findings import AuditLimits
from payports.domain.checkout import CheckoutState
from payports.domain.payment import Restriction
from payports.ports.store import HistoryExtent, RecordSet
from tests.application.audit.findings import sold
from tests.application.fixtures import CUSTOMER, OTHER, ShopFixture, eur, open_shop, value_of
from tests.application.scenarios import OWNER
from tests.application.stubs import override

SECOND: Final = timedelta(seconds=1)


def notified() -> tuple[ShopFixture, Any, Payment]:
    """A shop in which a notification reported the success of a payment."""
    shop, store, payment = sold(token="tok_async")
    shop.bank.finish_async(payment.transactions[0].gateway_reference)
    shop.deliver_webhooks()
    return shop, store, shop.reload(payment)


def record_findings(shop: ShopFixture) -> list[Finding]:
    return list(value_of(shop.audit.verify_records()).findings)


def about(shop: ShopFixture) -> list[Finding]:
    return list(value_of(shop.audit.verify()).findings)


def instead(store: object, name: str, answer: object) -> None:
    """Let a method of the store return this, whatever its arguments."""

    def give(*_: object) -> object:
        return answer

    override(store, name, give)


def of_record(kind: FindingKind, record: str, message: str, payment_id: str = "") -> list[Finding]:
    return [Finding(kind=kind, payment_id=payment_id, message=message, record=record)]


@pytest.mark.parametrize(("delivered", "odd"), [(-1, True), (0, False), (9, False), (10, True)])
def test_the_delivery_cursor_stands_within_the_history(delivered: int, odd: bool) -> None:
    shop, store, _ = sold()
    store.history_extent = lambda: HistoryExtent(last=9, delivered=delivered)
    message = f"facts were delivered up to {delivered}, and the last one is 9"
    assert record_findings(shop) == (of_record(FindingKind.DELIVERY, "delivery", message) if odd else [])


def test_facts_that_are_missing_with_their_payment_are_counted() -> None:
    shop, store, _ = sold()
    store.history_extent = lambda: HistoryExtent(last=9, delivered=0, missing=2)
    assert record_findings(shop) == of_record(FindingKind.HISTORY_GAP, "history", "2 of 9 facts are not there")


def test_leases_that_end_in_more_than_an_hour_are_reported() -> None:
    shop, store, _ = sold()
    store.lease(("a",), "eve", timedelta(hours=1))
    assert record_findings(shop) == []
    store.lease(("b",), "eve", timedelta(hours=1) + SECOND)
    message = "it ends more than 1:00:00 from now, and nobody may do that work until then"
    assert record_findings(shop) == of_record(FindingKind.LEASE, "lease b", message)


def test_the_history_as_a_whole_is_checked_with_the_first_page_only() -> None:
    shop, store, _ = sold()
    store.history_extent = lambda: HistoryExtent(last=9, delivered=10)
    first = value_of(shop.audit.verify_records(limit=1))
    assert (first.records, len(first.findings), first.payments, first.facts) == (1, 1, 0, 0)
    assert value_of(shop.audit.verify_records(first.after, 1)).findings == ()


# --- keys ---


def test_an_idempotency_key_belongs_to_a_payment_with_transactions_under_it() -> None:
    shop, store, payment = sold()
    (key,) = store.keys(RecordSet.REQUESTS)[0]
    record = store.request(key)

    def with_record(**fields: Any) -> list[Finding]:
        instead(store, "request", attrs.evolve(record, **fields))
        return record_findings(shop)

    name = f"request {key}"
    assert with_record() == []
    assert with_record(plan="", key="created") == []
    gone = "it was made for payment p-9, which is not there"
    assert with_record(payment_id="p-9") == of_record(FindingKind.REQUEST, name, gone, "p-9")
    nothing = "it asked for 5990 minor units, and nothing was recorded under it"
    assert with_record(key="k-9") == of_record(FindingKind.REQUEST, "request k-9", nothing, payment.id)
    for plan in ("", "5990", "{}", "{", '"text"', "[1]", "[[]]", "null"):
        unnamed = "it names no payment, and no plan over several"
        assert with_record(payment_id="", plan=plan) == of_record(FindingKind.REQUEST, name, unnamed), plan
    assert with_record(payment_id="", plan="[]") == []
    assert with_record(payment_id="", plan=f'[["{payment.id}", "CAPTURE", 1, "EUR", 0]]') == []
    twice = '[["p-9", "CAPTURE", 1, "EUR", 0], ["p-9", "REFUND", 1, "EUR", 0]]'
    assert with_record(payment_id="", plan=twice) == of_record(FindingKind.REQUEST, name, gone, "p-9")


# --- checkouts ---


def test_a_checkout_belongs_to_an_owner_with_payments_unless_its_total_is_zero() -> None:
    shop, store, _ = sold()
    record = store.checkout(OWNER)
    instead(store, "payments_of", ())
    message = "it is PLACED for 59.90 EUR, and its owner has no payments"
    assert record_findings(shop) == of_record(FindingKind.CHECKOUT, "checkout cart c-1", message)
    instead(store, "checkout", attrs.evolve(record, total=eur(0)))
    assert record_findings(shop) == []


@pytest.mark.parametrize("state", list(CheckoutState))
def test_an_open_checkout_is_due_soon(state: CheckoutState) -> None:
    shop, store, _ = sold()
    record = store.checkout(OWNER)
    latest = shop.clock.now() + shop.payports.policy.abandoned_after + AuditLimits().horizon

    def until(lease_until: Any) -> list[Finding]:
        instead(store, "checkout", attrs.evolve(record, state=state, lease_until=lease_until))
        return record_findings(shop)

    open_ = state in (CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)
    assert until(latest) == []
    message = f"it is {state}, and nobody looks at it before {latest:%Y-%m-%d}"
    expected = of_record(FindingKind.CHECKOUT, "checkout cart c-1", message) if open_ else []
    assert until(latest + SECOND) == expected
    assert until(latest.replace(tzinfo=None)) == expected


def test_no_checkout_started_in_the_future() -> None:
    shop, store, _ = sold()
    record = store.checkout(OWNER)
    latest = shop.clock.now() + AuditLimits().tolerance
    times = {latest: False, latest + SECOND: True, latest.replace(tzinfo=None): True, None: False}
    for started_at, odd in times.items():
        instead(store, "checkout", attrs.evolve(record, started_at=started_at))
        expected = of_record(FindingKind.TIME, "checkout cart c-1", "it began in the future")
        assert record_findings(shop) == (expected if odd else [])


def of_payment(payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return [Finding(kind=FindingKind.CHECKOUT, payment_id=payment.id, message=message, **rest)]


def test_an_order_was_placed_by_the_attempt_that_has_secured_it() -> None:
    shop, store, payment = sold()
    record = store.checkout(OWNER)
    instead(store, "checkout", attrs.evolve(record, request_id="else"))
    message = "the order was placed by attempt else, which has secured nothing on it"
    assert about(shop) == of_payment(payment, message, transaction_id=payment.transactions[0].id)
    (row,) = payment.transactions
    earlier = payment.replacing(attrs.evolve(row, earlier_attempts=("else",)))
    instead(store, "payment", earlier)
    assert about(shop) == []


@pytest.mark.parametrize("customer", [CUSTOMER, OTHER, None])
def test_an_order_belongs_to_the_customer_of_its_payments(customer: Customer | None) -> None:
    shop, store, payment = sold(customer=CUSTOMER)
    record = store.checkout(OWNER)
    instead(store, "checkout", attrs.evolve(record, customer=customer))
    message = f"it is of customer {CUSTOMER.id}, and the order on it of {OTHER.id}"
    assert about(shop) == (of_payment(payment, message) if customer == OTHER else [])


def test_transactions_of_a_checkout_have_a_checkout_record() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_declined")
    shop.submit()
    instead(shop.environment.store, "checkout", None)
    message = "AUTHORIZE was made for a checkout of cart c-1, and there is none"
    assert about(shop) == of_payment(payment, message, transaction_id=shop.reload(payment).transactions[0].id)


@pytest.mark.parametrize("state", [None, *CheckoutState])
def test_a_shopper_is_away_only_while_a_checkout_waits(state: CheckoutState | None) -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    store: Any = shop.environment.store
    away = shop.reload(payment)
    assert Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION in away.restrictions
    record = store.checkout(OWNER)
    instead(store, "checkout", state and attrs.evolve(record, state=state))
    message = f"its shopper is away at the gateway, and the checkout is {state or 'not there'}"
    waits = state in (CheckoutState.ACTION_REQUIRED, CheckoutState.RUNNING)
    assert [finding for finding in about(shop) if finding.message == message] == (
        [] if waits else of_payment(payment, message)
    )


# --- saved methods ---


def test_a_payment_uses_the_token_of_its_saved_method_until_its_history_names_another() -> None:
    shop = open_shop()
    kept = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", PaymentMethod({"token": "tok_approved"})))
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1)))
    store: Any = shop.environment.store
    instead(store, "saved_method", attrs.evolve(kept, method=PaymentMethod({"token": "tok_else"})))
    message = "it is paid with something else than the saved method that it rests on, and nothing tells of a change"
    assert about(shop) == [Finding(kind=FindingKind.SAVED_METHOD, payment_id=payment.id, message=message)]
    value_of(shop.payments.update(payment.id, amount=eur(2)))
    assert about(shop) == []


# --- notifications ---


def test_an_observation_by_notification_is_in_the_inbox() -> None:
    shop, store, payment = notified()
    ((gateway, event),) = store.keys(RecordSet.INBOX)
    entry = store.inbox_entry(gateway, event)
    message = f"notification {event} of sandbox was applied, and the inbox does not say so"
    for now, known in ((None, False), (attrs.evolve(entry, due_at=shop.clock.now()), True)):
        instead(store, "inbox_entry", now)
        expected = Finding(kind=FindingKind.INBOX, payment_id=payment.id, message=message, known=known)
        assert about(shop) == [expected]


def test_an_applied_notification_was_observed_by_a_transaction() -> None:
    shop, store, payment = notified()
    ((gateway, event),) = store.keys(RecordSet.INBOX)
    entry = store.inbox_entry(gateway, event)
    (row,) = payment.transactions
    assert record_findings(shop) == []

    def with_seen(**fields: Any) -> list[Finding]:
        instead(store, "inbox_entry", attrs.evolve(entry, seen=attrs.evolve(entry.seen, **fields)))
        return record_findings(shop)

    name = f"notification sandbox {event}"

    def unseen(transaction_id: str, payment_id: str) -> list[Finding]:
        message = f"it was applied to transaction {transaction_id}, which has not seen it or is not there"
        return of_record(FindingKind.INBOX, name, message, payment_id)

    assert with_seen(code="else") == unseen(row.id, payment.id)
    assert with_seen(transaction_id="t-9") == unseen("t-9", "")
    assert with_seen(transaction_id="", code="else") == []


def test_a_parked_notification_is_due_within_days() -> None:
    shop, store, _ = notified()
    ((gateway, event),) = store.keys(RecordSet.INBOX)
    entry = store.inbox_entry(gateway, event)
    latest = shop.clock.now() + timedelta(days=2)
    name, message = f"notification sandbox {event}", f"it is parked, and nobody tries it before {latest:%Y-%m-%d}"
    for due_at, odd in ((latest, False), (latest + SECOND, True), (latest.replace(tzinfo=None), True)):
        instead(store, "inbox_entry", attrs.evolve(entry, due_at=due_at))
        assert record_findings(shop) == (of_record(FindingKind.INBOX, name, message) if odd else [])
