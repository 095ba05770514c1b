"""Notifications: verified first, applied once, parked if they name no known transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from payports import (
    AwaitingResults,
    Failure,
    GatewayUnsupported,
    InvalidInput,
    Observation,
    Outcome,
    Secret,
    StoreUnavailable,
    Success,
    TransactionStatus,
    TransactionType,
)
from payports.adapters.gateways.sandbox.signatures import HEADER, signed_headers
from payports.application.webhooks.inbox import TRIES_BEFORE_ATTENTION
from payports.domain.observation import Channel
from payports.ports.gateway import Notification, WebhookReader, WebhookRefused
from tests.application.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    SECRET,
    ShopFixture,
    eur,
    observation,
    open_shop,
    problem,
    snapshot,
    value_of,
    with_gateway,
)
from tests.application.stubs import fail

TWO_SECRETS: dict[str, Any] = {
    "gateways": {"first": {"adapter": "sandbox", "account": "one"}, "second": {"adapter": "sandbox", "account": "two"}}
}


def awaited(shop: ShopFixture, cart: str = "c-1", **rest: Any) -> str:
    """Let a checkout wait for a result whose notification is pending; returns the bank's reference."""
    payment = shop.pay(cart, token="tok_async", **rest)
    assert isinstance(value_of(shop.submit(cart)), AwaitingResults)
    reference = shop.reload(payment).transactions[0].gateway_reference
    shop.bank.finish_async(reference)
    return reference


def signed(
    shop: ShopFixture, message: Mapping[str, Any], secret: str = SECRET, late_s: int = 0
) -> tuple[dict[str, str], bytes]:
    body = json.dumps(message).encode()
    return signed_headers(Secret(secret), body, int(shop.clock.now().timestamp()) - late_s), body


def pending_message(shop: ShopFixture, **changes: Any) -> dict[str, Any]:
    """The message of the only pending notification, with changes to its transaction."""
    ((_, body),) = shop.bank.webhooks()
    message: dict[str, Any] = json.loads(body)
    message["items"][0]["transaction"] |= changes
    return message


def test_a_notification_is_applied_and_answered_with_ok() -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    receipt = value_of(shop.receive_webhook(headers, body))
    assert (receipt.status_code, receipt.applied) == (200, 1)


def test_a_repeated_notification_is_applied_once() -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    value_of(shop.receive_webhook(headers, body))
    after = snapshot(shop)
    for _ in range(3):
        receipt = value_of(shop.receive_webhook(headers, body))
        assert (receipt.status_code, receipt.applied) == (200, 0)
    assert snapshot(shop) == after


def test_the_same_fact_under_another_event_id_changes_nothing_more() -> None:
    shop = open_shop()
    awaited(shop)
    message = pending_message(shop)
    value_of(shop.receive_webhook(*signed(shop, message)))
    payment = shop.payports.store.of("default").payments()[0]
    message["items"][0]["id"] = "ev_other"
    value_of(shop.receive_webhook(*signed(shop, message)))
    assert shop.reload(payment) == payment


def test_a_notification_received_in_many_threads_at_once_is_applied_once() -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()

    def receive(_: int) -> Any:
        return shop.receive_webhook(headers, body)

    with ThreadPoolExecutor(8) as pool:
        receipts = [value_of(receipt) for receipt in pool.map(receive, range(8))]
    assert {receipt.status_code for receipt in receipts} == {200}
    (payment,) = shop.payports.store.of("default").payments()
    assert payment.placed
    facts = value_of(shop.events.history(payment.id))
    webhooks = [fact for fact in facts if fact.fact.detail.get("channel") == "WEBHOOK"]
    assert len(webhooks) == 1


