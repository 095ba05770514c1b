"""One pass of maintenance: find what is due, lease it, work on it, release it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

import attrs

from payports.application.checkout.finalize import finalize
from payports.application.kernel.circuit_breaker import OPEN_FOR, CircuitBreaker
from payports.application.kernel.environment import Environment
from payports.application.maintenance.payment_recovery import PaymentRecovery
from payports.application.webhooks.inbox import Applied, apply
from payports.domain.checkout import CheckoutRecord
from payports.ports.commit import InboxEntry
from payports.ports.leases import checkout_lease, gateway_lease, notification_lease, payment_lease
from payports.ports.store import StoreFailed

_BATCH: Final = 20
"""So many items are leased together, and released together."""

_LEASE: Final = timedelta(seconds=30)
"""When another worker may take over what one has leased and not released; the slower one finds its commits refused."""

_Item = TypeVar("_Item")


@attrs.define
class MaintenancePass:
    """One pass, under the name that its leases carry. ``done`` counts what it did; ``stopped``: it was asked to leave the rest.

    ``_unavailable``: the gateways whose circuit breaker is open, which are not called until the end of the pass. ``_available``: those that
    have answered. ``_skipped``: how many payments were left for later because their gateway is unavailable. ``_unconfigured``: the circuit
    breakers of gateways that are not configured any more.
    """

    _env: Environment
    _holder: str
    done: Counter[str]
    _stopping: Callable[[], bool]
    stopped: bool = False
    _unavailable: set[str] = attrs.field(factory=set[str])
    _available: set[str] = attrs.field(factory=set[str])
    _skipped: int = 0
    _unconfigured: defaultdict[str, CircuitBreaker] = attrs.field(factory=lambda: defaultdict(CircuitBreaker))

    def run(self, limit: int) -> int:
        """Work on at most ``limit`` items of each kind; gives the number found of the kind of which most were found."""
        store, now = self._env.store, self._env.now
        return max(
            self._work_on_payments(limit),
            self._work_on(store.parked(now(), limit), _notification_lease, self._retry),
            self._work_on(store.open_checkouts(now(), limit), _checkout_lease, self._finalize),
        )

    def _work_on_payments(self, limit: int) -> int:
        """Work on payments that are due. Payments of other gateways take the place of those whose gateway becomes unavailable."""
        now = self._env.now()
        self._unavailable = {
            name for name, configured in self._env.gateways.items() if configured.circuit_breaker.is_open(now)
        }
        self._lease_unavailable()
        worked_on = 0
        while True:
            unavailable, skipped = len(self._unavailable), self._skipped
            due = self._env.store.due(self._env.now(), limit - worked_on)
            worked_on += self._work_on(due, payment_lease, self._recover)
            worked_on -= self._skipped - skipped
            if len(self._unavailable) == unavailable:
                return worked_on
            self._lease_unavailable()
            if worked_on >= limit or self.stopped:
                return worked_on

    def _work_on(self, items: Sequence[_Item], lease_of: Callable[[_Item], str], work: Callable[[_Item], None]) -> int:
        """Work on the items that no other worker has leased, until asked to stop or a gateway becomes unavailable; gives their number."""
        unavailable = len(self._unavailable)
        if self.stopped:
            return 0
        for start in range(0, len(items), _BATCH):
            by_lease = {lease_of(item): item for item in items[start : start + _BATCH]}
            leased = self._env.store.lease(tuple(by_lease), self._holder, _LEASE)
            try:
                for name in (name for name in by_lease if name in leased):
                    if self._is_asked_to_stop():
                        break
                    self._try(work, by_lease[name])
            finally:
                self._release(tuple(leased))
            if self.stopped or len(self._unavailable) != unavailable:
                return start + len(by_lease)
        return len(items)

    def _is_asked_to_stop(self) -> bool:
        self.stopped = self.stopped or self._stopping()
        return self.stopped

    def _try(self, work: Callable[[_Item], None], item: _Item) -> None:
        """Work on one item; if the store fails on it alone, the others go on."""
        try:
            work(item)
        except StoreFailed:
            self.done["unreadable"] += 1
            self._env.store.due(self._env.now(), 1)  # if this fails too, the pass ends

    def _release(self, names: tuple[str, ...]) -> None:
        try:
            self._env.store.release(names, self._holder)
        except StoreFailed:
            return  # the leases run out

    def _recover(self, payment_id: str) -> None:
        """Recover what is due of a payment, unless its gateway is unavailable."""
        payment = self._env.store.payment(payment_id)
        if payment is None:
            return
        gateway = payment.gateway
        recovery = PaymentRecovery(
            env=self._env, done=self.done, payment=payment, gateway_answers=gateway in self._available
        )
        if not recovery.due():
            return
        if gateway in self._unavailable:
            self._skipped += 1
            return
        began = self._env.now()
        recovery.recover()
        self._note_availability(gateway, recovery, began)

    def _note_availability(self, gateway: str, recovery: PaymentRecovery, began: datetime) -> None:
        breaker, now = self._circuit_breaker(gateway), self._env.now()
        if recovery.answered:
            self._available.add(gateway)
            breaker.record_success()
        if recovery.silent:
            breaker.record_failure(now - began, now)
        if breaker.is_open(now):
            self._unavailable.add(gateway)

    def _circuit_breaker(self, gateway: str) -> CircuitBreaker:
        configured = self._env.gateways.get(gateway)
        return configured.circuit_breaker if configured else self._unconfigured[gateway]

    def _lease_unavailable(self) -> None:
        """Keep payments of unavailable gateways from being found, also by other workers and passes, until the leases run out."""
        if self._unavailable:
            self._env.store.lease(tuple(map(gateway_lease, self._unavailable)), self._holder, OPEN_FOR)

    def _retry(self, entry: InboxEntry) -> None:
        self.done["notifications_applied"] += apply(self._env, entry) is Applied.APPLIED

    def _finalize(self, checkout: CheckoutRecord) -> None:
        finalize(self._env, checkout)
        self.done["checkouts_concluded"] += 1


def _notification_lease(entry: InboxEntry) -> str:
    return notification_lease(entry.gateway, entry.event_id)


def _checkout_lease(checkout: CheckoutRecord) -> str:
    return checkout_lease(checkout.owner)
