"""Payments: created once for each key, with every field, validated by their gateway, changed only while no money is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest
from returns.result import Failure

import payports
from payports import (
    Address,
    Cart,
    Conflict,
    GatewayUnsupported,
    InvalidInput,
    Money,
    NewPayment,
    OperationNotAllowed,
    Owner,
    Payment,
    PaymentMethod,
    PaymentType,
    Payports,
)
from payports.testing import FixedClock, SandboxBank
from payports.testing.clock import START
from tests.application.fixtures import (
    CUSTOMER,
    eur,
    new_payment,
    open_shop,
    problem,
    value_of,
    with_capabilities,
    with_gateway,
    without_gateway,
)


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


def test_without_a_key_every_call_creates_a_payment(shop: Payports) -> None:
    assert shop.payments.create(new()).unwrap().id != shop.payments.create(new()).unwrap().id


def test_a_refused_payment_leaves_its_key_free(shop: Payports) -> None:
    assert isinstance(shop.payments.create(new(token="4242424242424242"), key="k-1"), Failure)
    assert shop.payments.create(new(), key="k-1").unwrap().transactions == ()


def test_a_payment_created_after_the_order_leaves_the_checkout_unchanged(shop: Payports) -> None:
    cart = Cart("c-1", total=Money.of("10.00", "EUR"))
    shop.payments.create(new()).unwrap()
    placed = shop.checkout.submit(cart, request_id="a-1").unwrap()
    shop.payments.create(new("5.00")).unwrap()
    assert shop.checkout.submit(cart, request_id="a-1").unwrap() == placed
    dearer = Cart("c-1", total=Money.of("15.00", "EUR"))
    assert shop.checkout.submit(dearer, request_id="a-1") == Failure(Conflict("a-1"))


# --- fields of a payment ---


LIMITS: Final = {"pass_through_limit": 2, "pass_through_length": 3, "pass_through_name_length": 4}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, ""),
        ({"abcd": "abc", "b": "c"}, ""),
        ({"a": "1", "b": "2", "c": "3"}, "the gateway keeps 2 fields"),
        ({"a": "abcd"}, "the gateway keeps 3 characters a field"),
        ({"abcde": "a"}, "the gateway keeps names of 4 characters"),
    ],
)
def test_pass_through_fields_keep_to_the_gateways_limits(fields: dict[str, str], refused: str) -> None:
    shop = with_capabilities(open_shop(), **LIMITS)
    made = shop.payments.create(new_payment(pass_through=fields))
    if refused:
        assert problem(made) == InvalidInput("pass_through", refused)
    else:
        assert value_of(made).pass_through == fields


def test_a_currency_that_the_gateway_does_not_support_is_refused() -> None:
    shop = with_capabilities(open_shop(), currencies=frozenset({"EUR"}))
    value_of(shop.payments.create(new_payment()))
    refused = shop.payments.create(new_payment(amount=Money(1, "USD")))
    assert problem(refused) == GatewayUnsupported("sandbox", "USD")


class Validator:
    """Accepts only the token tok_good."""

    def __init__(self) -> None:
        self.calls: list[tuple[PaymentMethod, PaymentType]] = []

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        self.calls.append((method, payment_type))
        return None if method.token == "tok_good" else InvalidInput("token", "is not good")


def test_the_gateway_validates_a_method_when_it_is_given_and_when_it_is_changed() -> None:
    validator = Validator()
    shop = with_gateway(open_shop(), validator=validator)
    good, bad = PaymentMethod({"token": "tok_good"}), PaymentMethod({"token": "tok_bad"})
    not_good = InvalidInput("token", "is not good")
    assert problem(shop.payments.create(new_payment(method=bad))) == not_good
    payment = value_of(shop.payments.create(new_payment(method=good, type=PaymentType.DEBIT_CARD)))
    assert problem(shop.payments.update(payment.id, method=bad)) == not_good
    assert value_of(shop.payments.update(payment.id, eur(1), good)).amount == eur(1)
    assert validator.calls == [
        (bad, PaymentType.CREDIT_CARD),
        *[(method, PaymentType.DEBIT_CARD) for method in (good, bad, good)],
    ]
    assert value_of(without_gateway(shop).payments.update(payment.id, method=bad)).method == bad


@pytest.mark.parametrize(
    "other",
    [
        {"billing": Address(city="Wien")},
        {"shipping": Address(city="Bern")},
        {"billing": None},
        {"method": PaymentMethod({"token": "tok_other"})},
        {"name": "x"},
    ],
)
def test_a_repeated_key_with_any_other_field_is_a_conflict(other: dict[str, Any]) -> None:
    shop = open_shop()
    new = new_payment(billing=Address(city="Bern"))
    first = value_of(shop.payments.create(new, key="k-1"))
    assert value_of(shop.payments.create(new, key="k-1")) == first
    assert problem(shop.payments.create(attrs.evolve(new, **other), key="k-1")) == Conflict("k-1")


def test_a_payment_is_created_with_every_field_of_the_request() -> None:
    shop = open_shop()
    new = new_payment(
        type=PaymentType.DEBIT_CARD,
        customer=CUSTOMER,
        name="mine",
        save_for_future_use=True,
        billing=Address(city="Bern"),
        pass_through={"a": "b"},
    )
    made = value_of(shop.payments.create(new))
    fields = {field.name: getattr(new, field.name) for field in attrs.fields(type(new))}
    assert made == Payment(id=made.id, created_at=START, version=1, **fields)


def test_the_method_cannot_be_changed_while_money_is_open_on_it() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    other = new_payment(token="tok_declined").method
    assert isinstance(problem(shop.payments.update(payment.id, method=other)), OperationNotAllowed)
