"""Payment options: which of them a cart is offered, and whether a payment uses one of those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from payports.domain.cart import Cart
from payports.domain.frozen_mapping import FrozenMapping
from payports.domain.money import Currency, Money
from payports.domain.payment import Payment
from payports.domain.payment_method import PaymentType


def _frozen(values: Mapping[str, Money]) -> Mapping[str, Money]:
    return FrozenMapping(values)


@attrs.frozen(kw_only=True)
class Fee:
    """A charge for using an option, per currency; the host adds it to the cart."""

    name: str
    amounts: Mapping[str, Money] = attrs.field(factory=dict[str, Money], converter=_frozen, hash=False)


@attrs.frozen(kw_only=True)
class PaymentOption:
    """One way to pay, as configured. ``minimum`` and ``maximum`` of the cart's total per currency; no ``currencies`` or ``countries``
    means all; ``excluded_countries`` never."""

    gateway: str
    types: tuple[PaymentType, ...]
    label: str = ""
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    excluded_countries: frozenset[str] = frozenset()
    minimum: Mapping[str, Money] = attrs.field(factory=dict[str, Money], converter=_frozen, hash=False)
    maximum: Mapping[str, Money] = attrs.field(factory=dict[str, Money], converter=_frozen, hash=False)
    fees: tuple[Fee, ...] = ()


@attrs.frozen(kw_only=True)
class OfferedOption:
    """One way to pay, as a page renders it for one cart: limits and fees in the cart's currency."""

    gateway: str
    type: PaymentType
    label: str
    minimum: Money | None
    maximum: Money | None
    fees: tuple[tuple[str, Money], ...]


def offer_options(options: Iterable[PaymentOption], cart: Cart) -> tuple[OfferedOption, ...]:
    """List the options for a cart, in the configured order."""
    code = cart.total.currency.code
    return tuple(
        OfferedOption(
            gateway=option.gateway,
            type=kind,
            label=option.label or kind.value.replace("_", " ").capitalize(),
            minimum=option.minimum.get(code),
            maximum=option.maximum.get(code),
            fees=tuple((fee.name, fee.amounts[code]) for fee in option.fees if code in fee.amounts),
        )
        for option in options
        if is_available_for(option, cart)
        for kind in option.types
    )


def is_available_for(option: PaymentOption, cart: Cart) -> bool:
    """Tell whether an option may be used for a cart: currency, total and country all fit."""
    currency: Currency = cart.total.currency
    least, most = option.minimum.get(currency.code), option.maximum.get(currency.code)
    return (
        (not option.currencies or currency.code in option.currencies)
        and (not option.countries or cart.country in option.countries)
        and cart.country not in option.excluded_countries
        and (least is None or cart.total >= least)
        and (most is None or cart.total <= most)
    )


def is_offered(offered: Iterable[OfferedOption], payment: Payment) -> bool:
    """Tell whether a payment uses an option that was offered."""
    return any(option.gateway == payment.gateway and option.type is payment.type for option in offered)
