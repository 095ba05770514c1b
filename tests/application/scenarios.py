"""Scenarios that the tests share: the usual cart in every state of its payment, two gateways, a shopper who is sent away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from payports import ActionRequired, Observation, Owner, Payment, SavedMethod
from payports.domain.checkout import CheckoutRecord
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.shops import CUSTOMER, Bench, bench, eur, fail, new_payment, told, with_gateway

OWNER: Final = Owner("cart", "c-1")
TWO: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}


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


class Stubborn(ExternalActions):
    """Actions of a gateway that cannot be told to give one up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


def stubborn() -> Bench:
    """A shop whose gateway cannot be told to give an action up."""
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    return with_gateway(on, actions=Stubborn(actions))


# --- payments and checkouts in some state ---


def authorized(on: Bench, **rest: Any) -> Payment:
    """Create a payment and authorize it under the key k-0."""
    payment = on.pay(**rest)
    on.shop.transactions.authorize(payment.id, key="k-0")
    return payment


def unsure(on: Bench) -> Payment:
    """Create a payment whose authorization has an unknown result that no look-up finds out."""
    payment = authorized(on, token="tok_timeout_charged")
    on.spy.on_look_up = lambda _: None
    return payment


def submitted(on: Bench, **rest: Any) -> Payment:
    """Create a payment and submit its cart."""
    payment = on.pay(**rest)
    on.submit()
    return payment


def last_transaction_id(on: Bench) -> str:
    (payment,) = told(on.shop.payments.of_owner(OWNER))
    return str(payment.transactions[-1].id)


def while_it_runs(on: Bench, call: Callable[[Bench], Any]) -> Any:
    """What a call answers while a checkout of the same cart is under way."""
    answers: list[Any] = []
    on.pay()
    on.spy.during = lambda _: answers.append(call(on))
    told(on.submit())
    return answers[0]


def come_back(on: Bench, **rest: Any) -> Any:
    """Let the shopper of the usual cart come back from the gateway."""
    return on.shop.checkout.resume("sandbox", {"callback_token": record_of(on).callback_token}, **rest)


def ruled(on: Bench, transaction_id: str, status: Any = "REVOKED", **rest: Any) -> Any:
    """Let an operator decide what became of a transaction."""
    known = {"operator": "ada", "reason": "because"} | rest
    return on.shop.maintenance.resolve(transaction_id, status, **known)


def failing(on: Bench) -> Bench:
    """The same shop, in which every commit fails from now on."""
    on.store.before_commit = fail()
    return on


# --- saved methods ---


def saved(on: Bench) -> SavedMethod:
    method: SavedMethod = told(on.shop.saved_methods.save(CUSTOMER, "sandbox", new_payment().method))
    return method


def removed(on: Bench) -> SavedMethod:
    method = saved(on)
    told(on.shop.saved_methods.remove(method.id, customer=CUSTOMER))
    return method


def use(on: Bench, method: SavedMethod, minor: int = 1) -> Any:
    """Pay the usual cart with a saved method."""
    return on.shop.saved_methods.use(method.id, customer=CUSTOMER, owner=OWNER, amount=eur(minor))


def paid_with_a_removed_method(on: Bench) -> Payment:
    """Create a payment with a saved method that is removed before it is authorized."""
    method = saved(on)
    payment: Payment = told(use(on, method, 5_990))
    told(on.shop.saved_methods.remove(method.id, customer=CUSTOMER))
    return payment
