"""The shop: all services of one merchant, over one store and the configured gateways."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType

import attrs

from payports.application.audit.service import Audit
from payports.application.checkout.service import Checkout
from payports.application.events import Events
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway, MerchantGateways, Policy, merchant_gateways
from payports.application.kernel.unit_of_work import UnitOfWork
from payports.application.maintenance.service import Maintenance
from payports.application.orders import Orders
from payports.application.payments.options import Options
from payports.application.payments.payments import Payments
from payports.application.payments.saved_methods import SavedMethods
from payports.application.payments.tokenization import Tokenization
from payports.application.payments.transactions import Transactions
from payports.application.telemetry import Telemetry
from payports.application.webhooks.service import Webhooks
from payports.domain.input_checks import check_identifier
from payports.ports.clock import Clock, Ids
from payports.ports.store import Store


@attrs.frozen(kw_only=True)
class Payports:
    """The library, connected: a context manager, safe to share between threads. Every call is short but for the gateway's time.

    ``merchants``: the gateways and policy of merchants that have their own. ``telemetry``: who watches, if anybody does.
    """

    merchant_id: str
    store: Store
    gateways: MerchantGateways = attrs.field(converter=merchant_gateways)
    policy: Policy
    clock: Clock
    ids: Ids
    merchants: Mapping[str, tuple[Mapping[str, ConfiguredGateway], Policy]] = attrs.field(
        factory=dict[str, tuple[Mapping[str, ConfiguredGateway], Policy]]
    )
    telemetry: Telemetry | None = None

    def merchant(self, merchant: str) -> Payports:
        """The same services for another merchant; nothing of one is visible to another. Close only the first.

        ``ValueError`` if the name is no identifier.
        """
        if problem := check_identifier("merchant", merchant):
            raise ValueError(problem.message)
        return attrs.evolve(self, merchant_id=merchant)

    @cached_property
    def environment(self) -> Environment:
        """What the services work with."""
        gateways, policy = self.merchants.get(self.merchant_id, (self.gateways, self.policy))
        configured = merchant_gateways(gateways)
        work = UnitOfWork(
            store=self.store.of(self.merchant_id), clock=self.clock, schedule=policy.schedule, gateways=configured
        )
        environment = Environment(
            merchant=self.merchant_id, gateways=configured, policy=policy, work=work, ids=self.ids
        )
        return self.telemetry.around(environment) if self.telemetry else environment

    @cached_property
    def options(self) -> Options:
        """What a cart may be paid with."""
        return Options(self.environment)

    @cached_property
    def payments(self) -> Payments:
        """Say what is to be paid, and see how far it has come."""
        return Payments(self.environment)

    @cached_property
    def transactions(self) -> Transactions:
        """Move money on one payment."""
        return Transactions(self.environment)

    @cached_property
    def checkout(self) -> Checkout:
        """Pay for a cart, once."""
        return Checkout(self.environment)

    @cached_property
    def orders(self) -> Orders:
        """Capture per fulfilment, give back per return."""
        return Orders(self.environment)

    @cached_property
    def saved_methods(self) -> SavedMethods:
        """Tokens that a customer may use again."""
        return SavedMethods(self.environment)

    @cached_property
    def tokenization(self) -> Tokenization:
        """Let the browser turn card data into a token."""
        return Tokenization(self.environment)

    @cached_property
    def webhooks(self) -> Webhooks:
        """What gateways tell us unasked."""
        return Webhooks(self.environment)

    @cached_property
    def maintenance(self) -> Maintenance:
        """Finish what was left open."""
        return Maintenance(self.environment)

    @cached_property
    def audit(self) -> Audit:
        """Look whether what is stored keeps the rules."""
        return Audit(self.environment)

    @cached_property
    def events(self) -> Events:
        """Facts for the host."""
        return Events(self.environment)

    def close(self) -> None:
        """Let go of the store's connection and of what the gateways opened."""
        self.store.close()
        wired = [self.gateways, *(gateways for gateways, _ in self.merchants.values())]
        for configured in (configured for gateways in wired for configured in gateways.values()):
            if configured.gateway.close:
                configured.gateway.close()

    def __enter__(self) -> Payports:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
