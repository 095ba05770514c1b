"""Scenarios that the tests share: the usual cart in every state of its payment, two gateways, a shopper who is sent away."""

from __future__ import annotations

from typing import Any, Final

from payports import Owner, Payment, SavedMethod
from tests.application.shops import CUSTOMER, Bench, eur, fail, new_payment, told

OWNER: Final = Owner("cart", "c-1")
TWO: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}


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
