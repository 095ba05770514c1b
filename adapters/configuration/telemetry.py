"""Telemetry as the configuration and the host ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from payports.adapters.configuration.settings import TelemetrySettings
from payports.adapters.option_reading import ConfigurationError
from payports.adapters.telemetry.gateways import watched_gateway
from payports.adapters.telemetry.stores import watched_repository
from payports.adapters.telemetry.watch import Failures, Watch
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import MerchantGateways
from payports.application.telemetry import Telemetry
from payports.ports.telemetry import Observer


@attrs.frozen
class Observing(Telemetry):
    """Puts watches around the ports of a merchant's services."""

    observers: tuple[Observer, ...]
    noted: Failures = attrs.field(factory=Failures)

    @property
    def failures(self) -> int:
        """How often an observer raised, in this process."""
        return self.noted.count

    def around(self, environment: Environment) -> Environment:
        """The same environment, every call of a gateway and every commit in it observed."""
        watch = Watch(self.observers, self.noted, {}).knowing(merchant=environment.merchant)
        gateways = _watched(environment.gateways, watch)
        work = attrs.evolve(environment.work, store=watched_repository(environment.store, watch), gateways=gateways)
        return attrs.evolve(environment, gateways=gateways, work=work)


def _watched(gateways: MerchantGateways, watch: Watch) -> MerchantGateways:
    return MerchantGateways(
        {
            name: attrs.evolve(configured, gateway=watched_gateway(configured.gateway, watch.knowing(gateway=name)))
            for name, configured in gateways.items()
        }
    )


def gathered(settings: TelemetrySettings, own: Observer | None) -> Iterator[Observer]:
    """Gather the observers. Raises ``ConfigurationError`` if one of them is not installed."""
    if settings.logs:
        from payports.adapters.telemetry.logs import LogObserver

        yield LogObserver()
    if settings.opentelemetry:
        yield _opentelemetry()
    if own is not None:
        yield own


def _opentelemetry() -> Observer:
    try:
        from payports.adapters.telemetry.opentelemetry import observing
    except ImportError as error:
        missing = error.name or "a module"
    else:
        return observing()
    raise ConfigurationError("telemetry.opentelemetry", f"{missing} is missing: install payports[opentelemetry]")
