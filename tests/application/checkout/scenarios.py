"""Scenarios of checkouts: two payments, a shopper who is sent away and comes back, a gateway that gives no action up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payports import ActionRequired, Observation, Payment
from payports.domain.checkout import CheckoutRecord
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.fixtures import ShopFixture, open_shop, value_of, with_gateway
from tests.application.scenarios import OWNER


def two_payments(shop: ShopFixture, second: str = "tok_declined") -> tuple[Payment, Payment]:
    """Pay a cart of 30.00 EUR through two gateways, the second with a token of its own."""
    return shop.pay(minor=1_000, gateway="first"), shop.pay(minor=2_000, gateway="second", token=second)


def checkout_record(shop: ShopFixture) -> CheckoutRecord:
    """The checkout of the usual cart as it is stored."""
    record = shop.store.of("default").checkout(OWNER)
    assert record
    return record


def three_d_secure(shop: ShopFixture) -> ActionRequired:
    """Submit a cart whose shopper must authenticate at the gateway first."""
    shop.pay(token="tok_3ds")
    required = value_of(shop.submit())
    assert isinstance(required, ActionRequired)
    return required


def resume(shop: ShopFixture, required: ActionRequired, **rest: Any) -> Any:
    """Let the shopper come back from the gateway."""
    return shop.checkout.resume("sandbox", {"callback_token": required.callback_token}, **rest)


def come_back(shop: ShopFixture, gateway: str = "sandbox", **rest: Any) -> Any:
    """Let the shopper of the usual cart come back from a gateway."""
    return shop.checkout.resume(gateway, {"callback_token": checkout_record(shop).callback_token}, **rest)


class NoGivingUp(ExternalActions):
    """Actions of a gateway that cannot give one up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


def shop_that_gives_no_action_up(kind: type[NoGivingUp] = NoGivingUp) -> ShopFixture:
    """A shop whose gateway cannot give an action up."""
    shop = open_shop()
    actions = shop.gateways["sandbox"].gateway.actions
    assert actions
    return with_gateway(shop, actions=kind(actions))


def while_it_runs(shop: ShopFixture, call: Callable[[ShopFixture], Any]) -> Any:
    """The outcome of a call during a checkout of the same cart."""
    answers: list[Any] = []
    shop.pay()
    shop.spy.during = lambda _: answers.append(call(shop))
    value_of(shop.submit())
    return answers[0]
