"""What the configuration changes: several captures, hosted pages, modes and keys; and what the bridge takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.adapters.gateways.stripe import requests
from payports.adapters.gateways.stripe.currencies import DECIMALS, money_of, units_of
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.form import Call
from payports.adapters.gateways.stripe.requests import Selection, capture_name
from payports.adapters.gateways.stripe.responses import read_answer, read_finding
from payports.adapters.option_reading import ConfigurationError
from payports.adapters.tokenization.stripe import StripeBridge
from payports.domain.capabilities import PartialCapture
from payports.domain.cart import Cart
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, DETACHED_CREDIT, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import NotFoundYet
from tests.adapters.gateways.stripe.stubs import TERMS, an_intent, answered, asked_for, connected, judged

TEN, SIX = Money.of("10.00", "EUR"), Money.of("6.00", "EUR")
OURS = {"payports_transaction": "t-1"}
SUCCEEDED, UNKNOWN = TransactionStatus.SUCCEEDED, TransactionStatus.UNKNOWN
SEVERAL = attrs.evolve(TERMS, several_captures=True)
HOSTED = attrs.evolve(TERMS, hosted_page=True)


@given(st.integers(0, 10**15), st.sampled_from(sorted(DECIMALS)))
def test_a_conversion_loses_nothing_or_is_refused(minor: int, code: str) -> None:
    amount = Money(minor, code)
    units = units_of(amount)
    assert units is None or money_of(units, code.lower()) == amount


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money.of("59.90", "EUR"), 5990),
        (Money.of("500", "JPY"), 500),
        (Money.of("5", "ISK"), 500),
        (Money.of("5", "UGX"), 500),
        (Money.of("5.120", "KWD"), 5120),
        (Money.of("5.124", "KWD"), None),
        (Money.of("100.00", "MGA"), 100),
        (Money.of("100.50", "MGA"), None),
        (Money.of("1.00", "HUF"), 100),
        (Money.of("1.000", "IQD"), None),
    ],
)
def test_amounts_are_sent_in_the_units_of_stripe(amount: Money, units: int | None) -> None:
    assert units_of(amount) == units


def a_capture(key: str = "t-2", multicapture: str = "available") -> Any:
    hold = {"currency": "EUR", "held": "1000", **({"multicapture": multicapture} if multicapture else {})}
    return asked_for(CAPTURE, SIX, parent="pi_1", key=key, parent_attributes=hold)


def test_one_of_several_captures_is_known_by_what_it_left() -> None:
    call = requests.execution_of(a_capture(), SEVERAL)
    assert isinstance(call, Call)
    assert call.form["final_capture"] is False
    left = {name: str(units) for name, units in call.form["metadata"].items()}
    seen = read_answer(answered(200, an_intent(amount_received=600, metadata=left)), a_capture(), SEVERAL).seen
    assert (seen.status, seen.amount) == (SUCCEEDED, SIX)
    other = read_finding(
        answered(200, an_intent(amount_received=600, metadata=left)), a_capture("t-3"), SEVERAL, Channel.LOOK_UP
    )
    assert isinstance(other, NotFoundYet)
    lied = read_answer(answered(200, an_intent(amount_received=500, metadata=left)), a_capture(), SEVERAL).seen
    assert lied.status is UNKNOWN


def test_several_captures_are_each_told_by_name() -> None:
    left = {
        "payports_transaction": "t-1",
        capture_name("t-2"): "600 t-2",
        capture_name("t-3"): "100 t-3",
        "cap_x": "no number",
    }
    told = read_event(
        "payment_intent.succeeded", an_intent(status="succeeded", amount_received=700, metadata=left), SEVERAL
    )
    assert told is not None
    captures = [(one.transaction_id, one.amount) for one in told if one.type is CAPTURE]
    assert captures == [("t-2", SIX), ("t-3", Money.of("1.00", "EUR"))]
    assert (told[-1].type, told[-1].amount) == (REVERSE_AUTH, Money.of("3.00", "EUR")), "what is left is held no more"


def test_a_hold_is_worth_what_is_left_and_what_was_captured_of_it() -> None:
    begun = read_event(
        "payment_intent.amount_capturable_updated",
        an_intent(amount_capturable=400, amount_received=600, metadata=OURS),
        SEVERAL,
    )
    assert begun is not None
    assert (begun[0].type, begun[0].amount) == (AUTHORIZE, TEN)
    for units, status in ((1000, SUCCEEDED), (0, UNKNOWN)):
        told, hold = an_intent(amount_capturable=units, metadata=OURS), asked_for(AUTHORIZE, TEN, key="t-1")
        assert judged(read_answer(answered(200, told), hold, TERMS).seen, hold) is status


def test_the_name_of_a_capture_fits_into_metadata() -> None:
    for key in ("t-1", "0" * 36, "0" * 255, "a[b]"):
        assert len(capture_name(key)) <= 40
        assert "[" not in capture_name(key)


def test_a_hosted_page_is_an_action_until_an_intent_came_of_it() -> None:
    asked = asked_for(AUTHORIZE, TEN, method=PaymentMethod({}), return_url="https://shop.example/back")
    call = requests.execution_of(asked, HOSTED)
    assert isinstance(call, Call)
    assert call.path == "/v1/checkout/sessions"
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "open",
        "url": "https://checkout.stripe.com/c/1",
        "livemode": False,
        "metadata": {"payports_transaction": asked.transaction_id},
    }
    seen = read_answer(answered(200, session), asked, HOSTED).seen
    assert seen.status is TransactionStatus.REQUIRES_ACTION
    assert seen.next_action is not None
    assert (seen.next_action.type, seen.next_action.url) == ("hosted_page", session["url"])
    assert seen.gateway_reference == "", "the intent will be its reference"
    later = attrs.evolve(asked, attributes=dict(seen.attributes))
    done = {
        **session,
        "status": "complete",
        "payment_intent": an_intent(metadata={"payports_transaction": asked.transaction_id}),
    }
    found = read_finding(answered(200, done), later, HOSTED, Channel.RETURN)
    assert isinstance(found, Observation)
    assert (found.status, found.gateway_reference) == (SUCCEEDED, "pi_1")
    for other in ({"id": "cs_2"}, {"livemode": True}, {"payment_intent": an_intent(amount=999)}):
        wrong = read_finding(answered(200, {**done, **other}), later, HOSTED, Channel.RETURN)
        assert isinstance(wrong, Observation)
        assert wrong.status is not SUCCEEDED
    lapsed = read_finding(answered(200, {**session, "status": "expired"}), later, HOSTED, Channel.LOOK_UP)
    assert isinstance(lapsed, Observation)
    assert lapsed.status is TransactionStatus.NOT_EXECUTED


def test_a_hold_that_stripe_let_lapse_is_taken_back() -> None:
    charge = {
        "id": "ch_1",
        "amount": 1000,
        "amount_captured": 0,
        "currency": "eur",
        "status": "succeeded",
        "captured": False,
    }
    gone = an_intent(status="canceled", cancellation_reason="automatic", latest_charge=charge)
    found = read_finding(answered(200, gone), asked_for(AUTHORIZE, TEN), TERMS, Channel.LOOK_UP)
    assert isinstance(found, Observation)
    assert found.status is TransactionStatus.REVOKED
    capture = read_answer(answered(200, gone), a_capture(), TERMS).seen
    assert capture.status is TransactionStatus.NOT_EXECUTED


def test_the_capabilities_are_those_that_are_switched_on() -> None:
    usual = connected().transactions.capabilities
    several = connected(several_captures=True).transactions.capabilities
    assert (usual.partial_capture, several.partial_capture) == (PartialCapture.RELEASES_REST, PartialCapture.MULTIPLE)
    assert SETTLED in usual.types
    assert SETTLED not in several.types
    assert not usual.supports(DETACHED_CREDIT)
    assert (
        connected().transactions.execute(asked_for(DETACHED_CREDIT, TEN)).seen.status is TransactionStatus.NOT_EXECUTED
    )
    assert usual.authorization_lifetime == timedelta(days=7)


def test_the_selection_of_methods_follows_the_setting() -> None:
    for selection, name in (
        (Selection.TYPES, "payment_method_types"),
        (Selection.AUTOMATIC, "automatic_payment_methods"),
    ):
        call = requests.execution_of(asked_for(AUTHORIZE, TEN), attrs.evolve(TERMS, selection=selection))
        assert isinstance(call, Call)
        assert name in call.form


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"secret_key": Secret("sk_test_1"), "livemode": True}, "secret_key"),
        ({"secret_key": Secret("sk_live_1"), "livemode": False, "publishable_key": "pk_live_1"}, "secret_key"),
        ({"secret_key": Secret("sk_live_1"), "publishable_key": "pk_test_1"}, "publishable_key"),
        ({"secret_key": Secret("rk_test_1"), "publishable_key": "pk_live_1"}, "publishable_key"),
        ({"secret_key": Secret("pk_test_1")}, "secret_key"),
        ({"secret_key": Secret("sk_test_\r\nX: 1")}, "secret_key"),
        ({"base_url": "http://stripe.example"}, "base_url"),
        ({"base_url": "https://user:password@stripe.example"}, "base_url"),
        ({"stripe_version": "newest"}, "stripe_version"),
        ({"account": "other"}, "account"),
        ({"webhook_secret": Secret("short")}, "webhook_secret"),
        ({"colour": "red"}, ""),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(options: dict[str, Any], key: str) -> None:
    given_url = options.get("base_url", "https://api.stripe.com")
    with pytest.raises(ConfigurationError) as refused:
        connected(given_url, **{name: value for name, value in options.items() if name != "base_url"})
    assert refused.value.key == ".".join(filter(None, ("gateways.card", key)))
    assert "_1" not in str(refused.value)


def test_the_validator_wants_a_token_or_a_hosted_page() -> None:
    usual, hosted = connected().validator, connected(hosted_page=True).validator
    assert usual is not None
    assert hosted is not None
    kind = PaymentType.CREDIT_CARD
    assert usual.check(PaymentMethod({"token": "pm_1"}), kind) is None
    assert usual.check(PaymentMethod({}), kind) is not None
    assert usual.check(PaymentMethod({"token": "../x"}), kind) is not None
    assert hosted.check(PaymentMethod({}), kind) is None


BRIDGE = StripeBridge(publishable_key="pk_test_1", account="acct_1", locale="de")


def test_the_bridge_opens_with_publishable_data_only() -> None:
    shown = BRIDGE.open("card", Cart("c-1", total=Money.of("5", "UGX")), None).for_browser()
    assert shown["publishable_key"] == "pk_test_1"
    assert (shown["amount"], shown["currency"], shown["locale"], shown["account"]) == ("500", "ugx", "de", "acct_1")
    assert "sk_" not in repr(shown)
    assert "amount" not in BRIDGE.open("card", Cart("c-1", total=Money.of("1.001", "KWD")), None).for_browser()


@pytest.mark.parametrize(
    "payload",
    [{"payment_method": "pm_1"}, {"confirmation_token": "ctoken_1"}, {"token": "pm_1", "display": {"last4": "4242"}}],
)
def test_the_bridge_takes_tokens(payload: dict[str, Any]) -> None:
    assert isinstance(BRIDGE.accept(payload), Success)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"payment_method": "4242424242424242"},
        {"payment_method": "pm_1", "cvc": "123"},
        {"payment_method": "pm_1", "display": {"number": "4242 4242 4242 4242"}},
        {"payment_method": "pm_1", "display": {"cvc": "123"}},
        {"payment_method": "pm_1", "token": "pm_1"},
        {"payment_method": "ctoken_1"},
        {"confirmation_token": "pm_1"},
        {"token": "tok_1"},
        {"token": "pm_1/../x"},
        {"token": 1},
        {"number": "4242424242424242", "exp_month": 12},
    ],
)
def test_the_bridge_refuses_card_data_and_what_it_does_not_know(payload: dict[str, Any]) -> None:
    refused = BRIDGE.accept(payload)
    assert isinstance(refused, Failure)
    assert "4242" not in refused.failure().message


def test_a_reversal_is_of_the_whole_hold() -> None:
    hold = {"held": "1000", "currency": "EUR"}
    whole = asked_for(REVERSE_AUTH, TEN, parent="pi_1", parent_attributes=hold)
    assert isinstance(requests.execution_of(whole, TERMS), Call)
    assert not isinstance(requests.execution_of(attrs.evolve(whole, amount=SIX), TERMS), Call)
    assert not isinstance(requests.execution_of(attrs.evolve(whole, amount=Money.of("10.00", "USD")), TERMS), Call)