def _tampered(shop: ShopFixture) -> dict[str, tuple[Any, bytes]]:
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    now = int(shop.clock.now().timestamp())
    signature = headers[HEADER]
    old, future = (signed_headers(Secret(SECRET), body, at) for at in (now - 301, now + 301))
    return {
        "no header": ({}, body),
        "an empty header": ({HEADER: ""}, body),
        "half a signature": ({HEADER: signature[:-1]}, body),
        "only the time": ({HEADER: signature.split(",")[0]}, body),
        "only the signature": ({HEADER: signature.split(",")[1]}, body),
        "a signature of letters": ({HEADER: f"t={now},v1=é"}, body),
        "a signature of a megabyte": ({HEADER: "v1=" + "a" * 1_000_000}, body),
        "another secret": (signed_headers(Secret("whsec_of_somebody_else_1"), body, now), body),
        "a body with a blank more": (headers, body + b" "),
        "a body written anew": (headers, json.dumps(json.loads(body), indent=1).encode()),
        "an empty body": (headers, b""),
        "too old": (old, body),
        "in the future": (future, body),
        "a time below zero": ({HEADER: signature.replace("t=", "t=-")}, body),
        "an endless time": ({HEADER: signature.replace("t=", "t=" + "9" * 30)}, body),
        "no time": ({HEADER: signature.replace("t=", "x=")}, body),
        "a header that is a number": ({HEADER: 1}, body),
        "headers without names": ({None: signature}, body),
    }


@pytest.mark.parametrize("wrong", list(_tampered(open_shop())))
def test_a_notification_that_fails_verification_is_refused_and_kept_nowhere(wrong: str) -> None:
    """Stripe's SDK accepts timestamps in the future."""
    shop = open_shop()
    headers, body = _tampered(shop)[wrong]
    before = snapshot(shop)
    receipt = value_of(shop.webhooks.receive("sandbox", headers, body))
    assert 400 <= receipt.status_code < 500
    assert receipt.applied == 0
    assert snapshot(shop) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 1},
        {"amount_minor": 5_991},
        {"currency": "USD"},
        {"currency": "usd"},
        {"amount_minor": True},
        {"amount_minor": -5_990},
        {"amount_minor": 10**30},
        {"account": "somebody-else"},
        {"environment": "live"},
        {"status": "paid"},
    ],
)
def test_a_genuine_notification_about_something_else_never_counts_as_paid(changes: dict[str, Any]) -> None:
    """hyperswitch-prism: EUR 1 for a charge of USD 1000."""
    shop = open_shop()
    awaited(shop)
    value_of(shop.receive_webhook(*signed(shop, pending_message(shop, **changes))))
    (payment,) = shop.payports.store.of("default").payments()
    assert payment.transactions[0].status is not TransactionStatus.SUCCEEDED or payment.transactions[0].discrepancy
    assert not payment.placed


def test_every_item_of_a_batch_is_verified() -> None:
    """Adyen's SDK verifies the first item only."""
    shop = open_shop()
    awaited(shop)
    message = pending_message(shop)
    good = json.loads(json.dumps(message["items"][0]))
    bad = json.loads(json.dumps(message["items"][0]))
    bad["id"], bad["transaction"]["account"] = "ev_2", "somebody-else"
    before = snapshot(shop)
    receipt = value_of(shop.receive_webhook(*signed(shop, {**message, "items": [good, bad]})))
    assert 400 <= receipt.status_code < 500
    assert snapshot(shop) == before


def test_a_notification_about_another_gateways_transaction_is_not_believed() -> None:
    shop = open_shop(TWO_SECRETS)
    payment = shop.pay(token="tok_async", gateway="first")
    value_of(shop.submit())
    (row,) = shop.reload(payment).transactions
    lie = {
        "account": "two",
        "environment": "sandbox",
        "items": [
            {
                "id": "ev_1",
                "transaction": {
                    "account": "two",
                    "environment": "sandbox",
                    "key": row.id,
                    "reference": row.gateway_reference,
                    "type": "AUTHORIZE",
                    "status": "succeeded",
                    "amount_minor": 5_990,
                    "currency": "EUR",
                    "parent": "",
                    "partial": False,
                },
            }
        ],
    }
    value_of(shop.webhooks.receive("second", *signed(shop, lie)))
    assert shop.reload(payment).transactions[0].status is TransactionStatus.AWAITING_RESULT


def test_the_notification_of_another_merchant_is_parked_and_touches_nobody() -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    before = snapshot(shop)
    value_of(shop.payports.merchant("m-2").webhooks.receive("sandbox", headers, body))
    assert snapshot(shop) == before


