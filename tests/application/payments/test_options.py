"""The payment options of a cart: those of the configuration, or cards everywhere."""

from __future__ import annotations

from payports import Cart, PaymentType
from payports.domain.options import OfferedOption
from tests.application.shops import bench, eur, told


def test_where_no_options_are_configured_every_gateway_takes_cards() -> None:
    on = bench({"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}})
    offered: tuple[OfferedOption, ...] = told(on.shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(one.gateway, one.type) for one in offered] == [
        ("first", PaymentType.CREDIT_CARD),
        ("second", PaymentType.CREDIT_CARD),
    ]


def test_options_that_are_configured_are_the_only_ones() -> None:
    on = bench({"options": [{"gateway": "sandbox", "types": ["COD"]}]})
    offered: tuple[OfferedOption, ...] = told(on.shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(one.gateway, one.type) for one in offered] == [("sandbox", PaymentType.COD)]
