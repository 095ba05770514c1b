"""One pass of maintenance: find what is due, lease it, work on it, and give it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import attrs

from payports.application.concluding import conclude
from payports.application.environment import Environment
from payports.application.notifying import Applied, apply
from payports.application.settling import Settling
from payports.ports.store import (
    CheckoutRecord,
    InboxEntry,
    StoreFailed,
    checkout_lease,
    notification_lease,
    payment_lease,
)

_AT_ONCE: Final = 20
"""So much work is leased together, and given back together."""

_LEASE: Final = timedelta(seconds=30)
"""When another worker may take over what one has leased and not given back; whoever is slower than that finds its commits refused."""

_DEAF: Final = 3
"""After so many look-ups in a row without an answer a gateway is left alone for the rest of the pass, so that others need not wait."""

_Work = TypeVar("_Work")


@attrs.frozen
class Pass:
    """One pass, under the name that its leases carry.

    ``done`` counts what it did. ``_left``: what stays leased until that runs out, because its gateway gives no answers.
    """

    _env: Environment
    _holder: str
    _settling: Settling
    done: Counter[str]
    _left: set[str] = attrs.field(factory=set[str])

    def run(self, limit: int) -> int:
        """Work on at most so much of each kind; gives how much was found of that of which most was found."""
        store, now = self._env.store, self._env.now
        return max(
            self._over(store.due(now(), limit), payment_lease, self._tend),
            self._over(store.parked(now(), limit), _name_of_entry, self._retry),
            self._over(store.open_checkouts(now(), limit), _name_of_checkout, self._conclude),
        )

    def _over(self, found: Sequence[_Work], name_of: Callable[[_Work], str], work: Callable[[_Work], None]) -> int:
        """Work on what was found, as far as nobody else does; gives how much was found."""
        for start in range(0, len(found), _AT_ONCE):
            named = {name_of(one): one for one in found[start : start + _AT_ONCE]}
            leased = self._env.store.lease(tuple(named), self._holder, _LEASE)
            try:
                for name in (name for name in named if name in leased):
                    self._try(work, named[name])
            finally:
                self._give_back(tuple(leased - self._left))
        return len(found)

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
        if payment is None or not any(self._settling.is_due(one) for one in payment.transactions):
            return
        if self._settling.unanswered[payment.gateway] >= _DEAF:
            self._left.add(payment_lease(payment_id))
            return
        self._settling.settle(payment)

    def _retry(self, entry: InboxEntry) -> None:
        self.done["applied"] += apply(self._env, entry) is Applied.APPLIED

    def _conclude(self, checkout: CheckoutRecord) -> None:
        conclude(self._env, checkout)
        self.done["concluded"] += 1


def _name_of_entry(entry: InboxEntry) -> str:
    return notification_lease(entry.gateway, entry.event_id)


def _name_of_checkout(checkout: CheckoutRecord) -> str:
    return checkout_lease(checkout.owner)