def test_an_unknown_notification_is_parked_retried_and_then_shown() -> None:
    shop = open_shop()
    awaited(shop)
    headers, body = signed(shop, pending_message(shop, key="t-nobody", reference="au_nobody"))
    receipt = value_of(shop.receive_webhook(headers, body))
    assert (receipt.status_code, receipt.applied) == (200, 0)
    for _ in range(TRIES_BEFORE_ATTENTION):
        shop.clock.advance(DAY)
        value_of(shop.maintenance.run())
    kinds = [item.kind.value for item in value_of(shop.maintenance.needs_attention())]
    assert kinds == ["EXPIRING_AUTHORIZATION", "LOST_TRANSACTION"]


def test_a_notification_that_came_before_our_own_record_of_its_parent_is_applied_later() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged", minor=5_990)
    problem(shop.transactions.authorize_and_capture(payment.id))
    shop.bank.webhooks()
    (effect,) = shop.bank.effects()
    shop.bank.dashboard("REFUND", effect.gateway_reference, eur(1_000))
    shop.deliver_webhooks()
    assert len(shop.reload(payment).transactions) == 1
    shop.let_time_pass(MINUTE * 2, 6)
    assert value_of(shop.payments.summary(payment.id)).amount_refunded == eur(1_000)


def test_transactions_made_at_the_banks_dashboard_are_recorded() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize_and_capture(payment.id))
    (effect,) = shop.bank.effects()
    shop.bank.dashboard("REFUND", effect.gateway_reference, eur(4_000))
    shop.bank.dashboard("CHARGEBACK", effect.gateway_reference, eur(1_000))
    shop.deliver_webhooks()
    summary = value_of(shop.payments.summary(payment.id))
    assert (summary.amount_refunded, summary.amount_charged_back) == (eur(4_000), eur(1_000))
    assert summary.amount_available_for_refund == eur(5_000)
    assert [transaction.observed_only for transaction in shop.reload(payment).transactions] == [False, True, True]


def test_refunds_beyond_their_capture_are_recorded_and_shown() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    sale = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    for number in range(2):
        fact = observation(
            TransactionStatus.SUCCEEDED,
            type=TransactionType.REFUND,
            amount=eur(6_000),
            gateway_reference=f"re_{number}",
            parent_reference=sale.gateway_reference,
        )
        shop.transactions.record(payment.id, fact)
    assert value_of(shop.payments.summary(payment.id)).amount_refunded == eur(12_000)
    (item,) = {item.kind.value for item in value_of(shop.maintenance.needs_attention())}
    assert item == "DISCREPANCY"


def test_a_revoked_success_is_no_longer_counted() -> None:
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize_and_capture(payment.id))
    shop.deliver_webhooks()
    (effect,) = shop.bank.effects()
    shop.bank.revoke(effect.gateway_reference)
    shop.deliver_webhooks()
    assert shop.reload(payment).transactions[0].status is TransactionStatus.REVOKED
    assert value_of(shop.payments.summary(payment.id)).amount_captured == eur(0)


def test_if_the_store_fails_the_gateway_is_asked_to_retry() -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    shop.store.before_commit = fail()
    assert isinstance(problem(shop.receive_webhook(headers, body)), StoreUnavailable)
    shop.store.before_commit = None
    assert value_of(shop.receive_webhook(headers, body)).applied == 1


def test_a_gateway_without_notifications_is_a_typed_refusal() -> None:
    shop = open_shop()
    silent = with_gateway(shop, webhooks=None)
    assert problem(silent.receive_webhook({}, b"")) == GatewayUnsupported("sandbox", "webhooks")
    assert problem(shop.webhooks.receive("none", {}, b"")) == GatewayUnsupported("none", "webhooks")
    text: Any = "text"
    assert isinstance(problem(shop.webhooks.receive("sandbox", {}, text)), InvalidInput)


def test_a_body_of_more_than_a_megabyte_is_refused_unread() -> None:
    assert value_of(open_shop().receive_webhook({}, b"x" * 1_000_001)).status_code == 413


