"""The units that Stripe counts in, where they differ from ISO 4217.

Source: docs.stripe.com/currencies, "Zero-decimal currencies", "Three-decimal currencies" and "Special cases" (2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from payports.adapters.gateways.kit.currencies import CurrencyUnits
from payports.domain.money import CURRENCIES, Money

_ZERO_DECIMALS: Final = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE_DECIMALS: Final = "BHD JOD KWD OMR TND"
_TWO_DECIMALS_THAT_ARE_ZERO: Final = "ISK UGX"
"""Whole units only, but sent as hundredths, "to maintain backwards compatibility"."""


def _each(codes: str, number: int) -> dict[str, int]:
    return dict.fromkeys(codes.split(), number)


UNITS: Final = CurrencyUnits(
    {code: currency.exponent for code, currency in CURRENCIES.items() if currency.exponent == 2}
    | _each(_ZERO_DECIMALS, 0)
    | _each(_THREE_DECIMALS, 3)
    | _each(_TWO_DECIMALS_THAT_ARE_ZERO, 2),
    _each(_THREE_DECIMALS, 10) | _each(_TWO_DECIMALS_THAT_ARE_ZERO, 100),
)
"""A currency of other than two decimals that Stripe does not name is not sent. The last digit of three decimals must be 0."""

DECIMALS: Final[Mapping[str, int]] = UNITS.decimals


def units_of(amount: Money) -> int | None:
    """Convert to Stripe's units, exactly or not at all.

    >>> units_of(Money.of("59.90", "EUR")), units_of(Money.of("5", "UGX")), units_of(Money.of("100.00", "MGA"))
    (5990, 500, 100)
    >>> units_of(Money.of("0.50", "MGA")), units_of(Money.of("1.234", "KWD")), units_of(Money.of("1.000", "IQD"))
    (None, None, None)
    """
    return UNITS.units_of(amount)


def money_of(units: object, code: object) -> Money | None:
    """Convert from Stripe's units and its code in small letters, exactly or not at all.

    >>> money_of(5990, "eur")
    Money.of('59.90', 'EUR')
    >>> money_of(501, "ugx") is None
    True
    """
    if type(code) is not str or not (code.isascii() and code.islower()):
        return None
    return UNITS.money_of(units, code.upper())
