"""Conversion between money and the units that a gateway counts in, exact or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from payports.domain.money import CURRENCIES, MAX_MINOR, Money


def _frozen(numbers: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(numbers))


@attrs.frozen
class CurrencyUnits:
    """How one gateway counts. ``decimals``: by currency; one that is not named is not sent. ``steps``: what units must be a multiple of.

    >>> units = CurrencyUnits({"EUR": 2, "UGX": 2}, {"UGX": 100})
    >>> units.units_of(Money.of("5", "UGX")), units.units_of(Money.of("5", "JPY"))
    (500, None)
    >>> units.money_of(500, "UGX"), units.money_of(501, "UGX")
    (Money.of('5', 'UGX'), None)
    """

    decimals: Mapping[str, int] = attrs.field(converter=_frozen, hash=False)
    steps: Mapping[str, int] = attrs.field(factory=dict[str, int], converter=_frozen, hash=False)

    def units_of(self, amount: Money) -> int | None:
        """Convert to the gateway's units; nothing if they cannot say it exactly."""
        code = amount.currency.code
        if code not in self.decimals:
            return None
        units, lost = _shift(amount.minor, self.decimals[code] - amount.currency.exponent)
        return None if lost or units % self.steps.get(code, 1) else units

    def money_of(self, units: object, code: object) -> Money | None:
        """Convert from the gateway's units and an ISO 4217 code in capitals; nothing if that is no exact amount."""
        if type(units) is not int or type(code) is not str or code not in self.decimals:
            return None
        currency = CURRENCIES.get(code)
        if currency is None or not 0 <= units <= MAX_MINOR:
            return None
        minor, lost = _shift(units, currency.exponent - self.decimals[code])
        return None if lost or minor > MAX_MINOR else Money(minor, currency)


def _shift(number: int, places: int) -> tuple[int, int]:
    """Shift the decimal point; gives what is left, and what would be lost."""
    return (number * 10**places, 0) if places >= 0 else divmod(number, int(10**-places))
