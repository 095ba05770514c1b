"""Reading ``[[options]]``: the payment options of a shop, with their limits and fees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

import attrs
from returns.result import Failure

from payports.adapters.configuration.settings import Table
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.domain.money import CURRENCIES, Money
from payports.domain.options import Fee, PaymentOption
from payports.domain.payment_method import PaymentType


@attrs.frozen(kw_only=True)
class FeeSettings:
    """One of ``fees`` of an option."""

    name: str
    amounts: dict[str, str]


@attrs.frozen(kw_only=True)
class OptionSettings:
    """One of ``[[options]]``; amounts are decimal texts by currency."""

    gateway: str
    types: tuple[PaymentType, ...] = (PaymentType.CREDIT_CARD,)
    label: str = ""
    currencies: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    excluded_countries: tuple[str, ...] = ()
    minimum: dict[str, str] = attrs.field(factory=dict[str, str])
    maximum: dict[str, str] = attrs.field(factory=dict[str, str])
    fees: tuple[FeeSettings, ...] = ()


def read_payment_options(tables: object) -> tuple[PaymentOption, ...]:
    """Read all tables, in their order. Raises ``ConfigurationError`` naming the key."""
    if not isinstance(tables, list | tuple):
        raise ConfigurationError("options", "must be a list of tables")
    listed = cast("list[object]", tables)
    return tuple(_read_option(table, f"options[{number}]") for number, table in enumerate(listed))


def _read_option(table: object, where: str) -> PaymentOption:
    if not isinstance(table, Mapping):
        raise ConfigurationError(where, "must be a table")
    option = read_options(OptionSettings, cast("Table", table), where)
    if not set(option.currencies) <= set(CURRENCIES):
        raise ConfigurationError(f"{where}.currencies", "must be ISO 4217 codes in capital letters")
    for field in ("countries", "excluded_countries"):
        if not all(_COUNTRY.fullmatch(code) for code in getattr(option, field)):
            raise ConfigurationError(f"{where}.{field}", "must be ISO 3166 codes of two capital letters")
    return PaymentOption(
        gateway=option.gateway,
        types=option.types,
        label=option.label,
        currencies=frozenset(option.currencies),
        countries=frozenset(option.countries),
        excluded_countries=frozenset(option.excluded_countries),
        minimum=_amounts(option.minimum, f"{where}.minimum"),
        maximum=_amounts(option.maximum, f"{where}.maximum"),
        fees=tuple(
            Fee(name=fee.name, amounts=_amounts(fee.amounts, f"{where}.fees[{number}].amounts"))
            for number, fee in enumerate(option.fees)
        ),
    )


def _amounts(texts: Mapping[str, str], where: str) -> dict[str, Money]:
    amounts: dict[str, Money] = {}
    for code, text in texts.items():
        parsed = Money.parse(text, code)
        if isinstance(parsed, Failure):
            raise ConfigurationError(f"{where}.{code}", parsed.failure().reason)
        amounts[code] = parsed.unwrap()
    return amounts


_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
