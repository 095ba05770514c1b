"""Connect: find the adapters that the configuration names, and hand them to the services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, cast

import attrs

from payports.adapters.configuration.configuration_reading import load, read
from payports.adapters.configuration.host_objects import check_given
from payports.adapters.configuration.settings import GatewaySettings, Settings, Table, TelemetrySettings
from payports.adapters.configuration.system_clock import SystemClock, SystemIds
from payports.adapters.option_reading import ConfigurationError
from payports.application.kernel.circuit_breaker import CircuitBreaker
from payports.application.kernel.policy import ConfiguredGateway, Policy
from payports.application.shop import Payports
from payports.application.telemetry import Telemetry
from payports.domain.schedule import Schedule
from payports.ports.adapter import AdapterContext, Unreachable
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import Gateway, TransactionGateway
from payports.ports.store import Store, StoreFailed, StoreUnreachable
from payports.ports.telemetry import Observer
from payports.ports.tokenization import TokenizationBridge

UNDONE_FIRST: Final = "stored_value"
"""The adapter that checkout turns to last where no priority is configured: what others do is harder to undo."""


def connect(
    config: str | os.PathLike[str] | Table | None = None,
    *,
    bank: object | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    gateways: Mapping[str, Gateway | TransactionGateway] | None = None,
    observer: Observer | None = None,
) -> Payports:
    """Connect a shop: a TOML file, a mapping, or nothing (a SQLite file and the sandbox gateway, both in the working directory).

    ``bank`` serves every sandbox gateway, ``gateways`` are added to those configured or replace them; ``clock`` and ``ids`` are for tests.
    Every gateway call and every commit is reported to ``observer``, beside what the table ``[telemetry]`` asks for.
    Raises ``ConfigurationError`` naming the key or the argument, never the value.
    """
    check_given(bank=bank, clock=clock, ids=ids, gateways=gateways, observer=observer)
    settings, merchants = read(load(config))
    wiring = _Wiring(
        settings=settings,
        clock=clock or SystemClock(),
        ids=ids or SystemIds(),
        host_gateways={name: _as_gateway(gateway) for name, gateway in (gateways or {}).items()},
        attachments={} if bank is None else {"bank": bank},
    )
    default = wiring.gateways(settings)
    own = {merchant: (wiring.gateways(theirs), _policy(theirs)) for merchant, theirs in merchants.items()}
    opened = [default, *(configured for configured, _ in own.values())]
    return Payports(
        merchant_id=settings.merchant,
        store=_store_or_close(wiring, opened),
        gateways=default,
        policy=_policy(settings),
        clock=wiring.clock,
        ids=wiring.ids,
        merchants=own,
        telemetry=_telemetry(settings, observer),
    )


@attrs.frozen(kw_only=True)
class _Wiring:
    """What the gateways of all merchants are built with. ``settings``: those of the default merchant, whose circuit breakers others share
    where their gateway is configured alike."""

    settings: Settings
    clock: Clock
    ids: Ids
    host_gateways: Mapping[str, Gateway]
    attachments: Mapping[str, object]
    _breakers: dict[str, CircuitBreaker] = attrs.field(init=False, factory=dict[str, CircuitBreaker])

    def gateways(self, settings: Settings) -> dict[str, ConfiguredGateway]:
        """Build the gateways of one merchant, and add those of the host."""
        configured = {
            name: self._configured(name, common, options) for name, (common, options) in settings.gateways.items()
        }
        for name, gateway in self.host_gateways.items():
            if name not in configured:
                breaker = self._shared_breaker(name)
                configured[name] = ConfiguredGateway(name=name, gateway=gateway, circuit_breaker=breaker)
        return configured

    def _configured(self, name: str, common: GatewaySettings, options: Mapping[str, object]) -> ConfiguredGateway:
        from_host = name in self.host_gateways
        gateway = self.host_gateways[name] if from_host else _gateway(common, self._context(name, options))
        shared = from_host or self.settings.gateways.get(name) == (common, options)
        return ConfiguredGateway(
            name=name,
            gateway=gateway,
            captures_at_once=common.perform_authorize_and_capture,
            awaiting_covers=common.awaiting_covers,
            circuit_breaker=self._shared_breaker(name) if shared else CircuitBreaker(),
        )

    def _shared_breaker(self, name: str) -> CircuitBreaker:
        return self._breakers.setdefault(name, CircuitBreaker())

    def _context(self, name: str, options: Mapping[str, object]) -> AdapterContext:
        return AdapterContext(
            name=name,
            options=options,
            clock=self.clock,
            ids=self.ids,
            ephemeral=self.settings.store_url.startswith("memory:"),
            attachments=self.attachments,
        )


def _telemetry(settings: Settings, observer: Observer | None) -> Telemetry | None:
    """What watches, loaded only if something does."""
    if observer is None and settings.telemetry == TelemetrySettings():
        return None
    from payports.adapters.configuration.telemetry import Observing, gathered

    return Observing(tuple(gathered(settings.telemetry, observer)))


def _gateway(common: GatewaySettings, context: AdapterContext) -> Gateway:
    where = f"gateways.{context.name}"
    gateway = _built(_named("payports.gateways", common.adapter, f"{where}.adapter"), context, f"{where}.adapter")
    if not isinstance(gateway, Gateway):
        raise ConfigurationError(f"{where}.adapter", "its factory built no Gateway")
    if not common.bridge:
        return gateway
    factory = _named("payports.bridges", common.bridge, f"{where}.bridge")
    inside = attrs.evolve(context, options=common.bridge_options, account=gateway.account)
    return attrs.evolve(gateway, bridge=cast("TokenizationBridge", _built(factory, inside, f"{where}.bridge")))


def _built(factory: Any, context: AdapterContext, where: str) -> object:
    """Let a factory build; what it raises but for a ``ConfigurationError`` is told by its name, for its text may hold a secret."""
    try:
        return factory(context)
    except ConfigurationError as error:
        where, reason = error.key, error.reason
    except Exception as error:  # noqa: BLE001 -- an adapter's, and anybody's
        reason = f"its factory raised {type(error).__name__}"
    raise ConfigurationError(where, reason)


def _store_or_close(wiring: _Wiring, opened: list[dict[str, ConfiguredGateway]]) -> Store:
    """Open the store; if that fails, close the gateways that were built for the shop."""
    try:
        return _store(wiring.settings, wiring.clock)
    except ConfigurationError:
        _close(opened, wiring.host_gateways)
        raise


def _close(wired: list[dict[str, ConfiguredGateway]], given: Mapping[str, Gateway]) -> None:
    """Close gateways, but not the host's: the caller may try again and again."""
    for gateways in wired:
        for name, configured in gateways.items():
            if configured.gateway.close and name not in given:
                configured.gateway.close()


