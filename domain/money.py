"""Money: whole minor units of one ISO 4217 currency, never a float, never below zero."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, final

import attrs
from returns.result import Failure, Success

from payports.domain.input_checks import InvalidInput
from payports.domain.iso_4217 import EXPONENTS
from payports.domain.outcome import Outcome

MAX_MINOR: Final = 10**15
"""The most that anybody may ask for: far below ``MAX_SUM``, so that sums of amounts overflow no store."""

MAX_SUM: Final = 2**63 - 1
"""The most that an amount can be, sums included: what stores hold in one number."""

MAX_DIGITS: Final = 16
"""As many whole digits as a literal may have: bounded before any arithmetic."""

_LITERAL: Final = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,4}))?")


@final
@attrs.frozen(repr=False)
class Currency:
    """An ISO 4217 currency: ``code`` is three capital letters, ``exponent`` its number of decimals."""

    code: str
    exponent: int

    def __attrs_post_init__(self) -> None:
        if EXPONENTS.get(self.code) != self.exponent:
            raise ValueError("currency must be an ISO 4217 code with its own number of decimals")

    @classmethod
    def of(cls, code: str) -> Currency:
        """Look a currency up by its exact code; ``ValueError`` for any other text."""
        currency = CURRENCIES.get(code) if type(code) is str else None
        if currency is None:
            raise ValueError("currency must be an ISO 4217 code in capital letters")
        return currency

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"Currency.of({self.code!r})"


CURRENCIES: Final = {code: Currency(code, exponent) for code, exponent in EXPONENTS.items()}


def _minor(_instance: object, _attribute: object, value: int) -> None:
    if type(value) is not int:
        raise TypeError("an amount is a whole number of minor units (int)")
    if not 0 <= value <= MAX_SUM:
        raise ValueError(f"an amount lies between 0 and {MAX_SUM} minor units")


def _currency(value: Currency | str) -> Currency:
    return value if type(value) is Currency else Currency.of(str(value))


@final
@attrs.frozen(order=False, repr=False)
class Money:
    """An amount: ``minor`` units of ``currency``.

    >>> Money.of("59.90", "EUR")
    Money.of('59.90', 'EUR')
    >>> Money(5990, "EUR") == Money.of("59.90", "EUR")
    True
    """

    minor: int = attrs.field(validator=_minor)
    currency: Currency = attrs.field(converter=_currency)

    @classmethod
    def of(cls, amount: str | int | Decimal, code: str) -> Money:
        """Read a literal in the program; a bad one is the programmer's mistake and raises ``ValueError`` or ``TypeError``."""
        if type(amount) not in (str, int, Decimal):
            raise TypeError("an amount is given as str, int or Decimal, never as float")
        plain = isinstance(amount, Decimal) and abs(amount.adjusted()) < MAX_DIGITS
        text = f"{amount:f}" if plain else str(amount)
        parsed = cls.parse(text, code)
        if isinstance(parsed, Failure):
            raise ValueError(parsed.failure().message)
        return parsed.unwrap()

    @classmethod
    def parse(cls, text: object, code: object) -> Outcome[Money, InvalidInput]:
        """Read an amount that comes from outside: plain ASCII decimals, no sign, no more decimals than the currency has.

        Failures:
            InvalidInput: naming ``amount`` or ``currency``.
        """
        currency = CURRENCIES.get(code) if type(code) is str else None
        if currency is None:
            return Failure(InvalidInput("currency", "must be an ISO 4217 code in capital letters"))
        literal = _LITERAL.fullmatch(text) if type(text) is str else None
        if literal is None:
            return Failure(InvalidInput("amount", "must be a plain decimal such as 12.34"))
        decimals = literal[2] or ""
        if len(decimals) > currency.exponent:
            return Failure(InvalidInput("amount", f"has more decimals than {currency.code} ({currency.exponent})"))
        minor = int(literal[1] + decimals.ljust(currency.exponent, "0"))
        if minor > MAX_MINOR:
            return Failure(InvalidInput("amount", "is too large"))
        return Success(cls(minor, currency))

    @classmethod
    def zero(cls, currency: Currency | str) -> Money:
        """Nothing, in a currency."""
        return cls(0, currency)

    @property
    def text(self) -> str:
        """The amount alone, with all its decimals: ``59.90``. ``parse`` reads it back."""
        exponent = self.currency.exponent
        digits = str(self.minor).rjust(exponent + 1, "0")
        return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits

    def __str__(self) -> str:
        return f"{self.text} {self.currency.code}"

    def __repr__(self) -> str:
        return f"Money.of({self.text!r}, {self.currency.code!r})"

    def __bool__(self) -> bool:
        return self.minor > 0

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if type(other) is not Money or other.currency != self.currency:
            raise TypeError("amounts of two currencies do not mix")
        return other.minor


def total(amounts: Iterable[Money], currency: Currency) -> Money:
    """Add amounts of one currency up; nothing gives zero."""
    return sum(amounts, Money.zero(currency))


def check_amount(field: str, amount: object) -> InvalidInput | None:
    """Say why a value is no amount that can be asked for: exactly a ``Money``, above zero, at most ``MAX_MINOR``."""
    if type(amount) is not Money:
        return InvalidInput(field, "must be a Money")
    if not amount:
        return InvalidInput(field, "must be above zero")
    if amount.minor > MAX_MINOR:
        return InvalidInput(field, "is too large")
    return None


def allocate(amount: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Split an amount in proportion to weights without losing a unit: the largest remainders get the odd units, the earlier first.

    Each share is within one minor unit of its exact part, and a weight of zero gets nothing. ``ValueError`` if no weight is above zero
    or one is below.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be whole numbers from zero up, and not all zero")
    shares = [divmod(amount.minor * weight, whole) for weight in weights]
    odd = amount.minor - sum(share for share, _ in shares)
    favoured = set(sorted(range(len(shares)), key=lambda index: -shares[index][1])[:odd])
    return tuple(Money(share + (index in favoured), amount.currency) for index, (share, _) in enumerate(shares))
