"""Creating payments: once a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from returns.result import Failure

import payports
from payports import Cart, Conflict, Money, NewPayment, Owner, PaymentMethod, Payports
from payports.testing import FixedClock, SandboxBank


@pytest.fixture
def shop() -> Iterator[Payports]:
    bank = SandboxBank()
    with payports.connect({"store": {"url": "memory:"}}, bank=bank, clock=FixedClock()) as shop:
        yield shop
    bank.close()


def new(amount: str = "10.00", token: str = "tok_approved") -> NewPayment:
    return NewPayment(
        owner=Owner("cart", "c-1"),
        amount=Money.of(amount, "EUR"),
        gateway="sandbox",
        method=PaymentMethod({"token": token}),
    )


def test_a_repeated_key_gives_the_same_payment(shop: Payports) -> None:
    first = shop.payments.create(new(), key="k-1").unwrap()
    assert shop.payments.create(new(), key="k-1").unwrap() == first
    assert len(shop.payments.of_owner(Owner("cart", "c-1")).unwrap()) == 1


@pytest.mark.parametrize("other", [new(amount="11.00"), new(token="tok_declined")])
def test_a_key_with_other_content_is_a_conflict(shop: Payports, other: NewPayment) -> None:
    first = shop.payments.create(new(), key="k-1").unwrap()
    assert shop.payments.create(other, key="k-1") == Failure(Conflict("k-1"))
    assert shop.transactions.authorize(first.id, key="k-1") == Failure(Conflict("k-1"))


def test_without_a_key_every_call_makes_a_payment(shop: Payports) -> None:
    assert shop.payments.create(new()).unwrap().id != shop.payments.create(new()).unwrap().id


def test_a_refused_payment_leaves_its_key_free(shop: Payports) -> None:
    assert isinstance(shop.payments.create(new(token="4242424242424242"), key="k-1"), Failure)
    assert shop.payments.create(new(), key="k-1").unwrap().transactions == ()


def test_a_payment_made_after_the_order_was_placed_leaves_its_checkout_as_it_was(shop: Payports) -> None:
    cart = Cart("c-1", total=Money.of("10.00", "EUR"))
    shop.payments.create(new()).unwrap()
    placed = shop.checkout.submit(cart, request_id="a-1").unwrap()
    shop.payments.create(new("5.00")).unwrap()
    assert shop.checkout.submit(cart, request_id="a-1").unwrap() == placed
    dearer = Cart("c-1", total=Money.of("15.00", "EUR"))
    assert shop.checkout.submit(dearer, request_id="a-1") == Failure(Conflict("a-1"))
