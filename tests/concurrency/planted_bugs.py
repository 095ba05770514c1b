"""Planted bugs, which the races must find: stores that break their contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
from returns.result import Failure, Success

from payports import Payment
from payports.ports.commit import Change, Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store
from tests.store_wrappers import RepositoryWrapper, WrappedStore

IGNORES_VERSIONS: Final = "ignores versions"
"""Writes without checking the version."""
PRIVATE_CACHE: Final = "private cache"
"""Each process keeps the payments that it loaded, and never reads them again."""
CURSOR_BEFORE_HANDLER: Final = "cursor before handler"
"""Facts count as delivered as soon as they are read."""

ALWAYS_STALE: Final = "always stale"
"""Reports every commit as stale."""


def with_planted_bug(store: Store, bug: str) -> Store:
    """Wrap a store with a bug, or return it unchanged."""
    return WrappedStore(store, _BUGS[bug]) if bug else store


class _IgnoresVersions(RepositoryWrapper):
    """Overwrites whatever is stored."""

    def commit(self, commit: Commit) -> Any:
        current = {change.after.id: self.inner.payment(change.after.id) for change in commit.changes}
        changes = tuple(_rebased(change, current[change.after.id]) for change in commit.changes)
        checkouts = [(checkout, self.inner.checkout(checkout.owner)) for checkout in commit.checkouts]
        records = tuple(
            attrs.evolve(checkout, version=stored.version if stored else 0) for checkout, stored in checkouts
        )
        return self.inner.commit(attrs.evolve(commit, changes=changes, checkouts=records))


def _rebased(change: Change, stored: Payment | None) -> Change:
    """Rebase a change on what is stored without merging it: the stored transactions stay, because a ledger only grows."""
    if stored is None or change.before is None:
        return change
    ours = change.after.by_id
    kept = tuple(ours.get(row.id, row) for row in stored.transactions)
    new = tuple(row for row in change.after.transactions if row.id not in stored.by_id)
    return attrs.evolve(change, before=stored, after=attrs.evolve(change.after, transactions=(*kept, *new)))


class _PrivateCache(RepositoryWrapper):
    """Reads payments once, and keeps its writes to itself."""

    def __init__(self, inner: PaymentRepository) -> None:
        super().__init__(inner)
        self._cache: dict[str, Payment] = {}

    def payment(self, payment_id: str) -> Payment | None:
        return self._cache.get(payment_id) or self.inner.payment(payment_id)

    def payments_of(self, owner: Any) -> tuple[Payment, ...]:
        return tuple(self._cache.get(payment.id, payment) for payment in self.inner.payments_of(owner))

    def commit(self, commit: Commit) -> Any:
        for change in commit.changes:
            version = (change.before.version if change.before else 0) + 1
            self._cache[change.after.id] = attrs.evolve(change.after, version=version)
        return Success(None)


class _CursorBeforeHandler(RepositoryWrapper):
    """Moves the delivery cursor before a handler has run."""

    def undelivered(self, limit: int = 100) -> Any:
        page = self.inner.undelivered(limit)
        if page:
            self.inner.delivered(page[-1].position)
        return page


class _AlwaysStale(RepositoryWrapper):
    """Commits nothing."""

    def commit(self, commit: Commit) -> Any:
        return Failure(Stale(RecordKind.PAYMENT, commit.changes[0].after.id if commit.changes else ""))


_BUGS: Final[Mapping[str, type[RepositoryWrapper]]] = {
    IGNORES_VERSIONS: _IgnoresVersions,
    PRIVATE_CACHE: _PrivateCache,
    CURSOR_BEFORE_HANDLER: _CursorBeforeHandler,
    ALWAYS_STALE: _AlwaysStale,
}
