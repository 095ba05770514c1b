"""Reading a configuration: a TOML file or a mapping, every key known, secrets by reference."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, cast

import attrs
from returns.result import Failure

from payports.adapters.option_reading import ConfigurationError, read_options
from payports.domain.fulfilment import Split
from payports.domain.input_checks import check_identifier
from payports.domain.money import CURRENCIES, Money
from payports.domain.options import Fee, PaymentOption
from payports.domain.payment_method import PaymentType
from payports.domain.secret import Secret

DEFAULT_STORE: Final = "sqlite:///payports.db"
DEFAULT_GATEWAY: Final = "sandbox"

Table = Mapping[str, Any]


class Rollback(StrEnum):
    """When a failed checkout is undone: by maintenance, so that a new attempt may take over, or at once."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"


@attrs.frozen(kw_only=True)
class CheckoutSettings:
    """Table ``[checkout]``."""

    priority: tuple[str, ...] = ()
    rollback: Rollback = Rollback.DEFERRED
    reversal_after: timedelta = timedelta(hours=2)
    action_expires: timedelta = timedelta(hours=1)
    abandoned_after: timedelta = timedelta(days=1)
    lease: timedelta = timedelta(minutes=5)


@attrs.frozen(kw_only=True)
class OrderSettings:
    """Table ``[orders]``."""

    split: Split = Split.PRIORITY
    capture_priority: tuple[str, ...] = ()
    refund_priority: tuple[str, ...] = ()
    cancel_priority: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RecoverySettings:
    """Table ``[recovery]``."""

    first_look_up: timedelta = timedelta(seconds=60)
    first_poll: timedelta = timedelta(minutes=15)
    longest_wait: timedelta = timedelta(hours=6)
    expiry_warning: timedelta = timedelta(days=1)


@attrs.frozen(kw_only=True)
class TelemetrySettings:
    """Table ``[telemetry]``: what is told of every gateway call and commit, beside a host's own observer."""

    logs: bool = False
    opentelemetry: bool = False


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


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """The keys of ``[gateways.NAME]`` that are the same for all; the rest are the adapter's own ``options``."""

    adapter: str
    perform_authorize_and_capture: bool = False
    awaiting_covers: bool = False
    bridge: str = ""
    bridge_options: dict[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen(kw_only=True)
class Settings:
    """A whole configuration, read and checked, for one merchant."""

    merchant: str
    store_url: str = attrs.field(repr=False)
    store_options: Mapping[str, object] = attrs.field(repr=False)
    gateways: Mapping[str, tuple[GatewaySettings, Mapping[str, object]]] = attrs.field(repr=False)
    options: tuple[PaymentOption, ...]
    checkout: CheckoutSettings
    orders: OrderSettings
    recovery: RecoverySettings
    telemetry: TelemetrySettings


def load(config: str | os.PathLike[str] | Table | None) -> dict[str, Any]:
    """Read a file, or take a mapping, or nothing."""
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    if not isinstance(config, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] -- hosts need not be type-checked
        raise ConfigurationError("configuration", "must be the path of a file, or a mapping")
    path = Path(config)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        reason = "is no TOML"
    except ValueError:
        reason = "is no path of a file"
    raise ConfigurationError(path.name or "configuration", reason)


_TABLES: Final = frozenset(
    {"merchant", "store", "gateways", "options", "checkout", "orders", "recovery", "telemetry", "merchants"}
)
_PER_MERCHANT: Final = frozenset({"gateways", "options", "checkout", "orders", "recovery"})
_COMMON: Final = frozenset(field.name for field in attrs.fields(GatewaySettings))


def read(config: Table) -> tuple[Settings, dict[str, Settings]]:
    """Check a configuration; gives the settings, and those of merchants that have their own."""
    _refuse_unknown(config, _TABLES, "")
    tables = _table(config, "merchants", "")
    own: dict[str, Settings] = {}
    for merchant in tables:
        if problem := check_identifier("merchant", merchant):
            raise ConfigurationError("merchants", f"a name {problem.reason}")
        overrides = _table(tables, merchant, "merchants")
        _refuse_unknown(overrides, _PER_MERCHANT, f"merchants.{merchant}")
        own[merchant] = _read_one({**_merged(config, overrides), "merchant": merchant})
    return _read_one(config), own


def _read_one(config: Table) -> Settings:
    merchant = config.get("merchant", "default")
    if problem := check_identifier("merchant", merchant):
        raise ConfigurationError("merchant", problem.reason)
    store = _table(config, "store", "")
    url = _resolved(store.get("url", DEFAULT_STORE), "store.url")
    url = url.reveal() if isinstance(url, Secret) else url
    if not isinstance(url, str):
        raise ConfigurationError("store.url", "must be a text")
    gateways = _table(config, "gateways", "") or {DEFAULT_GATEWAY: {"adapter": "sandbox"}}
    read_gateways = {name: _read_gateway(name, _table(gateways, name, "gateways")) for name in gateways}
    settings = Settings(
        merchant=merchant,
        store_url=url,
        store_options=_all_resolved({key: value for key, value in store.items() if key != "url"}, "store"),
        gateways=read_gateways,
        options=_read_all_options(config.get("options", ())),
        checkout=read_options(CheckoutSettings, _table(config, "checkout", ""), "checkout"),
        orders=read_options(OrderSettings, _table(config, "orders", ""), "orders"),
        recovery=read_options(RecoverySettings, _table(config, "recovery", ""), "recovery"),
        telemetry=read_options(TelemetrySettings, _table(config, "telemetry", ""), "telemetry"),
    )
    _check_names(settings)
    return settings


def _read_gateway(name: str, table: Table) -> tuple[GatewaySettings, Mapping[str, object]]:
    common = {key: value for key, value in table.items() if key in _COMMON}
    where = f"gateways.{name}"
    settings = read_options(GatewaySettings, common, where)
    bridge = _all_resolved(settings.bridge_options, f"{where}.bridge_options")
    own = _all_resolved({key: value for key, value in table.items() if key not in _COMMON}, where)
    return attrs.evolve(settings, bridge_options=bridge), own


def _all_resolved(table: Table, where: str) -> dict[str, object]:
    return {key: _resolved(value, f"{where}.{key}") for key, value in table.items()}


def _resolved(value: object, where: str) -> object:
    """Follow ``{ env = "NAME" }`` and ``{ file = "path" }`` to a secret."""
    if not isinstance(value, Mapping):
        return value
    reference = cast("Mapping[str, object]", value)
    if set(reference) not in ({"env"}, {"file"}):
        return reference
    ((kind, name),) = reference.items()
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}.{kind}", "must be a text")
    return _environment(name, where) if kind == "env" else _file(name, where)


