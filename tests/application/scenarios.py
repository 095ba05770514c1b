"""Scenarios that the tests share: payments, checkouts and saved methods in every state."""

from __future__ import annotations

from typing import Any, Final

from payports import Owner, Payment, SavedMethod
from tests.application.fixtures import CUSTOMER, ShopFixture, eur, new_payment, value_of
from tests.application.stubs import fail

OWNER: Final = Owner("cart", "c-1")
TWO_GATEWAYS: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}


# --- payments and checkouts in some state ---


def authorized(shop: ShopFixture, **rest: Any) -> Payment:
    """Create a payment and authorize it under the key k-0."""
    payment = shop.pay(**rest)
    shop.transactions.authorize(payment.id, key="k-0")
    return payment


def unknown_authorization(shop: ShopFixture) -> Payment:
    """Create a payment whose authorization has an unknown result that no look-up finds out."""
    payment = authorized(shop, token="tok_timeout_charged")
    shop.spy.on_look_up = lambda _: None
    return payment


def submitted(shop: ShopFixture, **rest: Any) -> Payment:
    """Create a payment and submit its cart."""
    payment = shop.pay(**rest)
    shop.submit()
    return payment


def last_transaction_id(shop: ShopFixture) -> str:
    (payment,) = value_of(shop.payments.of_owner(OWNER))
    return str(payment.transactions[-1].id)


def ruled(shop: ShopFixture, transaction_id: str, status: Any = "REVOKED", **rest: Any) -> Any:
    """Let an operator decide the status of a transaction."""
    known = {"operator": "ada", "reason": "because"} | rest
    return shop.maintenance.resolve(transaction_id, status, **known)


def failing(shop: ShopFixture) -> ShopFixture:
    """The same shop, in which every commit fails from now on."""
    shop.store.before_commit = fail()
    return shop


# --- saved methods ---


def saved(shop: ShopFixture) -> SavedMethod:
    method: SavedMethod = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", new_payment().method))
    return method


def removed(shop: ShopFixture) -> SavedMethod:
    method = saved(shop)
    value_of(shop.saved_methods.remove(method.id, customer=CUSTOMER))
    return method


def use(shop: ShopFixture, method: SavedMethod, minor: int = 1) -> Any:
    """Pay the usual cart with a saved method."""
    return shop.saved_methods.use(method.id, customer=CUSTOMER, owner=OWNER, amount=eur(minor))


def paid_with_a_removed_method(shop: ShopFixture) -> Payment:
    """Create a payment with a saved method that is removed before it is authorized."""
    method = saved(shop)
    payment: Payment = value_of(use(shop, method, 5_990))
    value_of(shop.saved_methods.remove(method.id, customer=CUSTOMER))
    return payment
