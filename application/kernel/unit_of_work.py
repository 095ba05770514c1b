"""What the services of one merchant work with, and how they save: load, decide, commit, again if somebody was faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import attrs
from returns.result import Failure, Success

from payports.application.kernel.circuit_breaker import CircuitBreaker
from payports.domain.failures import Busy, GatewayUnsupported, PaymentNotFound, StoreUnavailable
from payports.domain.fulfilment import Split
from payports.domain.history import Cause, facts
from payports.domain.options import PaymentOption
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.schedule import Schedule, rescheduled
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import Gateway
from payports.ports.store import Change, CheckoutRecord, Commit, PaymentRepository, Stale, StoreFailed

TRIES: Final = 25
"""How often a decision is made again because somebody else changed the payment meanwhile."""

HOST: Final = Cause("host")

_Value = TypeVar("_Value")
_Error = TypeVar("_Error")
_Arguments = ParamSpec("_Arguments")


@attrs.frozen(kw_only=True)
class ConfiguredGateway:
    """A gateway under its name in the configuration. ``captures_at_once``: checkout authorizes and captures in one go;
    ``awaiting_covers``: a result that it still owes is good enough to place an order; ``silence``: whether it answers lately."""

    name: str
    gateway: Gateway
    captures_at_once: bool = False
    awaiting_covers: bool = False
    silence: CircuitBreaker = attrs.field(factory=CircuitBreaker, repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Policy:
    """The host's choices. The priorities are gateways' names; those not named come last."""

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


NOTHING: Final = Commit()


@attrs.define
class CheckoutLease:
    """An attempt's hold on its owner's checkout: everything that it begins proves it in the same commit.

    So an attempt that was overtaken while it waited for a gateway, for however long, begins nothing more. ``record`` moves with each proof.
    """

    record: CheckoutRecord

    def is_lost(self, stale: Stale) -> bool:
        """Tell whether a commit was refused because somebody else has the checkout now."""
        return stale.what.startswith("checkout")


@attrs.frozen(kw_only=True)
class Environment:
    """Everything outside the core, as one merchant's services see it."""

    merchant: str
    store: PaymentRepository
    gateways: Mapping[str, ConfiguredGateway]
    policy: Policy
    clock: Clock
    ids: Ids

    def now(self) -> datetime:
        """The time now."""
        return self.clock.now()

    def gateway(self, name: str, operation: str) -> Outcome[ConfiguredGateway, GatewayUnsupported]:
        """Find a configured gateway."""
        found = self.gateways.get(name)
        return Success(found) if found else Failure(GatewayUnsupported(name, operation))

    def awaiting_covers(self) -> frozenset[str]:
        """The gateways whose accepted but unfinished transactions are good enough to place an order."""
        return frozenset(name for name, one in self.gateways.items() if one.awaiting_covers)

    def captures_at_once(self) -> frozenset[str]:
        """The gateways with which checkout authorizes and captures in one go."""
        return frozenset(name for name, one in self.gateways.items() if one.captures_at_once)

    def change(self, before: Payment | None, after: Payment, cause: Cause) -> Change:
        """Describe a change of a payment: as it will be stored, with the next dates of what changed, and the facts to tell."""
        now = self.now()
        configured = self.gateways.get(after.gateway)
        lifetime = configured.gateway.transactions.capabilities.authorization_lifetime if configured else None
        changed = rescheduled(before, after, now, self.policy.schedule, lifetime)
        stored = after.as_version(before.version + 1 if before else 1, *changed)
        return Change(before=before, after=stored, facts=facts(before, stored, cause, now))

    def save(
        self,
        before: Payment | None,
        after: Payment,
        cause: Cause,
        beside: Commit = NOTHING,
        hold: CheckoutLease | None = None,
    ) -> Outcome[Payment, Stale]:
        """Commit a change of one payment, with what must go ``beside`` it; gives it as it is stored now. A ``hold`` is proven with it."""
        change = self.change(before, after, cause)
        checkouts = (*beside.checkouts, hold.record) if hold else beside.checkouts
        committed = self.store.commit(beside.evolve(changes=(change, *beside.changes), checkouts=checkouts))
        if isinstance(committed, Failure):
            return committed
        if hold:
            hold.record = hold.record.evolve(version=hold.record.version + 1)
        return Success(change.after)

    def update(
        self,
        payment_id: str,
        cause: Cause,
        decide: Callable[[Payment], Outcome[Payment, _Error]],
        hold: CheckoutLease | None = None,
    ) -> Outcome[Payment, _Error | PaymentNotFound | Busy]:
        """Load a payment, let ``decide`` change it, and commit; decide again if somebody was faster, unless the ``hold`` is lost."""
        for _ in range(TRIES):
            before = self.store.payment(payment_id)
            if before is None:
                return Failure(PaymentNotFound(payment_id))
            decided = decide(before)
            if isinstance(decided, Failure):
                return decided
            after = decided.unwrap()
            if after == before:
                return Success(before)
            saved = self.save(before, after, cause, NOTHING, hold)
            if isinstance(saved, Success):
                return saved
            if hold and hold.is_lost(saved.failure()):
                return Failure(Busy(saved.failure().what))
        return Failure(Busy(f"payment {payment_id}"))


def store_errors_as_failures(
    service: Callable[_Arguments, Outcome[_Value, _Error]],
) -> Callable[_Arguments, Outcome[_Value, _Error | StoreUnavailable]]:
    """Turn a failing store into an answer of the service."""

    @wraps(service)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Outcome[_Value, _Error | StoreUnavailable]:
        try:
            return service(*args, **kwargs)
        except StoreFailed as failed:
            reason = str(failed)
        return Failure(StoreUnavailable(reason))

    return call
