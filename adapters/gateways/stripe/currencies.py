"""How many decimals Stripe counts in, where that is not what ISO 4217 says, and the exact conversion.

Source: docs.stripe.com/currencies, "Zero-decimal currencies", "Three-decimal currencies" and "Special cases" (2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from payports.domain.money import CURRENCIES, MAX_MINOR, Money

_ZERO_DECIMALS: Final = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE_DECIMALS: Final = "BHD JOD KWD OMR TND"
_TWO_DECIMALS_THAT_ARE_ZERO: Final = "ISK UGX"
"""Whole units only, but sent as hundredths, "to maintain backwards compatibility"."""


def _each(codes: str, number: int) -> dict[str, int]:
    return dict.fromkeys(codes.split(), number)


DECIMALS: Final[Mapping[str, int]] = MappingProxyType(
    {code: currency.exponent for code, currency in CURRENCIES.items() if currency.exponent == 2}
    | _each(_ZERO_DECIMALS, 0)
    | _each(_THREE_DECIMALS, 3)
    | _each(_TWO_DECIMALS_THAT_ARE_ZERO, 2)
)
"""By currency; one of other than two decimals that Stripe does not name has none here, and is not sent."""

_STEPS: Final = _each(_THREE_DECIMALS, 10) | _each(_TWO_DECIMALS_THAT_ARE_ZERO, 100)
"""What Stripe's units must be a multiple of: the last digit of three decimals must be 0."""


def units_of(amount: Money) -> int | None:
    """Convert to Stripe's units, exactly or not at all.

    >>> units_of(Money.of("59.90", "EUR")), units_of(Money.of("5", "UGX")), units_of(Money.of("100.00", "MGA"))
    (5990, 500, 100)
    >>> units_of(Money.of("0.50", "MGA")), units_of(Money.of("1.234", "KWD")), units_of(Money.of("1.000", "IQD"))
    (None, None, None)
    """
    decimals = DECIMALS.get(amount.currency.code)
    if decimals is None:
        return None
    units, lost = _shifted(amount.minor, decimals - amount.currency.exponent)
    return None if lost or units % _STEPS.get(amount.currency.code, 1) else units


def money_of(units: object, code: object) -> Money | None:
    """Convert from Stripe's units and its code in small letters, exactly or not at all.

    >>> money_of(5990, "eur")
    Money.of('59.90', 'EUR')
    >>> money_of(501, "ugx") is None
    True
    """
    if type(units) is not int or type(code) is not str or not (code.isascii() and code.islower()):
        return None
    currency, decimals = CURRENCIES.get(code.upper()), DECIMALS.get(code.upper())
    if currency is None or decimals is None or not 0 <= units <= MAX_MINOR:
        return None
    minor, lost = _shifted(units, currency.exponent - decimals)
    return None if lost or minor > MAX_MINOR else Money(minor, currency)


def _shifted(number: int, places: int) -> tuple[int, int]:
    """Shift the decimal point; gives what is left, and what would be lost."""
    return (number * 10**places, 0) if places >= 0 else divmod(number, int(10**-places))
