"""What a payment may be made of, and how the aggregate finds its transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.cart import Cart, check_cart
from payports.domain.input_checks import InvalidInput
from payports.domain.money import Money
from payports.domain.payment import (
    Customer,
    NewPayment,
    Owner,
    Restriction,
    check_customer,
    check_new_payment,
    check_owner,
    check_source,
)
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType, check_method
from payports.domain.secret import Secret
from payports.domain.transaction import Source
from payports.domain.transaction_types import TransactionType
from tests.domain.strategies import EUR, done, eur, new_payment

CARD: Final = "4111 1111 1111 1111"
GOOD: Final = NewPayment(
    owner=Owner("cart", "c-1"),
    amount=eur(1),
    gateway="card",
    method=PaymentMethod({"token": "tok_1"}, {"brand": "Visa"}),
    type=PaymentType.DEBIT_CARD,
    customer=Customer("u-1"),
    name="Visa ending in 1111",
    saved_method_id="s-1",
    billing=Address(
        name="A. Buyer", lines=("1 Road", "2nd floor"), city="Town", country="DE", phone="+49 176 12345678"
    ),
    shipping=Address(),
    line_items=(LineItem(name="Shoe", quantity=2, unit_amount_minor=5, reference="4006381333931"),),
    pass_through={"order": "o-1"},
)


def changed(**fields: Any) -> NewPayment:
    return attrs.evolve(GOOD, **fields)


def address(**fields: Any) -> Address:
    return Address(**fields)


def test_a_payment_in_order_passes() -> None:
    assert check_new_payment(GOOD) is None
    plain = NewPayment(owner=Owner("cart", "c"), amount=eur(1), gateway="card", method=PaymentMethod({}))
    assert check_new_payment(plain) is None


LOOKS: Final = "looks like a card number"
ADDRESS: Final = ("name", "city", "region", "postal_code", "country", "email")

BAD: Final[list[tuple[NewPayment, str, str]]] = [
    (changed(owner=None), "owner", "must be an Owner"),
    (changed(owner=("cart", "c")), "owner", "must be an Owner"),
    (changed(owner=Owner("", "c")), "owner.kind", "must not be empty"),
    (changed(owner=Owner("cart", CARD)), "owner.id", LOOKS),
    (changed(owner=Owner(CARD, "c")), "owner.kind", LOOKS),
    (changed(amount=eur(0)), "amount", "must be above zero"),
    (changed(amount=1), "amount", "must be a Money"),
    (changed(gateway=""), "gateway", "must not be empty"),
    (changed(gateway=CARD), "gateway", LOOKS),
    (changed(method=None), "method", "must be a PaymentMethod"),
    (changed(method=PaymentMethod({"token": CARD})), "method.properties.token", LOOKS),
    (changed(method=PaymentMethod({CARD: "t"})), "method.properties (a name)", LOOKS),
    (changed(method=PaymentMethod({"token": "t"}, {"number": CARD})), "method.display.number", LOOKS),
    (changed(method=PaymentMethod({"cvc": "123"})), "method.properties.cvc", "looks like a card's security code"),
    (changed(method=PaymentMethod({}, {"cvc": "123"})), "method.display.cvc", "looks like a card's security code"),
    (changed(method=PaymentMethod({"token": Secret(5)})), "method.properties.token", "must be text"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  -- wrong on purpose
    (changed(method=PaymentMethod({"token": "a" * 8_001})), "method.properties.token", "is longer than 8000 characters"),
    (changed(method=PaymentMethod({}, {"a": "a" * 2_001})), "method.display.a", "is longer than 2000 characters"),
    (changed(type="CREDIT_CARD"), "type", "must be a PaymentType"),
    (changed(save_for_future_use=1), "save_for_future_use", "must be a bool"),
    (changed(customer="u-1"), "customer", "must be a Customer"),
    (changed(customer=Customer(CARD)), "customer.id", LOOKS),
    (changed(name=CARD), "name", LOOKS),
    (changed(name=None), "name", "must be text"),
    (changed(saved_method_id=""), "saved_method_id", "must not be empty"),
    (changed(saved_method_id=CARD), "saved_method_id", LOOKS),
    (changed(billing="Road 1"), "billing", "must be an Address"),
    (changed(shipping={}), "shipping", "must be an Address"),
    (changed(billing=Address(lines=["a"])), "billing.lines", "must be a tuple of texts"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  -- wrong on purpose
    (changed(shipping=Address(lines=5)), "shipping.lines", "must be a tuple of texts"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  -- wrong on purpose
    (changed(billing=Address(lines=("a", CARD))), "billing.line 2", LOOKS),
    (changed(billing=Address(lines=("a",) * 51)), "billing", "has more than 50 entries"),
    (changed(billing=Address(phone=CARD)), "billing.phone", LOOKS),
    (changed(shipping=Address(phone="1\n")), "shipping.phone", "holds characters that do not print"),
    *((changed(billing=address(**{field: CARD})), f"billing.{field}", LOOKS) for field in ADDRESS),
    (changed(shipping=Address(city=CARD)), "shipping.city", LOOKS),
    (changed(line_items=[]), "line_items", "must be a tuple of LineItem"),
    (changed(line_items=("Shoe",)), "line_items", "must be a tuple of LineItem"),
    (changed(line_items=(LineItem(name="a"),) * 1_001), "line_items", "has more than 1000 entries"),
    (changed(line_items=(LineItem(name="a"), LineItem(name=CARD))), "line_items.name", LOOKS),
    (changed(line_items=(LineItem(name="a", reference=CARD),)), "line_items.reference", LOOKS),
    (changed(line_items=(LineItem(name="a", quantity=True),)), "line_items", "quantities and amounts are whole numbers"),
    (changed(line_items=(LineItem(name="a", unit_amount_minor=1.5),)), "line_items", "quantities and amounts are whole numbers"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  -- wrong on purpose
    (changed(pass_through={"note": CARD}), "pass_through.note", LOOKS),
    (changed(pass_through={CARD: "note"}), "pass_through (a name)", LOOKS),
    (changed(pass_through={"note": "a" * 501}), "pass_through.note", "is longer than 500 characters"),
    (changed(pass_through={str(number): "" for number in range(51)}), "pass_through", "has more than 50 entries"),
]  # fmt: skip


@pytest.mark.parametrize(("new", "field", "reason"), BAD, ids=[f"{field}-{reason}" for _, field, reason in BAD])
def test_what_cannot_be_kept_is_refused_by_its_field(new: NewPayment, field: str, reason: str) -> None:
    refused = check_new_payment(new)
    assert refused == InvalidInput(field, reason)
    assert "4111" not in repr(refused)


@pytest.mark.parametrize("lines", [(), ("a",) * 50])
def test_addresses_may_have_many_lines_and_payments_many_items(lines: tuple[str, ...]) -> None:
    assert check_new_payment(changed(billing=Address(lines=lines), line_items=(LineItem(name="a"),) * 1_000)) is None


CHECKS: Final[list[tuple[Callable[[Any], InvalidInput | None], str, str]]] = [
    (check_owner, "owner", "must be an Owner"),
    (check_customer, "customer", "must be a Customer"),
    (check_source, "source", "must be a Source"),
    (check_method, "method", "must be a PaymentMethod"),
    (check_new_payment, "payment", "must be a NewPayment"),
    (check_cart, "cart", "must be a Cart"),
]

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text())


@pytest.mark.parametrize(("check", "field", "reason"), CHECKS, ids=[field for _, field, _ in CHECKS])
@given(value=anything)
def test_anything_else_is_refused(
    value: object, check: Callable[[Any], InvalidInput | None], field: str, reason: str
) -> None:
    assert check(value) == InvalidInput(field, reason)


@given(field=st.sampled_from([one.name for one in attrs.fields(NewPayment)]), value=anything)
def test_no_field_of_a_payment_makes_the_check_raise(field: str, value: Any) -> None:
    try:
        new = changed(**{field: value})
    except (TypeError, ValueError):
        return  # no mapping: cannot even be made
    refused = check_new_payment(new)
    assert refused is None or refused.message


def test_sources_customers_and_owners_in_order_pass() -> None:
    assert check_source(Source("fulfillment", "f-1")) is None
    assert check_source(Source("", "f-1")) == InvalidInput("source.kind", "must not be empty")
    assert check_source(Source("fulfillment", "")) == InvalidInput("source.id", "must not be empty")
    assert check_customer(Customer("u-1")) is None
    assert check_owner(Owner("cart", "c-1")) is None


def test_a_method_shows_its_token_only_to_who_asks_for_it() -> None:
    method = PaymentMethod({"token": "tok_1", "session": Secret("s")}, {"brand": "Visa"})
    assert method.token == "tok_1"
    assert method.property("session") == "s"
    assert method.property("other") == PaymentMethod({}).token == ""
    assert method.display["brand"] == "Visa"
    assert method.single_use


def test_mappings_are_kept_as_they_were_given() -> None:
    given_properties, given_display, given_fields = {"token": "a"}, {"brand": "b"}, {"order": "c"}
    method = PaymentMethod(given_properties, given_display)
    new = changed(method=method, pass_through=given_fields)
    payment = new_payment(pass_through=given_fields)
    for mapping in (given_properties, given_display, given_fields):
        mapping.clear()
    assert method.token == "a"
    assert method.display == {"brand": "b"}
    assert new.pass_through == payment.pass_through == {"order": "c"}
    for frozen in (method.properties, method.display, new.pass_through, payment.pass_through):
        with pytest.raises(TypeError):
            frozen["token"] = "x"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]  -- wrong on purpose


def test_a_payment_finds_its_transactions() -> None:
    payment = done(done(new_payment(10), TransactionType.AUTHORIZE, key="k-1"), TransactionType.CAPTURE, 4)
    payment = done(payment, TransactionType.CAPTURE, 6, key="k-1")
    first, second, third = payment.transactions
    assert payment.currency == EUR
    assert payment.by_id == {"t0": first, "t1": second, "t2": third}
    assert payment.children_of(first) == (second, third)
    assert payment.children_of(second) == ()
    assert payment.parent_of(second) is first
    assert payment.parent_of(first) is None
    assert payment.under_key("k-1") == (first, third)
    assert payment.under_key("k-2") == ()


def test_replacing_keeps_the_order_and_adds_nothing() -> None:
    payment = done(done(new_payment(10), TransactionType.AUTHORIZE), TransactionType.CAPTURE)
    first, second = payment.transactions
    other = attrs.evolve(second, key="k")
    stranger = attrs.evolve(second, id="t9")
    assert payment.replacing(other, stranger).transactions == (first, other)
    assert payment.adding(stranger).transactions == (first, second, stranger)
    assert payment.transactions == (first, second)


def test_a_payment_is_placed_when_its_customer_may_no_longer_change_it() -> None:
    assert not new_payment().placed
    finalizing = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
    assert not new_payment(restrictions=frozenset({finalizing})).placed
    assert new_payment(restrictions=frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})).placed


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"total": 1}, "cart.total", "must be a Money"),
        ({"country": "de"}, "cart.country", "must be two capital letters"),
        ({"country": "DEU"}, "cart.country", "must be two capital letters"),
        ({"country": "D\u0415"}, "cart.country", "must be two capital letters"),
        ({"country": None}, "cart.country", "must be two capital letters"),
        ({"id": ""}, "cart.id", "must not be empty"),
        ({"id": CARD}, "cart.id", LOOKS),
        ({"version": CARD}, "cart.version", LOOKS),
        ({"version": "1" * 256}, "cart.version", "is longer than 255 characters"),
        ({"version": 1}, "cart.version", "must be text"),
        ({"customer": "u-1"}, "customer", "must be a Customer"),
    ],
)
def test_a_cart_that_cannot_be_paid_is_refused(fields: dict[str, Any], field: str, reason: str) -> None:
    cart = attrs.evolve(Cart("c-1", total=eur(1)), **fields)
    assert check_cart(cart) == InvalidInput(field, reason)


def test_a_cart_in_order_passes() -> None:
    assert check_cart(Cart("c-1", total=Money.zero(EUR))) is None
    full = Cart("c-1", total=eur(1), version="v" * 255, customer=Customer("u-1"), country="DE")
    assert check_cart(full) is None
    assert full.owner == Owner("cart", "c-1")
