"""The host's cart, as far as payments need to know it."""

from __future__ import annotations

import re
from typing import Final

import attrs

from payports.domain.input_checks import InvalidInput, check_identifier, check_text
from payports.domain.money import Money
from payports.domain.payment import Customer, Owner, check_customer

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


@attrs.frozen
class Cart:
    """A cart to be paid: its ``total`` from the host's own data, never from the browser, and the ``version`` it had when it was priced.

    ``country``: where it is bought, two capital letters (ISO 3166-1), for options that are restricted by it.
    """

    id: str
    total: Money = attrs.field(kw_only=True)
    version: str = attrs.field(default="", kw_only=True)
    customer: Customer | None = attrs.field(default=None, kw_only=True)
    country: str = attrs.field(default="", kw_only=True)

    @property
    def owner(self) -> Owner:
        """What the cart's payments belong to."""
        return Owner("cart", self.id)


def check_cart(cart: object) -> InvalidInput | None:
    """Say why a cart cannot be paid for. A total of zero is fine: it needs no payment."""
    if type(cart) is not Cart:
        return InvalidInput("cart", "must be a Cart")
    if type(cart.total) is not Money:
        return InvalidInput("cart.total", "must be a Money")
    if type(cart.country) is not str or (cart.country and not _COUNTRY.fullmatch(cart.country)):
        return InvalidInput("cart.country", "must be two capital letters")
    return (
        check_identifier("cart.id", cart.id)
        or check_text("cart.version", cart.version, 255)
        or (None if cart.customer is None else check_customer(cart.customer))
    )
