"""Scenarios of checkouts: two payments, a shopper who is sent away and comes back, a gateway that gives no action up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payports import ActionRequired, Observation, Payment
from payports.domain.checkout import CheckoutRecord
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.scenarios import OWNER
from tests.application.shops import Bench, bench, told, with_gateway


def split(on: Bench, second: str = "tok_declined") -> tuple[Payment, Payment]:
    """Pay a cart of 30.00 EUR through two gateways, the second with a token of its own."""
    return on.pay(minor=1_000, gateway="first"), on.pay(minor=2_000, gateway="second", token=second)


def record_of(on: Bench) -> CheckoutRecord:
    """The checkout of the usual cart as it is stored."""
    record = on.store.of("default").checkout(OWNER)
    assert record
    return record


def three_d_secure(on: Bench) -> ActionRequired:
    """Submit a cart whose shopper must authenticate at the gateway first."""
    on.pay(token="tok_3ds")
    required = told(on.submit())
    assert isinstance(required, ActionRequired)
    return required


def resume(on: Bench, required: ActionRequired, **rest: Any) -> Any:
    """Let the shopper come back from the gateway."""
    return on.shop.checkout.resume("sandbox", {"callback_token": required.callback_token}, **rest)


def come_back(on: Bench, gateway: str = "sandbox", **rest: Any) -> Any:
    """Let the shopper of the usual cart come back from a gateway."""
    return on.shop.checkout.resume(gateway, {"callback_token": record_of(on).callback_token}, **rest)


class Stubborn(ExternalActions):
    """Actions of a gateway that cannot be told to give one up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


def stubborn(kind: type[Stubborn] = Stubborn) -> Bench:
    """A shop whose gateway cannot be told to give an action up."""
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    return with_gateway(on, actions=kind(actions))


def while_it_runs(on: Bench, call: Callable[[Bench], Any]) -> Any:
    """What a call answers while a checkout of the same cart is under way."""
    answers: list[Any] = []
    on.pay()
    on.spy.during = lambda _: answers.append(call(on))
    told(on.submit())
    return answers[0]
