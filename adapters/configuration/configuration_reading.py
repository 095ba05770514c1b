"""Reading a configuration: a TOML file or a mapping. Every key must be known; secrets are given by reference."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import attrs

from payports.adapters.configuration.payment_options import read_payment_options
from payports.adapters.configuration.secret_references import resolve_secret, resolve_secrets
from payports.adapters.configuration.settings import (
    DEFAULT_GATEWAY,
    DEFAULT_STORE,
    CheckoutSettings,
    GatewaySettings,
    OrderSettings,
    RecoverySettings,
    Settings,
    Table,
    TelemetrySettings,
)
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.domain.input_checks import check_identifier
from payports.domain.secret import Secret


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
    """Read a configuration; return the settings, and those of each merchant that has its own."""
    _refuse_unknown(config, _TABLES, "")
    tables = _table(config, "merchants", "")
    own: dict[str, Settings] = {}
    for merchant in tables:
        if problem := check_identifier("merchant", merchant):
            raise ConfigurationError("merchants", f"a name {problem.reason}")
        overrides = _table(tables, merchant, "merchants")
        _refuse_unknown(overrides, _PER_MERCHANT, f"merchants.{merchant}")
        own[merchant] = _read_merchant({**_merged(config, overrides), "merchant": merchant})
    return _read_merchant(config), own


def _read_merchant(config: Table) -> Settings:
    merchant = config.get("merchant", "default")
    if problem := check_identifier("merchant", merchant):
        raise ConfigurationError("merchant", problem.reason)
    store = _table(config, "store", "")
    url = resolve_secret(store.get("url", DEFAULT_STORE), "store.url")
    url = url.reveal() if isinstance(url, Secret) else url
    if not isinstance(url, str):
        raise ConfigurationError("store.url", "must be a text")
    gateways = _table(config, "gateways", "") or {DEFAULT_GATEWAY: {"adapter": "sandbox"}}
    read_gateways = {name: _read_gateway(name, _table(gateways, name, "gateways")) for name in gateways}
    settings = Settings(
        merchant=merchant,
        store_url=url,
        store_options=resolve_secrets({key: value for key, value in store.items() if key != "url"}, "store"),
        gateways=read_gateways,
        options=read_payment_options(config.get("options", ())),
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
    bridge = resolve_secrets(settings.bridge_options, f"{where}.bridge_options")
    own = resolve_secrets({key: value for key, value in table.items() if key not in _COMMON}, where)
    return attrs.evolve(settings, bridge_options=bridge), own


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
    table = config.get(key, {})
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}.{key}" if where else key, "must be a table")
    return cast("Table", table)


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
