"""Every recorded answer of the real Stripe is read to the status that a person would give it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.stripe.currencies import money_of
from payports.adapters.gateways.stripe.responses import read_answer, read_finding
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.gateway import PaymentRequest
from tests.adapters.gateways.stripe.stubs import SPECS, TERMS, asked_for, fixtures, needs_specs

RECORDED: Final = SPECS / "recorded"
SUCCEEDED, DECLINED = TransactionStatus.SUCCEEDED, TransactionStatus.DECLINED
UNKNOWN, NOT_EXECUTED = TransactionStatus.UNKNOWN, TransactionStatus.NOT_EXECUTED
REQUIRES_ACTION = TransactionStatus.REQUIRES_ACTION

_AM, _OMNIPAY = "active_merchant/stripe_payment_intents", "omnipay_stripe"
_CHARGES = "active_merchant/stripe"

TABLE: Final[dict[str, tuple[int, TransactionType, TransactionStatus]]] = {
    f"{_AM}/failed_cancel_response.json": (400, REVERSE_AUTH, UNKNOWN),  # its intent was captured: looked up
    f"{_AM}/failed_payment_method_response.json": (400, AUTHORIZE, NOT_EXECUTED),
    f"{_AM}/failed_verify_response.json": (402, AUTHORIZE, DECLINED),
    f"{_AM}/successful_capture_with_multicapture.json": (200, CAPTURE, UNKNOWN),  # trimmed: no currency
    f"{_AM}/successful_create_3ds2_intent_response.json": (200, AUTHORIZE, UNKNOWN),  # made, not confirmed
    f"{_AM}/successful_create_customer_response.json": (200, AUTHORIZE, UNKNOWN),
    f"{_AM}/successful_create_intent_response.json": (200, AUTHORIZE, SUCCEEDED),
    f"{_AM}/successful_create_intent_response_with_network_token_fields.json": (200, AUTHORIZE_AND_CAPTURE, SUCCEEDED),
    f"{_AM}/successful_payment_method_attach_response.json": (200, AUTHORIZE, UNKNOWN),
    f"{_AM}/successful_purchase_avs_pass.json": (200, AUTHORIZE_AND_CAPTURE, UNKNOWN),  # trimmed: no mode
    f"{_AM}/successful_update_intent_response.json": (200, AUTHORIZE, UNKNOWN),  # made, not confirmed
    f"{_AM}/successful_void_response.json": (200, REVERSE_AUTH, SUCCEEDED),
    f"{_AM}/successful_authorize_with_multicapture.txt": (200, AUTHORIZE, UNKNOWN),  # ill-formed
    f"{_AM}/successful_create_intent_response_with_google_pay_and_billing_address.txt": (
        200,
        AUTHORIZE_AND_CAPTURE,
        UNKNOWN,
    ),
    f"{_AM}/successful_request_three_d_secure_response.txt": (
        200,
        AUTHORIZE_AND_CAPTURE,
        UNKNOWN,
    ),  # both are Ruby, no JSON
    f"{_AM}/pre_scrubbed.txt": (200, AUTHORIZE, UNKNOWN),
    f"{_AM}/scrubbed.txt": (200, AUTHORIZE, UNKNOWN),
    f"{_CHARGES}/declined_authorization_response.json": (402, AUTHORIZE, DECLINED),
    f"{_CHARGES}/declined_call_issuer_purchase_response.json": (402, AUTHORIZE_AND_CAPTURE, DECLINED),
    f"{_CHARGES}/declined_pickup_card_purchase_response.json": (402, AUTHORIZE_AND_CAPTURE, DECLINED),
    f"{_CHARGES}/failed_purchase_response.json": (402, AUTHORIZE_AND_CAPTURE, DECLINED),
    f"{_CHARGES}/generic_error_response.json": (400, AUTHORIZE, UNKNOWN),  # of no known type
    f"{_CHARGES}/unsuccessful_fetch_application_fee_response.json": (404, CAPTURE, NOT_EXECUTED),
    f"{_CHARGES}/successful_partially_refunded_response.json": (200, REFUND, UNKNOWN),  # before refunds had a status
    f"{_OMNIPAY}/AuthorizeFailure.txt": (400, AUTHORIZE, NOT_EXECUTED),
    f"{_OMNIPAY}/AuthorizeSuccess.txt": (200, AUTHORIZE, UNKNOWN),  # made, not confirmed
    f"{_OMNIPAY}/CancelPaymentIntentFailure.txt": (400, REVERSE_AUTH, UNKNOWN),  # its intent is canceled: looked up
    f"{_OMNIPAY}/CancelPaymentIntentSuccess.txt": (200, REVERSE_AUTH, SUCCEEDED),
    f"{_OMNIPAY}/CaptureFailure.txt": (400, CAPTURE, NOT_EXECUTED),
    f"{_OMNIPAY}/CaptureSuccess.txt": (200, CAPTURE, SUCCEEDED),
    f"{_OMNIPAY}/ConfirmIntent3dsRedirect.txt": (200, AUTHORIZE, REQUIRES_ACTION),
    f"{_OMNIPAY}/ConfirmIntentMissingRedirect.txt": (200, AUTHORIZE, REQUIRES_ACTION),
    f"{_OMNIPAY}/ConfirmIntentSuccess.txt": (200, AUTHORIZE, SUCCEEDED),
    f"{_OMNIPAY}/FetchIntentFailure.txt": (400, AUTHORIZE, NOT_EXECUTED),
    f"{_OMNIPAY}/FetchIntentPaymentMethodRequired.txt": (200, AUTHORIZE, DECLINED),
    f"{_OMNIPAY}/FetchIntentReadyToConfirm.txt": (200, AUTHORIZE, UNKNOWN),
    f"{_OMNIPAY}/PurchaseSuccess.txt": (200, AUTHORIZE_AND_CAPTURE, SUCCEEDED),
    **{
        f"{_OMNIPAY}/{name}.txt": (status, AUTHORIZE, found)
        for name, status, found in (
            ("AttachPaymentMethodFailure", 402, NOT_EXECUTED),
            ("CreatePaymentMethodFailure", 402, NOT_EXECUTED),
            ("DetachPaymentMethodFailure", 402, NOT_EXECUTED),
            ("FetchPaymentMethodFailure", 404, NOT_EXECUTED),
            ("UpdatePaymentMethodFailure", 402, NOT_EXECUTED),
            ("AttachPaymentMethodSuccess", 200, UNKNOWN),
            ("CreatePaymentMethodSuccess", 200, UNKNOWN),
            ("DetachPaymentMethodSuccess", 200, UNKNOWN),
            ("FetchPaymentMethodSuccess", 200, UNKNOWN),
            ("UpdatePaymentMethodSuccess", 200, UNKNOWN),
        )
    },
    **{
        f"{_CHARGES}/{name}": (200, AUTHORIZE, UNKNOWN)  # objects of the older API, which this adapter never asks for
        for name in (
            "non_3ds_sources_create_response.json",
            "post_scrubbed_nested_payment_method_data.txt",
            "post_scrubbed_with_emv_data.txt",
            "pre_scrubbed.txt",
            "pre_scrubbed_with_account_number.txt",
            "pre_scrubbed_with_track_data.txt",
            "successful_apple_pay_token_exchange.json",
            "successful_authorization_response_with_icc_data.json",
            "successful_capture_response.txt",
            "successful_capture_response_without_icc_data.json",
            "successful_new_card_response.json",
            "successful_new_customer_response.json",
            "successful_update_credit_card_response.json",
            "threeds_first_sources_created_response.json",
            "webhook_event_deletion_response.json",
        )
    },
}


def _read(name: str) -> tuple[int, bytes]:
    text = (RECORDED / name).read_text()
    if not text.startswith("HTTP/"):
        return TABLE[name][0], text.encode()
    head, _, body = text.partition("\n\n")
    return int(head.split()[1]), body.encode()


OF_NOBODY: Final = frozenset(
    {
        f"{_AM}/successful_create_intent_response.json",
        f"{_AM}/successful_create_intent_response_with_network_token_fields.json",
    }
    | {
        f"{_OMNIPAY}/{name}.txt"
        for name in (
            "ConfirmIntent3dsRedirect",
            "ConfirmIntentMissingRedirect",
            "ConfirmIntentSuccess",
            "FetchIntentPaymentMethodRequired",
            "PurchaseSuccess",
        )
    }
)
"""The answers to a request that begins something which carry no id of ours, because it was not us who asked: what they are with it, and
that they are nothing without it."""


def _as_ours(name: str, body: bytes, asked: PaymentRequest) -> bytes:
    """The answer as it would be to a request of ours."""
    if name not in OF_NOBODY:
        return body
    told: dict[str, Any] = json.loads(body)
    told["metadata"] = {**told["metadata"], "payports_transaction": asked.transaction_id}
    return json.dumps(told).encode()


def _asked(kind: TransactionType, body: bytes) -> PaymentRequest:
    """What the answer was the answer to: of the amount and about the intent that it names itself."""
    try:
        told: dict[str, Any] = json.loads(body)
    except ValueError:
        told = {}
    about = told.get("error", {}).get("payment_intent") or told
    amount = money_of(about.get("amount"), about.get("currency")) or Money.of("20.20", "GBP")
    return asked_for(kind, amount, parent=str(about.get("id", "pi_1")))


@needs_specs
def test_the_table_names_every_recorded_answer() -> None:
    found = {
        str(path.relative_to(RECORDED))
        for folder in (_AM, _CHARGES, _OMNIPAY)
        for path in (RECORDED / folder).iterdir()
        if path.name != "LICENSE"
    }
    assert found == set(TABLE)


@needs_specs
@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_recorded_answer_is_read_to_its_status(name: str) -> None:
    status, kind, expected = TABLE[name]
    recorded_status, body = _read(name)
    assert recorded_status == status
    asked = _asked(kind, body)
    response = read_answer(Answer(status, {}, _as_ours(name, body, asked)), asked, TERMS)
    unnamed = read_answer(Answer(status, {}, body), asked, TERMS).seen.status
    assert unnamed is (UNKNOWN if name in OF_NOBODY else expected)
    assert response.seen.status is expected
    assert "_secret_" not in repr(attrs.evolve(response, seen=attrs.evolve(response.seen, next_action=None)))
    assert re.search(r"pi_\w+_secret_", repr(response)) is None


@needs_specs
@pytest.mark.parametrize(
    ("name", "code", "failure", "hard"),
    [
        (f"{_CHARGES}/declined_authorization_response.json", "card_declined", FailureType.DECLINED, False),
        (f"{_CHARGES}/declined_call_issuer_purchase_response.json", "call_issuer", FailureType.DECLINED, False),
        (f"{_CHARGES}/declined_pickup_card_purchase_response.json", "pickup_card", FailureType.FRAUD, True),
        (f"{_CHARGES}/failed_purchase_response.json", "incorrect_number", FailureType.INVALID_PAYMENT_METHOD, True),
        (f"{_AM}/failed_verify_response.json", "incorrect_cvc", FailureType.INVALID_PAYMENT_METHOD, False),
        (
            f"{_OMNIPAY}/FetchIntentPaymentMethodRequired.txt",
            "payment_intent_authentication_failure",
            FailureType.AUTHENTICATION_REQUIRED,
            False,
        ),
    ],
)
def test_a_recorded_decline_tells_why(name: str, code: str, failure: FailureType, hard: bool) -> None:
    status, body = _read(name)
    asked = _asked(AUTHORIZE, body)
    seen = read_answer(Answer(status, {}, _as_ours(name, body, asked)), asked, TERMS).seen
    assert (seen.code, seen.failure_type, seen.hard) == (code, failure, hard)


@needs_specs
@pytest.mark.parametrize("name", [name for name, (_, _, status) in TABLE.items() if status is SUCCEEDED])
def test_no_recorded_success_is_one_of_another_amount_currency_intent_or_mode(name: str) -> None:
    _, body = _read(name)
    asked = _asked(TABLE[name][1], body)
    body = _as_ours(name, body, asked)
    others = [
        attrs.evolve(asked, amount=asked.amount + Money(1, asked.amount.currency)),
        attrs.evolve(asked, amount=Money(asked.amount.minor, "CHF")),
        attrs.evolve(asked, parent_reference="pi_other", gateway_reference="pi_other"),
    ]
    for other in others:
        assert read_answer(Answer(200, {}, body), other, TERMS).seen.status is not SUCCEEDED
    if b"livemode" in body:
        assert (
            read_answer(Answer(200, {}, body), asked, attrs.evolve(TERMS, livemode=True)).seen.status is not SUCCEEDED
        )


@needs_specs
@pytest.mark.parametrize(("version", "fresh"), [("2023-09-12", UNKNOWN), ("2026-08-21", DECLINED)])
def test_the_sample_objects_of_both_versions_are_read(version: str, fresh: TransactionStatus) -> None:
    samples = fixtures(version)
    intent, refund = samples["payment_intent"], {**samples["refund"], "payment_intent": "pi_1"}
    captured = {
        **intent,
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": {
            **samples["charge"],
            "captured": True,
            **dict.fromkeys(("amount", "amount_captured"), intent["amount"]),
        },
    }
    for told, kind, expected in (
        (intent, AUTHORIZE_AND_CAPTURE, fresh),  # waits for a method; only the newer tells of an error
        (captured, AUTHORIZE_AND_CAPTURE, SUCCEEDED),
        ({**captured, "capture_method": "manual"}, CAPTURE, SUCCEEDED),
        (refund, REFUND, SUCCEEDED),
    ):
        amount = money_of(told["amount"], told["currency"])
        asked = asked_for(kind, amount, parent=str(told["payment_intent"] if kind is REFUND else told["id"]) or "pi_1")
        found = read_finding(Answer(200, {}, json.dumps(told).encode()), asked, TERMS, Channel.LOOK_UP)
        assert isinstance(found, Observation)
        assert found.status is expected


def test_recorded_answers_stand_where_they_are_looked_for() -> None:
    assert Path(RECORDED).name == "recorded"
