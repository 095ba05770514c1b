"""The payment options of a cart: those of the configuration, or cards everywhere."""

from __future__ import annotations

from payports import Cart, PaymentType
from payports.domain.options import OfferedOption
from tests.application.fixtures import eur, open_shop, value_of


def test_without_configured_options_every_gateway_takes_cards() -> None:
    shop = open_shop({"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}})
    offered: tuple[OfferedOption, ...] = value_of(shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(option.gateway, option.type) for option in offered] == [
        ("first", PaymentType.CREDIT_CARD),
        ("second", PaymentType.CREDIT_CARD),
    ]


def test_configured_options_are_the_only_ones() -> None:
    shop = open_shop({"options": [{"gateway": "sandbox", "types": ["COD"]}]})
    offered: tuple[OfferedOption, ...] = value_of(shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(option.gateway, option.type) for option in offered] == [("sandbox", PaymentType.COD)]
