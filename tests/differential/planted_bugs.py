"""Planted bugs, which the comparison must find: stores that are nearly right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from payports import Payment
from payports.domain.transaction_types import ReversalState
from payports.ports.commit import Commit
from payports.ports.store import Store
from tests.store_wrappers import RepositoryWrapper, WrappedStore


def through(plant: str) -> Callable[[Store], Store]:
    """Give a function that wraps a store with the planted bug, or returns it unchanged."""
    return (lambda store: WrappedStore(store, PLANTED_BUGS[plant])) if plant else (lambda store: store)


class _DropsFacts(RepositoryWrapper):
    """Keeps at most two facts of a change."""

    def commit(self, commit: Commit) -> Any:
        return self.inner.commit(
            attrs.evolve(
                commit, changes=tuple(attrs.evolve(change, facts=change.facts[:2]) for change in commit.changes)
            )
        )


class _ForgetsKeys(RepositoryWrapper):
    """Forgets idempotency keys."""

    def request(self, key: str) -> None: ...


class _ForgetsReversals(RepositoryWrapper):
    """Keeps no reversal state."""

    def commit(self, commit: Commit) -> Any:
        changes = tuple(attrs.evolve(change, after=_without_reversals(change.after)) for change in commit.changes)
        return self.inner.commit(attrs.evolve(commit, changes=changes))


def _without_reversals(payment: Payment) -> Payment:
    return payment.replacing(
        *(attrs.evolve(transaction, reversal=ReversalState.NONE) for transaction in payment.transactions)
    )


class _TakesNotificationsAgain(RepositoryWrapper):
    """Forgets received webhooks."""

    def inbox_entry(self, gateway: str, event_id: str) -> None: ...


class _Unordered(RepositoryWrapper):
    """Returns an owner's payments newest first."""

    def payments_of(self, owner: Any) -> tuple[Payment, ...]:
        return self.inner.payments_of(owner)[::-1]


PLANTED_BUGS: Final[Mapping[str, type[RepositoryWrapper]]] = {
    "drops facts": _DropsFacts,
    "forgets keys": _ForgetsKeys,
    "forgets reversals": _ForgetsReversals,
    "takes notifications again": _TakesNotificationsAgain,
    "gives payments in another order": _Unordered,
}
