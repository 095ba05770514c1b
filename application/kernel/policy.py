"""A merchant's choices: the policy, and the gateways as configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import attrs
from returns.result import Failure, Success

from payports.application.kernel.circuit_breaker import CircuitBreaker
from payports.domain.failures import GatewayUnsupported
from payports.domain.fulfilment import Split
from payports.domain.options import PaymentOption
from payports.domain.outcome import Outcome
from payports.domain.schedule import Schedule
from payports.ports.gateway import Gateway


@attrs.frozen(kw_only=True)
class Policy:
    """The host's choices. The priorities are names of gateways; those not named come last."""

    checkout_priority: tuple[str, ...] = ()
    capture_priority: tuple[str, ...] = ()
    refund_priority: tuple[str, ...] = ()
    cancel_priority: tuple[str, ...] = ()
    split: Split = Split.PRIORITY
    rollback_immediately: bool = False
    abandoned_after: timedelta = timedelta(days=1)
    lease: timedelta = timedelta(minutes=5)
    schedule: Schedule = attrs.field(factory=Schedule)
    options: tuple[PaymentOption, ...] = ()


@attrs.frozen(kw_only=True)
class ConfiguredGateway:
    """A gateway under its name in the configuration.

    ``captures_at_once``: checkout authorizes and captures in one transaction. ``awaiting_covers``: a result that is still awaited is good
    enough to place an order. ``circuit_breaker``: whether the gateway has answered lately.
    """

    name: str
    gateway: Gateway
    captures_at_once: bool = False
    awaiting_covers: bool = False
    circuit_breaker: CircuitBreaker = attrs.field(factory=CircuitBreaker, repr=False, eq=False)


@attrs.frozen
class MerchantGateways(Mapping[str, ConfiguredGateway]):
    """The gateways of one merchant by their names."""

    _by_name: Mapping[str, ConfiguredGateway]

    def __getitem__(self, name: str) -> ConfiguredGateway:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, name: str, operation: str) -> Outcome[ConfiguredGateway, GatewayUnsupported]:
        """Find the gateway that is to run an operation."""
        configured = self._by_name.get(name)
        return Success(configured) if configured else Failure(GatewayUnsupported(name, operation, is_configured=False))

    def awaiting_covers(self) -> frozenset[str]:
        """Name the gateways whose accepted but unfinished transactions are good enough to place an order."""
        return frozenset(name for name, configured in self._by_name.items() if configured.awaiting_covers)

    def captures_at_once(self) -> frozenset[str]:
        """Name the gateways with which checkout authorizes and captures in one transaction."""
        return frozenset(name for name, configured in self._by_name.items() if configured.captures_at_once)

    def authorization_lifetime(self, name: str) -> timedelta | None:
        """How long the holds of a gateway live, if that is known."""
        configured = self._by_name.get(name)
        return configured.gateway.transactions.capabilities.authorization_lifetime if configured else None


def merchant_gateways(gateways: Mapping[str, ConfiguredGateway]) -> MerchantGateways:
    """Wrap a mapping of gateways; one that is wrapped already is given back as it is."""
    return gateways if isinstance(gateways, MerchantGateways) else MerchantGateways(gateways)
