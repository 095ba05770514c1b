"""Reading the carts of the demonstration: a TOML file for people, checked before anything is sold."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import attrs
from returns.result import Failure

from payports.adapters.configuration.configuration_reading import load
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.domain.money import CURRENCIES, Currency, Money, total

EXAMPLE: Final = files("payports.adapters.demonstrations") / "carts.toml"
EVERYTHING: Final = "everything"
GATEWAYS: Final = ("card", "gift")


class Verb(StrEnum):
    """What a step may do."""

    CHECK_OUT = "check out"
    PAY_WITH = "pay with"
    APPROVE = "approve"
    SHIP = "ship"
    CANCEL = "cancel"
    RETURN = "return"


_ALONE: Final = (Verb.CHECK_OUT, Verb.APPROVE)
_OF_ITEMS: Final = (Verb.SHIP, Verb.CANCEL, Verb.RETURN)


@attrs.frozen(kw_only=True)
class Tender:
    """One of ``pay``; without an amount it takes what the others leave."""

    gateway: str
    token: str
    amount: str = ""
    shown: str = ""


@attrs.frozen(kw_only=True)
class Written:
    """One of ``carts`` as it is written."""

    id: str
    title: str
    about: str = ""
    items: dict[str, str]
    pay: tuple[Tender, ...]
    steps: tuple[str, ...]


@attrs.frozen
class Step:
    """One step: its verb, and what is named after it: a token or items."""

    verb: Verb
    named: str
    items: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ExampleCart:
    """A cart to sell: prices by item, tenders with their amounts, and the steps of its story."""

    id: str
    title: str
    about: str
    items: dict[str, Money]
    tenders: tuple[tuple[Tender, Money], ...]
    steps: tuple[Step, ...]

    @property
    def total(self) -> Money:
        """What the cart costs."""
        prices = tuple(self.items.values())
        return total(prices, prices[0].currency)


def read_carts(path: Path | None) -> tuple[ExampleCart, ...]:
    """Read a file, or the example. Raises ``ConfigurationError`` naming the key."""
    table = load(path or Path(str(EXAMPLE)))
    code, carts = table.pop("currency", "EUR"), table.pop("carts", None)
    if table:
        raise ConfigurationError(min(table), "unknown key")
    if not isinstance(code, str) or code not in CURRENCIES:
        raise ConfigurationError("currency", "must be an ISO 4217 code in capital letters")
    if not isinstance(carts, list) or not carts:
        raise ConfigurationError("carts", "must be a list of tables")
    listed = cast("list[object]", carts)
    return tuple(_read(table, f"carts[{number}]", CURRENCIES[code]) for number, table in enumerate(listed))


def _read(table: object, where: str, currency: Currency) -> ExampleCart:
    if not isinstance(table, dict):
        raise ConfigurationError(where, "must be a table")
    cart = read_options(Written, cast("dict[str, Any]", table), where)
    if not (cart.items and cart.pay and cart.steps):
        raise ConfigurationError(where, "needs items, pay and steps")
    prices = {name: _amount(price, f"{where}.items.{name}", currency) for name, price in cart.items.items()}
    return ExampleCart(
        id=cart.id,
        title=cart.title,
        about=cart.about,
        items=prices,
        tenders=_tenders(cart, where, total(prices.values(), currency)),
        steps=tuple(_step(text, f"{where}.steps", prices) for text in cart.steps),
    )


def _amount(text: str, where: str, currency: Currency) -> Money:
    parsed = Money.parse(text, currency.code)
    if isinstance(parsed, Failure):
        raise ConfigurationError(where, parsed.failure().reason)
    return parsed.unwrap()


def _tenders(cart: Written, where: str, due: Money) -> tuple[tuple[Tender, Money], ...]:
    """Give each tender its amount; exactly one may be without, and takes the rest."""
    named = {
        tender: _amount(tender.amount, f"{where}.pay.amount", due.currency) for tender in cart.pay if tender.amount
    }
    paid = total(named.values(), due.currency)
    rest = [tender for tender in cart.pay if not tender.amount]
    if any(tender.gateway not in GATEWAYS for tender in cart.pay):
        raise ConfigurationError(f"{where}.pay.gateway", "must be card or gift")
    if len(rest) > 1 or paid > due or bool(rest) is (paid == due):
        raise ConfigurationError(f"{where}.pay", f"must come to {due}")
    return tuple((tender, named.get(tender, due - paid)) for tender in cart.pay)


def _step(text: str, where: str, prices: dict[str, Money]) -> Step:
    verb = next((verb for verb in Verb if text == verb or text.startswith(f"{verb} ")), None)
    named = text.removeprefix(verb or "").strip()
    if verb is None or bool(named) is (verb in _ALONE):
        raise ConfigurationError(where, f"{text!r} is no step")
    if verb not in _OF_ITEMS:
        return Step(verb, named, ())
    items = tuple(prices) if named == EVERYTHING else _items(named, prices)
    if not items:
        raise ConfigurationError(where, f"{text!r} names what is not in the cart")
    return Step(verb, named, items)


def _items(named: str, prices: dict[str, Money]) -> tuple[str, ...]:
    """Read names with commas between them; a name may hold commas itself."""
    if named in prices:
        return (named,)
    for name in prices:
        if named.startswith(f"{name}, ") and (rest := _items(named.removeprefix(f"{name}, "), prices)):
            return (name, *rest)
    return ()
