"""The sandbox's bridge: publishable data out, a token in, card data nowhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.adapters.tokenization.sandbox import SandboxBridge, connect
from payports.domain.cart import Cart
from payports.domain.money import Money
from payports.domain.payment import Customer
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.clock import Ids
from payports.testing import FixedClock

BRIDGE = SandboxBridge()
CARD = "4242 4242 4242 4242"


def test_the_browser_gets_only_what_may_be_published() -> None:
    cart = Cart("c-1", total=Money.of("59.90", "EUR"), customer=Customer("ada"))
    shown = BRIDGE.open("card", cart, Customer("ada")).for_browser()
    assert json.loads(json.dumps(shown))["amount"] == "59.90"
    assert "ada" not in json.dumps(shown)


def test_a_token_becomes_a_method() -> None:
    accepted = BRIDGE.accept({"token": "tok_approved", "display": {"brand": "visa", "last4": "4242"}})
    assert isinstance(accepted, Success)
    method = accepted.unwrap()
    assert (method.token, dict(method.display), method.single_use) == (
        "tok_approved",
        {"brand": "visa", "last4": "4242"},
        True,
    )


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"token": ""},
        {"token": None},
        {"token": 5},
        {"token": "4242424242424242"},
        {"token": "tok_4242424242424242"},
        {"token": "tok_é"},
        {"token": "tok_" + "x" * 200},
        {"token": "sk_live_1"},
        {"token": "tok_approved", "number": CARD},
        {"token": "tok_approved", "cvc": "123"},
        {"token": "tok_approved", "display": {"number": CARD}},
        {"token": "tok_approved", "display": {"cvc": "123"}},
        {"token": "tok_approved", "display": {"name": f"Ada {CARD}"}},
        {"token": "tok_approved", "display": {"name": 5}},
        {"token": "tok_approved", "display": "visa"},
        {"token": "tok_approved", "display": None},
        {"token": "tok_approved", CARD: ""},
        {"token": "tok_approved", "display": {str(number): "" for number in range(60)}},
    ],
)
def test_card_data_and_unknown_fields_are_refused_and_not_repeated(payload: dict[str, object]) -> None:
    refused = BRIDGE.accept(payload)
    assert isinstance(refused, Failure)
    assert "4242" not in refused.failure().message


@given(st.dictionaries(st.text(max_size=10), st.none() | st.text(max_size=20) | st.integers(), max_size=3))
def test_whatever_comes_is_answered(payload: dict[str, object]) -> None:
    assert isinstance(BRIDGE.accept(payload), Failure)


def test_the_bridge_shows_the_gateways_account() -> None:
    class BridgeIds(Ids):
        def new(self) -> str:
            return "1"

        def token(self) -> str:
            return "2"

    options = {"account": "shop-1", "url": "memory:"}
    bridge = connect(AdapterContext(name="card", options=options, clock=FixedClock(), ids=BridgeIds()))
    assert isinstance(bridge, SandboxBridge)
    assert bridge.account == "shop-1"
    with pytest.raises(ConfigurationError, match="account"):
        connect(AdapterContext(name="card", options={"account": 5}, clock=FixedClock(), ids=BridgeIds()))
