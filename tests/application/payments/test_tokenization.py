"""Tokenization: arguments reach the gateway's bridge unchanged, and its answers are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from payports import Busy, Cart, Customer, Failure, InvalidInput, PaymentMethod, Success
from payports.ports.tokenization import BridgeKind, ClientSession, TokenizationBridge
from tests.application.fixtures import CUSTOMER, ShopFixture, eur, open_shop, with_gateway

CART: Final = Cart("c-1", total=eur(5_990))
SESSION: Final = ClientSession(gateway="sandbox", kind=BridgeKind.REDIRECT, publishable={"a": "b"})
METHOD: Final = PaymentMethod({"token": "tok_1"})
SECRET: Final = RuntimeError("tok_canary")


class Bridge(TokenizationBridge):
    """Returns an answer of the test's choice, or raises it, and keeps its calls."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.calls: list[tuple[object, ...]] = []

    def _say(self, *call: object) -> Any:
        self.calls.append(call)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def open(self, gateway: str, cart: Cart, customer: Customer | None) -> Any:
        return self._say(gateway, cart, customer)

    def accept(self, payload: Mapping[str, object]) -> Any:
        return self._say(payload)


def bridged(says: Any) -> tuple[ShopFixture, Bridge]:
    bridge = Bridge(says)
    return with_gateway(open_shop(), bridge=bridge), bridge


@pytest.mark.parametrize("customer", [None, CUSTOMER])
def test_a_session_is_opened_for_a_cart_and_its_customer(customer: Customer | None) -> None:
    shop, bridge = bridged(SESSION)
    assert shop.tokenization.open("sandbox", CART, customer) == Success(SESSION)
    assert bridge.calls == [("sandbox", CART, customer)]


@pytest.mark.parametrize("says", [SECRET, None, {"gateway": "sandbox"}, ""])
def test_anything_but_a_session_is_refused(says: Any) -> None:
    shop, _ = bridged(says)
    assert shop.tokenization.open("sandbox", CART) == Failure(Busy("gateway sandbox"))


def test_an_invalid_customer_is_refused_before_the_bridge_is_called() -> None:
    shop, bridge = bridged(SESSION)
    refused = shop.tokenization.open("sandbox", CART, Customer(""))
    assert refused == Failure(InvalidInput("customer.id", "must not be empty"))
    assert bridge.calls == []


@pytest.mark.parametrize(
    ("says", "accepted"),
    [
        (Success(METHOD), Success(METHOD)),
        (Failure(InvalidInput("token", "is too old")), Failure(InvalidInput("token", "is too old"))),
        (SECRET, Failure(InvalidInput("payload", "cannot be read"))),
        (None, Failure(InvalidInput("payload", "cannot be read"))),
        (Success("tok_1"), Failure(InvalidInput("method", "must be a PaymentMethod"))),
        (
            Success(PaymentMethod({"token": "4242424242424242"})),
            Failure(InvalidInput("method.properties.token", "looks like a card number")),
        ),
    ],
)
def test_the_browsers_payload_is_read_by_the_bridge(says: Any, accepted: Any) -> None:
    shop, bridge = bridged(says)
    payload = {"token": "tok_1"}
    assert shop.tokenization.accept("sandbox", payload) == accepted
    assert bridge.calls == [(payload,)]