_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)
"""What looks like the name of a variable is shown in an error; what does not may be the secret itself."""


def _environment(name: str, where: str) -> Secret:
    found = os.environ.get(name) if "\0" not in name else None
    if found is None:
        shown = f" {name}" if _VARIABLE.fullmatch(name) else ""
        raise ConfigurationError(where, f"the environment variable{shown} is not set")
    return Secret(found)


def _file(name: str, where: str) -> Secret:
    try:
        return Secret(Path(name).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        reason = f"the file cannot be read: {type(error).__name__}"
    raise ConfigurationError(where, reason)


def _read_all_options(tables: object) -> tuple[PaymentOption, ...]:
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


def _check_names(settings: Settings) -> None:
    named = {
        "checkout.priority": settings.checkout.priority,
        "orders.capture_priority": settings.orders.capture_priority,
        "orders.refund_priority": settings.orders.refund_priority,
        "orders.cancel_priority": settings.orders.cancel_priority,
        "options": tuple(option.gateway for option in settings.options),
    }
    for name in settings.gateways:
        if problem := check_identifier("name", name):
            raise ConfigurationError("gateways", f"a name {problem.reason}")
    for key, names in named.items():
        if not set(names) <= set(settings.gateways):
            raise ConfigurationError(key, "names what is no configured gateway")
        if key != "options" and len(set(names)) < len(names):
            raise ConfigurationError(key, "names a gateway twice")
    lease, first = settings.checkout.lease, settings.recovery.first_look_up
    for key, duration in {"checkout.lease": lease, "recovery.first_look_up": first}.items():
        if not duration:
            raise ConfigurationError(key, "must be above zero")


def _table(config: Table, key: str, where: str) -> Table:
    found = config.get(key, {})
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{where}.{key}" if where else key, "must be a table")
    return cast("Table", found)


def _refuse_unknown(config: Table, known: frozenset[str], where: str) -> None:
    for key in config:
        if key not in known:
            raise ConfigurationError(where or "configuration", f"unknown key {key!r}")


def _merged(base: Table, over: Table) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        former = merged.get(key)
        if isinstance(value, Mapping) and isinstance(former, Mapping):
            merged[key] = _merged(cast("Table", former), cast("Table", value))
        else:
            merged[key] = value
    return merged