class Reading(WebhookReader):
    """Returns an answer of the test's choice."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def read(
        self, headers: Mapping[str, str], body: bytes, params: Mapping[str, str], now: datetime
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        del headers, body, params, now
        if isinstance(self._answer, BaseException):
            raise self._answer
        answer: Outcome[tuple[Notification, ...], WebhookRefused] = self._answer
        return answer


NOTHING: Any = None

WRONG_READINGS: dict[str, Any] = {
    "raises": RuntimeError("secret"),
    "gives nothing": None,
    "succeeds with nothing": Success(None),
    "succeeds with texts": Success(("paid",)),
    "fails with a text": Failure("no"),
    "has no fact": Success((Notification(event_id="ev_1", seen=NOTHING),)),
    "has no event id": Success((Notification(event_id="", seen=observation(TransactionStatus.SUCCEEDED)),)),
    "has a number as event id": Success(
        (Notification(event_id=NOTHING, seen=observation(TransactionStatus.SUCCEEDED)),)
    ),
    "has a wrong fact": Success(
        (Notification(event_id="ev_1", seen=Observation(status=NOTHING, channel=Channel.WEBHOOK)),)
    ),
}


@pytest.mark.parametrize("answer", WRONG_READINGS.values(), ids=WRONG_READINGS)
def test_a_reader_that_misbehaves_is_not_believed(answer: Any) -> None:
    shop = open_shop()
    awaited(shop)
    ((headers, body),) = shop.bank.webhooks()
    before = snapshot(shop)
    receipt = value_of(with_gateway(shop, webhooks=Reading(answer)).receive_webhook(headers, body))
    assert 400 <= receipt.status_code < 500
    assert snapshot(shop) == before


def test_polling_makes_up_for_missing_notifications() -> None:
    shop = open_shop()
    awaited(shop)
    shop.bank.webhooks()
    shop.let_time_pass(HOUR, 4)
    (payment,) = shop.payports.store.of("default").payments()
    assert payment.placed


# --- answers ---


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [(b"x" * 1_000_000, 400, b"refused"), (b"x" * 1_000_001, 413, b"too large"), (b"", 400, b"refused")],
)
def test_the_status_says_how_the_body_was_received(body: bytes, status: int, answer: bytes) -> None:
    receipt = value_of(open_shop().receive_webhook({}, body))
    assert (receipt.status_code, receipt.body, receipt.applied) == (status, answer, 0)


def test_new_and_known_notifications_are_answered_with_ok() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    shop.bank.finish_async(row.gateway_reference)
    ((headers, body),) = shop.bank.webhooks()
    for applied in (1, 0):
        receipt = value_of(shop.receive_webhook(headers, body))
        assert (receipt.status_code, receipt.body, receipt.applied) == (200, b"ok", applied)


# --- readers ---


class Reader(WebhookReader):
    """Returns an answer of the test's choice, and keeps its calls."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.calls: list[tuple[object, ...]] = []

    def read(self, headers: Mapping[str, str], body: bytes, params: Mapping[str, str], now: datetime) -> Any:
        self.calls.append((headers, body, params, now))
        return self.says


@pytest.mark.parametrize("params", [None, {"endpoint": "1"}])
def test_a_reader_receives_headers_body_parameters_and_time(params: Mapping[str, str] | None) -> None:
    reader = Reader(Success(()))
    shop = with_gateway(open_shop(), webhooks=reader)
    value_of(shop.webhooks.receive("sandbox", {"a": "b"}, b"body", params))
    assert reader.calls == [({"a": "b"}, b"body", params or {}, shop.clock.now())]


def test_a_readers_refusal_is_answered_with_its_own_status() -> None:
    shop = with_gateway(open_shop(), webhooks=Reader(Failure(WebhookRefused("secret", 401))))
    receipt = value_of(shop.receive_webhook({}, b""))
    assert (receipt.status_code, receipt.body) == (401, b"refused")


def test_an_observation_from_a_reader_always_has_the_webhook_channel() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=row.id, channel=Channel.OPERATOR)
    value_of(
        with_gateway(shop, webhooks=Reader(Success((Notification(event_id="ev_1", seen=fact),)))).receive_webhook(
            {}, b""
        )
    )
    telling = shop.reload(payment).transactions[0].judgement.telling
    assert telling
    assert telling.channel is Channel.WEBHOOK
