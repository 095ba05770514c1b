"""One pass of maintenance: find what is due, lease it, work on it, and give it back."""

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

_AT_ONCE: Final = 20
"""So much work is leased together, and given back together."""

_LEASE: Final = timedelta(seconds=30)
"""When another worker may take over what one has leased and not given back; whoever is slower than that finds its commits refused."""

_Work = TypeVar("_Work")


@attrs.define
class MaintenancePass:
    """One pass, under the name that its leases carry. ``done`` counts what it did; ``stopped``: it was told to leave the rest.

    ``_silent``: the gateways that give no answers, and are left alone until the end of the pass. ``_answering``: those that gave any.
    ``_passed_by``: how many payments were left for later, because their gateway is silent. ``_gone``: what is remembered of gateways that
    are not configured any more.
    """

    _env: Environment
    _holder: str
    done: Counter[str]
    _stopping: Callable[[], bool]
    stopped: bool = False
    _silent: set[str] = attrs.field(factory=set[str])
    _answering: set[str] = attrs.field(factory=set[str])
    _passed_by: int = 0
    _gone: defaultdict[str, CircuitBreaker] = attrs.field(factory=lambda: defaultdict(CircuitBreaker))

    def run(self, limit: int) -> int:
        """Work on at most so much of each kind; gives how much was found of that of which most was found."""
        store, now = self._env.store, self._env.now
        return max(
            self._over_payments(limit),
            self._over(store.parked(now(), limit), _name_of_entry, self._retry),
            self._over(store.open_checkouts(now(), limit), _name_of_checkout, self._conclude),
        )

    def _over_payments(self, limit: int) -> int:
        """Work on payments that are due. Where a gateway falls silent meanwhile, others are looked for in the place of its own."""
        self._silent = {
            name for name, one in self._env.gateways.items() if one.circuit_breaker.is_open(self._env.now())
        }
        self._leave_alone()
        found = 0
        while True:
            silent, passed_by = len(self._silent), self._passed_by
            found += self._over(self._env.store.due(self._env.now(), limit - found), payment_lease, self._tend)
            found -= self._passed_by - passed_by
            if len(self._silent) == silent:
                return found
            self._leave_alone()
            if found >= limit or self.stopped:
                return found

    def _over(self, found: Sequence[_Work], name_of: Callable[[_Work], str], work: Callable[[_Work], None]) -> int:
        """Work on what was found, as far as nobody else does, until told to stop or a gateway falls silent; gives how much that was."""
        silent = len(self._silent)
        if self.stopped:
            return 0
        for start in range(0, len(found), _AT_ONCE):
            named = {name_of(one): one for one in found[start : start + _AT_ONCE]}
            leased = self._env.store.lease(tuple(named), self._holder, _LEASE)
            try:
                for name in (name for name in named if name in leased):
                    if self._is_over():
                        break
                    self._try(work, named[name])
            finally:
                self._give_back(tuple(leased))
            if self.stopped or len(self._silent) != silent:
                return start + len(named)
        return len(found)

    def _is_over(self) -> bool:
        self.stopped = self.stopped or self._stopping()
        return self.stopped

    def _try(self, work: Callable[[_Work], None], one: _Work) -> None:
        """Work on one thing; if the store fails over that alone, the others need not wait."""
        try:
            work(one)
        except StoreFailed:
            self.done["unreadable"] += 1
            self._env.store.due(self._env.now(), 1)  # if it fails over this too, the pass is over

    def _give_back(self, names: tuple[str, ...]) -> None:
        try:
            self._env.store.release(names, self._holder)
        except StoreFailed:
            return  # they run out

    def _tend(self, payment_id: str) -> None:
        """Settle what a payment is due for, unless its gateway gives no answers."""
        payment = self._env.store.payment(payment_id)
        if payment is None:
            return
        gateway = payment.gateway
        settling = PaymentRecovery(env=self._env, done=self.done, payment=payment, answering=gateway in self._answering)
        if not settling.due():
            return
        if gateway in self._silent:
            self._passed_by += 1
            return
        began = self._env.now()
        settling.settle()
        self._listen(gateway, settling, began)

    def _listen(self, gateway: str, settled: PaymentRecovery, began: datetime) -> None:
        """Keep in mind whether a gateway answers."""
        silence, now = self._silence_of(gateway), self._env.now()
        if settled.answered:
            self._answering.add(gateway)
            silence.record_success()
        if settled.silent:
            silence.record_failure(now - began, now)
        if silence.is_open(now):
            self._silent.add(gateway)

    def _silence_of(self, gateway: str) -> CircuitBreaker:
        configured = self._env.gateways.get(gateway)
        return configured.circuit_breaker if configured else self._gone[gateway]

    def _leave_alone(self) -> None:
        """Keep the payments of silent gateways from being found, by other workers and passes too, until the leases run out."""
        if self._silent:
            self._env.store.lease(tuple(map(gateway_lease, self._silent)), self._holder, OPEN_FOR)

    def _retry(self, entry: InboxEntry) -> None:
        self.done["applied"] += apply(self._env, entry) is Applied.APPLIED

    def _conclude(self, checkout: CheckoutRecord) -> None:
        finalize(self._env, checkout)
        self.done["concluded"] += 1


def _name_of_entry(entry: InboxEntry) -> str:
    return notification_lease(entry.gateway, entry.event_id)


def _name_of_checkout(checkout: CheckoutRecord) -> str:
    return checkout_lease(checkout.owner)