def _store(settings: Settings, clock: Clock) -> Store:
    scheme = settings.store_url.partition(":")[0]
    factory = _named("payports.stores", scheme, "store.url")
    try:
        return cast("Store", factory(settings.store_url, settings.store_options, clock))
    except StoreFailed as failed:
        kind = Unreachable if isinstance(failed, StoreUnreachable) else ConfigurationError
        reason = str(failed)
    raise kind("store.url", reason)


def _named(group: str, name: str, key: str) -> Any:
    """Find an adapter among those that installed packages registered; a name from the configuration imports nothing else."""
    registered = entry_points(group=group)
    found = tuple(registered.select(name=name))
    if not found:
        known = ", ".join(sorted(registered.names)) or "none"
        raise ConfigurationError(key, f"no such adapter is installed (there are: {known})")
    if len({entry_point.value for entry_point in found}) > 1:
        raise ConfigurationError(key, "several packages bring an adapter of this name")
    try:
        return found[0].load()
    except ImportError as error:
        missing = error.name or "a module"
    raise ConfigurationError(key, f"the adapter is not installed completely: {missing} is missing")


def _as_gateway(given: Gateway | TransactionGateway) -> Gateway:
    return given if isinstance(given, Gateway) else Gateway(transactions=given)


def _policy(settings: Settings) -> Policy:
    usual = sorted(settings.gateways, key=lambda name: settings.gateways[name][0].adapter == UNDONE_FIRST)
    return Policy(
        checkout_priority=settings.checkout.priority or tuple(usual),
        capture_priority=settings.orders.capture_priority or settings.checkout.priority or tuple(usual),
        refund_priority=settings.orders.refund_priority or settings.checkout.priority or tuple(usual),
        cancel_priority=settings.orders.cancel_priority or settings.checkout.priority or tuple(usual),
        split=settings.orders.split,
        rollback_immediately=settings.checkout.rollback.value == "immediate",
        abandoned_after=settings.checkout.abandoned_after,
        lease=settings.checkout.lease,
        schedule=Schedule(
            first_look_up=settings.recovery.first_look_up,
            longest_wait=settings.recovery.longest_wait,
            first_poll=settings.recovery.first_poll,
            action_expires=settings.checkout.action_expires,
            reversal_after=settings.checkout.reversal_after,
            expiry_warning=settings.recovery.expiry_warning,
        ),
        options=settings.options,
    )
