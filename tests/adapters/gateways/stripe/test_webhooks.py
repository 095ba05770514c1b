"""Stripe's notifications: whose signatures are believed, and what the events of a payment's life tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import stripe as sdk
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.adapters.gateways.kit.timed_signatures import signed
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.stripe.webhooks import HEADER, stripe_webhooks
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    REFUND,
    REVERSE_AUTH,
)
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.observe import observe
from payports.domain.payment import Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.secret import Secret
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import Notification, WebhookReader
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import TERMS, WEBHOOK_SECRET, an_intent, signed_by_the_sdk
from tests.adapters.gateways.stripe.test_fuzzing import CHARGE, DISPUTE, REFUNDED

NOW = FixedClock().now()
AT = int(NOW.timestamp())
SECRET = Secret(WEBHOOK_SECRET)
READER = stripe_webhooks(WebhookSecrets(SECRET), TERMS)
TEN, SIX, FOUR = Money.of("10.00", "EUR"), Money.of("6.00", "EUR"), Money.of("4.00", "EUR")
OURS = {"payports_transaction": "t-1"}
UNCAPTURED = {**CHARGE, "captured": False, "amount_captured": 0}
LAPSED = {"id": "cs_1", "metadata": OURS, "status": "expired", "payment_status": "unpaid", "payment_intent": None}
SUCCEEDED = TransactionStatus.SUCCEEDED


def an_event(kind: str, thing: Mapping[str, Any], **changes: Any) -> bytes:
    event = {"id": "evt_1", "object": "event", "type": kind, "livemode": False, "data": {"object": thing}}
    return json.dumps({**event, **changes}).encode()


def read(body: bytes, reader: WebhookReader = READER) -> Success[tuple[Notification, ...]] | Failure[Any]:
    return reader.read({HEADER: signed(SECRET, body, AT)}, body, {}, NOW)


def told(kind: str, thing: Mapping[str, Any]) -> list[tuple[TransactionType | None, TransactionStatus, Money | None]]:
    return [(one.seen.type, one.seen.status, one.seen.amount) for one in read(an_event(kind, thing)).unwrap()]


def a_signature(body: bytes, at: int, secret: str = WEBHOOK_SECRET) -> str:
    return signed_by_the_sdk(body.decode(), secret, at).rpartition("v1=")[2]


@given(st.text(st.characters(codec="utf-8"), max_size=200).map(str.encode), st.integers(AT - 299, AT + 299))
def test_the_official_sdk_and_we_believe_each_other(body: bytes, at: int) -> None:
    theirs = f"t={at},v1={a_signature(body, at)}"
    assert signed(SECRET, body, at) == theirs
    verify: Any = sdk.WebhookSignature.verify_header  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    assert verify(body.decode(), theirs, WEBHOOK_SECRET, tolerance=None)
    refused = READER.read({HEADER: theirs}, body, {}, NOW)
    assert isinstance(refused, Success) or "signature" not in refused.failure().reason


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_one_changed_bit_is_refused(position: int, bit: int) -> None:
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS))
    headers = {HEADER: signed(SECRET, body, AT)}
    changed = bytearray(body)
    changed[position % len(body)] ^= 1 << bit
    assert isinstance(READER.read(headers, bytes(changed), {}, NOW), Failure)


def test_several_signatures_are_given_while_a_secret_changes() -> None:
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS))
    old = a_signature(body, AT, "whsec_the_former_secret")
    header = f"t={AT},v1={old},v1={a_signature(body, AT)},v0={old}"
    assert isinstance(READER.read({HEADER: header}, body, {}, NOW), Success)
    assert isinstance(READER.read({HEADER: f"t={AT},v1={old},v1={old}"}, body, {}, NOW), Failure)


@pytest.mark.parametrize("off", [timedelta(seconds=301), timedelta(seconds=-301)])
def test_the_timestamp_is_bound_on_both_sides(off: timedelta) -> None:
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS))
    assert isinstance(READER.read({HEADER: signed(SECRET, body, AT)}, body, {}, NOW + off), Failure)


@pytest.mark.parametrize(
    "changes",
    [{"livemode": None}, {"livemode": True}, {"account": 1}, {"data": {"object": an_intent(livemode=True)}}],
)
def test_an_event_of_no_clear_mode_or_account_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(read(an_event("payment_intent.succeeded", an_intent(metadata=OURS), **changes)), Failure)


@pytest.mark.parametrize(
    "changes",
    [{"account": "acct_other"}, {"livemode": True, "data": {"object": an_intent(metadata=OURS, livemode=True)}}],
)
def test_an_event_of_another_mode_or_account_tells_nothing(changes: dict[str, Any]) -> None:
    """Stripe sends those of all to one address; a refusal would be sent again for days."""
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS), **changes)
    assert read(body).unwrap() == ()
    forged = READER.read({HEADER: signed(Secret("whsec_of_somebody_else"), body, AT)}, body, {}, NOW)
    assert isinstance(forged, Failure)
    assert read(an_event("payment_intent.succeeded", an_intent(metadata=OURS), account=None)).unwrap() != ()


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("refund.created", {**REFUNDED, "metadata": {}, "currency": "iqd"}),
        ("refund.created", {**REFUNDED, "metadata": {}, "currency": "ugx", "amount": 501, "payment_intent": None}),
        ("charge.dispute.created", {**DISPUTE, "currency": "usdc"}),
        ("charge.dispute.created", {**DISPUTE, "payment_intent": None, "amount": None}),
        ("charge.succeeded", {**CHARGE, "metadata": {}, "currency": "lyd"}),
    ],
)
def test_what_other_systems_do_on_the_same_account_is_nothing(kind: str, thing: Mapping[str, Any]) -> None:
    assert read(an_event(kind, thing)).unwrap() == ()
    named = {**thing, "metadata": OURS, "amount": None, "payment_intent": "pi_1"}
    assert isinstance(read(an_event(kind, named)), Failure), "what names ours must be readable"


def test_a_connected_account_hears_only_of_itself() -> None:
    reader = stripe_webhooks(WebhookSecrets(SECRET), TERMS, connected_account="acct_ours")
    thing = an_intent(metadata=OURS)
    assert isinstance(read(an_event("payment_intent.succeeded", thing, account="acct_ours"), reader), Success)
    assert read(an_event("payment_intent.succeeded", thing, account="acct_ours"), reader).unwrap() != ()
    assert read(an_event("payment_intent.succeeded", thing), reader).unwrap() == ()


def test_without_a_secret_nothing_is_believed() -> None:
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS))
    refused = read(body, stripe_webhooks(WebhookSecrets(), TERMS))
    assert isinstance(refused, Failure)
    assert refused.failure().status_code == 503


@pytest.mark.parametrize(
    ("kind", "thing", "expected"),
    [
        ("payment_intent.amount_capturable_updated", an_intent(metadata=OURS), [(AUTHORIZE, SUCCEEDED, TEN)]),
        (
            "payment_intent.succeeded",
            an_intent(metadata=OURS, status="succeeded", amount_received=600),
            [(AUTHORIZE, SUCCEEDED, TEN), (CAPTURE, SUCCEEDED, SIX)],
        ),
        (
            "payment_intent.succeeded",
            an_intent(metadata=OURS, status="succeeded", amount_received=1000, capture_method="automatic"),
            [(AUTHORIZE_AND_CAPTURE, SUCCEEDED, TEN)],
        ),
        (
            "payment_intent.processing",
            an_intent(metadata=OURS, status="processing"),
            [(AUTHORIZE, TransactionStatus.AWAITING_RESULT, None)],
        ),
        (
            "payment_intent.requires_action",
            an_intent(metadata=OURS, status="requires_action", next_action={"type": "use_stripe_sdk"}),
            [(AUTHORIZE, TransactionStatus.REQUIRES_ACTION, None)],
        ),
        (
            "payment_intent.payment_failed",
            an_intent(metadata=OURS, status="requires_payment_method", last_payment_error={"code": "card_declined"}),
            [],  # the browser may have its secret and try another card
        ),
        (
            "payment_intent.canceled",
            an_intent(metadata=OURS, status="canceled"),
            [(REVERSE_AUTH, SUCCEEDED, TEN)],
        ),
        (
            "payment_intent.canceled",
            an_intent(metadata=OURS, status="canceled", latest_charge=None),
            [(AUTHORIZE, TransactionStatus.DECLINED, None)],
        ),
        ("payment_intent.succeeded", an_intent(status="succeeded", amount_received=600), []),
        ("charge.succeeded", UNCAPTURED, [(AUTHORIZE, SUCCEEDED, TEN)]),
        ("charge.succeeded", CHARGE, [(AUTHORIZE_AND_CAPTURE, SUCCEEDED, TEN)]),
        ("charge.captured", {**CHARGE, "amount_captured": 600}, [(CAPTURE, SUCCEEDED, SIX)]),
        ("charge.expired", UNCAPTURED, [(REVERSE_AUTH, SUCCEEDED, TEN)]),
        ("charge.refunded", {**UNCAPTURED, "amount_refunded": 1000}, [(REVERSE_AUTH, SUCCEEDED, TEN)]),
        ("charge.refunded", {**CHARGE, "refunds": {"data": [REFUNDED]}}, [(REFUND, SUCCEEDED, TEN)]),
        ("charge.failed", {**UNCAPTURED, "status": "failed"}, []),
        ("charge.updated", CHARGE, []),
        ("refund.created", REFUNDED, [(REFUND, SUCCEEDED, TEN)]),
        ("refund.updated", {**REFUNDED, "status": "pending"}, [(REFUND, TransactionStatus.AWAITING_RESULT, None)]),
        ("refund.failed", {**REFUNDED, "status": "failed"}, [(REFUND, TransactionStatus.REVOKED, TEN)]),
        ("charge.refund.updated", REFUNDED, [(REFUND, SUCCEEDED, TEN)]),
        ("refund.created", {**REFUNDED, "metadata": {}, "balance_transaction": None}, []),
        ("charge.dispute.created", {**DISPUTE, "status": "warning_needs_response", "balance_transactions": []}, []),
        ("charge.dispute.created", {**DISPUTE, "status": "needs_response"}, [(CHARGEBACK, SUCCEEDED, TEN)]),
        (
            "charge.dispute.funds_reinstated",
            {**DISPUTE, "status": "won"},
            [(CHARGEBACK, SUCCEEDED, TEN), (CHARGEBACK_REVERSAL, SUCCEEDED, TEN)],
        ),
        (
            "checkout.session.expired",
            LAPSED,
            [(None, TransactionStatus.NOT_EXECUTED, None)],
        ),
        ("checkout.session.completed", {"id": "cs_1", "metadata": OURS}, []),
        ("customer.created", {"id": "cus_1"}, []),
    ],
)
def test_an_event_tells(kind: str, thing: Mapping[str, Any], expected: list[tuple[Any, Any, Any]]) -> None:
    assert told(kind, thing) == expected


def test_what_should_tell_something_and_cannot_be_read_is_refused() -> None:
    assert isinstance(read(an_event("payment_intent.succeeded", {"id": "pi_1", "metadata": OURS})), Failure)
    assert read(an_event("payment_intent.succeeded", {"id": "pi_1", "amount": 1000, "currency": "xyz"})).unwrap() == ()


def test_no_client_secret_is_told() -> None:
    thing = an_intent(metadata=OURS, status="requires_action", next_action={"type": "use_stripe_sdk"})
    assert "_secret_" not in repr(read(an_event("payment_intent.requires_action", thing)).unwrap())


def a_payment(*more: Transaction) -> Payment:
    hold = Transaction(id="t-1", type=AUTHORIZE, requested=TEN, created_at=NOW, account="test")
    answer = Observation(status=SUCCEEDED, channel=Channel.ANSWER, amount=TEN, gateway_reference="pi_1")
    return Payment(
        id="p-1",
        owner=Owner("cart", "c-1"),
        amount=TEN,
        gateway="card",
        method=PaymentMethod({}),
        created_at=NOW,
        transactions=(hold.with_observation(answer), *more),
    )


def heard(payment: Payment, *events: bytes) -> Payment:
    for body in events:
        for one in read(body).unwrap():
            payment = observe(payment, one.seen, NOW).unwrap()
    return payment


def test_what_is_done_in_the_dashboard_is_recorded_as_observed() -> None:
    """Captured in part there, refunded there, disputed: each lands on its own parent, in one ledger without a discrepancy."""
    captured = an_event("payment_intent.succeeded", an_intent(metadata=OURS, status="succeeded", amount_received=600))
    back = an_event("refund.created", {**REFUNDED, "amount": 400, "metadata": {}})
    lost = an_event("charge.dispute.closed", {**DISPUTE, "amount": 200})
    payment = heard(a_payment(), captured, back, lost)
    made = {one.type: one for one in payment.transactions}
    assert set(made) == {AUTHORIZE, CAPTURE, REFUND, CHARGEBACK}
    assert all(made[kind].observed_only for kind in (CAPTURE, REFUND, CHARGEBACK))
    assert (made[CAPTURE].amount, made[REFUND].amount) == (SIX, FOUR)
    assert made[REFUND].parent_id == made[CHARGEBACK].parent_id == made[CAPTURE].id
    assert not any(one.discrepancy for one in payment.transactions)


def test_a_capture_of_ours_and_its_event_are_one() -> None:
    ours = Transaction(id="t-2", type=CAPTURE, requested=SIX, created_at=NOW, parent_id="t-1", account="test")
    answer = Observation(status=SUCCEEDED, channel=Channel.ANSWER, amount=SIX, gateway_reference="pi_1")
    event = an_event("payment_intent.succeeded", an_intent(metadata=OURS, status="succeeded", amount_received=600))
    payment = heard(a_payment(ours.with_observation(answer)), event, event)
    assert [one.id for one in payment.transactions] == ["t-1", "t-2"]
    assert not payment.by_id["t-2"].discrepancy


def test_a_hold_that_is_cancelled_in_the_dashboard_is_given_up() -> None:
    payment = heard(a_payment(), an_event("payment_intent.canceled", an_intent(metadata=OURS, status="canceled")))
    assert [one.type for one in payment.transactions] == [AUTHORIZE, REVERSE_AUTH]
