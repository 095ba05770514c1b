"""What a cart may be paid with: currency, total and country all fit."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.cart import Cart
from payports.domain.money import Money
from payports.domain.options import Fee, OfferedOption, PaymentOption, is_available_for, is_offered, offer_options
from payports.domain.payment_method import PaymentType
from tests.domain.strategies import eur, new_payment

CARD: Final = PaymentOption(gateway="card", types=(PaymentType.CREDIT_CARD, PaymentType.DEBIT_CARD))
CART: Final = Cart("c-1", total=eur(100), country="DE")


@pytest.mark.parametrize(
    ("restriction", "is_open"),
    [
        ({}, True),
        ({"currencies": frozenset({"EUR", "USD"})}, True),
        ({"currencies": frozenset({"USD"})}, False),
        ({"countries": frozenset({"DE", "FR"})}, True),
        ({"countries": frozenset({"FR"})}, False),
        ({"excluded_countries": frozenset({"FR"})}, True),
        ({"excluded_countries": frozenset({"DE"})}, False),
        ({"countries": frozenset({"DE"}), "excluded_countries": frozenset({"DE"})}, False),
        ({"minimum": {"EUR": eur(100)}}, True),
        ({"minimum": {"EUR": eur(101)}}, False),
        ({"minimum": {"USD": Money(101, "USD")}}, True),
        ({"maximum": {"EUR": eur(100)}}, True),
        ({"maximum": {"EUR": eur(99)}}, False),
        ({"maximum": {"USD": Money(99, "USD")}}, True),
    ],
)
def test_a_restriction_closes_an_option(restriction: dict[str, Any], is_open: bool) -> None:
    option = attrs.evolve(CARD, **restriction)
    assert is_available_for(option, CART) is is_open
    assert len(offer_options([option], CART)) == (2 if is_open else 0)


def test_a_cart_without_a_country_gets_no_option_of_some_countries() -> None:
    nowhere = attrs.evolve(CART, country="")
    assert not is_available_for(attrs.evolve(CARD, countries=frozenset({"DE"})), nowhere)
    assert is_available_for(attrs.evolve(CARD, excluded_countries=frozenset({"DE"})), nowhere)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_limits_are_inclusive(total: int, least: int, most: int) -> None:
    option = attrs.evolve(CARD, minimum={"EUR": eur(least)}, maximum={"EUR": eur(most)})
    assert is_available_for(option, Cart("c", total=eur(total))) is (least <= total <= most)


def test_what_is_offered_is_in_the_currency_of_the_cart_and_in_the_configured_order() -> None:
    fees = (Fee(name="handling", amounts={"EUR": eur(5)}), Fee(name="abroad", amounts={"USD": Money(9, "USD")}))
    slip = PaymentOption(
        gateway="slip",
        types=(PaymentType.BANK_SLIP,),
        label="Boleto",
        minimum={"EUR": eur(1), "USD": Money(2, "USD")},
        maximum={"EUR": eur(200)},
        fees=fees,
    )
    closed = PaymentOption(gateway="x", types=(PaymentType.COD,), currencies=frozenset({"USD"}))
    first, second, third = offer_options([slip, closed, CARD], CART)
    assert first == OfferedOption(
        gateway="slip",
        type=PaymentType.BANK_SLIP,
        label="Boleto",
        minimum=eur(1),
        maximum=eur(200),
        fees=(("handling", eur(5)),),
    )
    assert (second.gateway, second.type, second.label) == ("card", PaymentType.CREDIT_CARD, "Credit card")
    assert (third.type, third.label) == (PaymentType.DEBIT_CARD, "Debit card")
    assert (second.minimum, second.maximum, second.fees) == (None, None, ())


def test_a_payment_must_use_what_its_cart_was_offered() -> None:
    offered = offer_options([CARD], CART)
    assert is_offered(offered, new_payment(gateway="card", type=PaymentType.DEBIT_CARD))
    assert not is_offered(offered, new_payment(gateway="card", type=PaymentType.COD))
    assert not is_offered(offered, new_payment(gateway="slip", type=PaymentType.DEBIT_CARD))
    assert not is_offered((), new_payment())
