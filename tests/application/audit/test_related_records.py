"""Damage to the records that a payment refers to, and the exact finding for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from payports import AuditPage, Finding, FindingKind, Money, Payment, PaymentMethod, TransactionStatus
from payports.domain.checkout import CheckoutState
from payports.domain.observation import Channel, Observation
from tests.application.audit.findings import findings, of_payment, of_transaction, sold
from tests.application.fixtures import CUSTOMER, OTHER, eur, open_shop, problem, value_of
from tests.application.scenarios import OWNER
from tests.application.stubs import fail, override


def test_each_row_that_does_not_fit_its_payment_is_reported() -> None:
    shop, store, payment = sold()
    override(store, "index_mismatches", lambda wanted: ("a row", "another") if wanted == payment.id else ())
    assert findings(shop) == [
        *of_payment(FindingKind.ROWS, payment, "a row"),
        *of_payment(FindingKind.ROWS, payment, "another"),
    ]


def test_a_missing_payment_whose_rows_are_there_is_reported_as_unreadable() -> None:
    shop, store, payment = sold()
    override(store, "payment", lambda wanted: {"none": payment}.get(wanted))
    gone = "the payment is gone, and its transactions or its history are not"
    assert findings(shop) == of_payment(FindingKind.UNREADABLE, payment, gone)
    store.payment = fail("no such row")
    page = value_of(shop.audit.verify())
    assert page == AuditPage(
        payments=1,
        transactions=0,
        facts=0,
        compared=0,
        findings=tuple(of_payment(FindingKind.UNREADABLE, payment, "no such row")),
        after="",
    )


def test_a_ledger_that_cannot_be_calculated_is_reported_and_counted() -> None:
    shop, store, payment = sold()
    broken = attrs.evolve(payment, amount=Money(5_990, "USD"))
    override(store, "payment", lambda _: broken)
    page = value_of(shop.audit.verify())
    assert (page.payments, page.transactions, page.facts) == (1, 1, 0)
    assert page.findings == tuple(
        of_transaction(FindingKind.CURRENCY, payment, "AUTHORIZE is in EUR, its payment in USD")
    )


@pytest.mark.parametrize("leads_to", ["nowhere", "elsewhere", "here"])
def test_a_gateway_reference_leads_to_its_payment_alone(leads_to: str) -> None:
    shop, store, payment = sold()
    other = shop.pay("c-2")
    reference = payment.transactions[0].gateway_reference
    owners = {"nowhere": None, "elsewhere": other, "here": payment}
    override(
        store,
        "payment_by_reference",
        lambda gateway, name: owners[leads_to] if (gateway, name) == ("sandbox", reference) else None,
    )
    message = f"the gateway reference {reference} does not lead to this payment alone"
    expected = of_transaction(FindingKind.REFERENCE, payment, message)
    assert findings(shop) == ([] if leads_to == "here" else expected)


def test_only_successes_are_looked_up_by_their_gateway_reference() -> None:
    shop = open_shop()
    shop.pay(token="tok_declined")
    shop.submit()
    nameless = shop.pay("c-2")
    value_of(shop.transactions.authorize(nameless.id))
    store: Any = shop.environment.store
    unnamed = shop.reload(nameless).transactions[0]
    without = attrs.evolve(
        unnamed, seen=tuple(attrs.evolve(observed, gateway_reference="") for observed in unnamed.seen)
    )
    read, read_names = store.payment, list[object]()
    override(
        store,
        "payment",
        lambda wanted: on_disk.replacing(without) if (on_disk := read(wanted)).id == nameless.id else on_disk,
    )
    override(store, "payment_by_reference", lambda gateway, name: read_names.append((gateway, name)))
    findings(shop)
    assert read_names == []


def test_a_key_is_recorded_for_its_payment_and_covers_no_more_than_was_requested() -> None:
    shop, store, payment = sold()
    (row,) = payment.transactions
    record = store.request(row.key)

    def with_record(changed: Any) -> list[Finding]:
        override(store, "request", lambda wanted: changed if wanted == row.key else None)
        return findings(shop)

    missing = f"AUTHORIZE was asked for under the key {row.key}, which is not recorded for this payment"
    assert with_record(None) == of_transaction(FindingKind.REQUEST, payment, missing)
    assert with_record(attrs.evolve(record, payment_id="p-2")) == of_transaction(FindingKind.REQUEST, payment, missing)
    for plan, shown in {"5989": "5989", "": "none", "[]": "[]"}.items():
        beyond = f"under the key {row.key} 5990 minor units may have moved; asked for were {shown}"
        changed = attrs.evolve(record, plan=plan)
        assert with_record(changed) == of_transaction(FindingKind.REQUEST, payment, beyond)
    for plan in ("5990", "5991"):
        assert with_record(attrs.evolve(record, plan=plan)) == []


def test_every_key_is_checked_once_and_its_failures_do_not_count() -> None:
    shop = open_shop()
    payment = shop.pay()
    for scenario in ("unreachable", "unreachable"):
        shop.bank.fail_next("AUTHORIZE", scenario)
        shop.transactions.authorize(payment.id, key="k-1")
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    value_of(shop.transactions.capture(payment.id, eur(1_000), key="k-2"))
    store: Any = shop.environment.store
    read, read_names = store.request, list[str]()

    def request(key: str) -> Any:
        read_names.append(key)
        return None if key == "k-1" else read(key)

    assert findings(shop) == []
    store.request = request
    (finding,) = findings(shop)
    assert finding.transaction_id == shop.reload(payment).transactions[0].id
    assert read_names == ["k-1", "k-2"] * 2  # a finding is checked twice


@pytest.mark.parametrize("wrong", [{"gateway": "other"}, {"customer": OTHER}, None, {}])
def test_a_saved_method_exists_and_has_the_same_customer_and_gateway(wrong: dict[str, Any] | None) -> None:
    shop = open_shop()
    kept = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", PaymentMethod({"token": "tok_approved"})))
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1)))
    store: Any = shop.environment.store
    now = None if wrong is None else attrs.evolve(kept, **wrong)
    override(store, "saved_method", lambda wanted: now if wanted == kept.id else None)
    message = "the saved method that it rests on is not there, or of another customer or gateway"
    assert findings(shop) == ([] if wrong == {} else of_payment(FindingKind.SAVED_METHOD, payment, message))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (None, "an order was placed on it, and the checkout is not there"),
        ({"state": CheckoutState.FAILED}, "an order was placed on it, and the checkout is FAILED"),
        ({"total": Money(5_990, "USD")}, "the order is in another currency than its payments"),
        (
            {"total": eur(5_989)},
            "the order is for 59.89 EUR, the payments that it was placed on are not",
        ),
        ({}, ""),
    ],
)
def test_an_order_fits_its_checkout(changed: dict[str, Any] | None, message: str) -> None:
    shop, store, payment = sold()
    record = store.checkout(OWNER)
    now = None if changed is None else attrs.evolve(record, **changed)
    override(store, "checkout", lambda wanted: now if wanted == OWNER else None)
    assert findings(shop) == (of_payment(FindingKind.CHECKOUT, payment, message) if message else [])


def test_an_order_without_a_checkout_is_reported_for_one_payment_only() -> None:
    shop = open_shop()
    payments = [shop.pay(minor=1_000), shop.pay(minor=2_000)]
    value_of(shop.submit(minor=3_000))
    store: Any = shop.environment.store
    read, read_all = store.payment, store.payments_of

    def freed(payment: Payment) -> Payment:
        return attrs.evolve(payment, restrictions=frozenset())

    override(store, "payment", lambda wanted: freed(read(wanted)))
    override(store, "payments_of", lambda owner: tuple(map(freed, read_all(owner))))
    nothing = "the order is placed, and on none of its owner's payments"
    of_checkout = [finding for finding in findings(shop) if finding.kind is FindingKind.CHECKOUT]
    assert of_checkout == of_payment(FindingKind.CHECKOUT, min(payments, key=lambda payment: payment.id), nothing)
    record = store.checkout(OWNER)
    override(store, "checkout", lambda _: attrs.evolve(record, total=eur(0)))
    assert [finding for finding in findings(shop) if finding.kind is FindingKind.CHECKOUT] == []


def test_an_order_that_was_never_secured_is_reported_with_the_missing_amount() -> None:
    shop = open_shop()
    covered, short = shop.pay(minor=1_000), shop.pay(minor=2_000)
    value_of(shop.submit(minor=3_000))
    store: Any = shop.environment.store
    read, read_all = store.payment, store.payments_of
    (row,) = shop.reload(short).transactions
    declined = Observation(status=TransactionStatus.DECLINED, channel=Channel.ANSWER, transaction_id=row.id)

    def spoilt(payment: Payment) -> Payment:
        return payment.replacing(attrs.evolve(row, seen=(declined,))) if payment.id == short.id else payment

    override(store, "payment", lambda wanted: spoilt(read(wanted)))
    override(store, "payments_of", lambda owner: tuple(map(spoilt, read_all(owner))))
    uncovered = [finding for finding in findings(shop) if finding.kind is FindingKind.COVER]
    message = "the order was placed for 30.00 EUR, of which 2000 minor units were never secured"
    first = min(covered, short, key=lambda payment: payment.id)
    assert uncovered == of_payment(FindingKind.COVER, first, message, known=True)


@pytest.mark.parametrize("covers", [True, False])
def test_an_awaited_result_secures_an_order_only_where_it_covers(covers: bool) -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    strict = open_shop()
    payports = attrs.evolve(shop.payports, gateways=shop.gateways if covers else strict.gateways)
    message = "the order was placed for 59.90 EUR, of which 5990 minor units were never secured"
    expected = [] if covers else of_payment(FindingKind.COVER, payment, message)
    assert list(value_of(payports.audit.verify()).findings) == expected


def test_a_payment_captured_twice_secures_no_more_than_its_amount() -> None:
    shop = open_shop()
    shop.pay(minor=1_000)
    shop.pay(minor=2_000, token="tok_declined")
    shop.submit(minor=3_000)
    assert findings(shop) == []


def test_a_due_date_later_than_any_of_the_schedule_is_reported() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    shop.submit()
    waits = [wait for wait in attrs.astuple(shop.payports.policy.schedule) if isinstance(wait, timedelta)]
    horizon = max(waits) + timedelta(days=1)
    store: Any = shop.environment.store
    stored = shop.reload(payment)
    (row,) = stored.transactions

    def dated(due: timedelta) -> list[str]:
        late = attrs.evolve(row, due_at=shop.clock.now() + due)
        override(store, "payment", lambda _: stored.replacing(late))
        return [finding.message for finding in findings(shop) if finding.kind is FindingKind.ORPHAN]

    assert dated(horizon) == []
    assert dated(horizon + timedelta(seconds=1)) == ["AUTHORIZE is AWAITING_RESULT, and nobody looks before 2026-01-03"]


def test_pages_follow_one_another_and_count_their_contents() -> None:
    shop = open_shop()
    for number in range(3):
        value_of(shop.transactions.authorize_and_capture(shop.pay(f"c-{number}").id))
    ids = sorted(payment.id for payment in shop.environment.store.payments())
    facts = [len(shop.environment.store.history(payment_id)) for payment_id in ids]
    first = value_of(shop.audit.verify(limit=2, gateway_look_up=True))
    assert first == AuditPage(payments=2, transactions=2, facts=sum(facts[:2]), compared=2, findings=(), after=ids[1])
    second = value_of(shop.audit.verify(first.after, limit=2))
    assert second == AuditPage(payments=1, transactions=1, facts=facts[2], compared=0, findings=(), after="")
    whole = value_of(shop.audit.verify(limit=3))
    assert (whole.payments, whole.after) == (3, ids[2])
    assert value_of(shop.audit.verify(ids[2])).payments == 0


def test_every_success_is_looked_up_by_its_reference_also_after_a_failure() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.transactions.authorize(payment.id))
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    store: Any = shop.environment.store
    override(store, "payment_by_reference", lambda _, __: None)
    assert list(value_of(shop.audit.verify()).findings) == [
        Finding(
            kind=FindingKind.REFERENCE,
            payment_id=payment.id,
            transaction_id=row.id,
            message=f"the gateway reference {row.gateway_reference} does not lead to this payment alone",
        )
    ]
