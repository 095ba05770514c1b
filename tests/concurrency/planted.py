"""Bugs planted on purpose, so that the races are seen to find them: stores that do what no store may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
from returns.result import Failure, Success

from payports import Payment
from payports.ports.commit import Change, Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store
from tests.behind import Behind, Through

BLIND: Final = "blind"
"""Writes whatever it is given, whoever has written meanwhile: the check of versions is off."""
APART: Final = "apart"
"""Each process keeps what it has once loaded to itself."""
HASTY: Final = "hasty"
"""Facts count as delivered as soon as somebody has asked for them."""

STUBBORN: Final = "stubborn"
"""Tells everybody to come again, for ever."""


def planted(store: Store, bug: str) -> Store:
    """The store itself, or one with a bug before it."""
    return Behind(store, _BUGS[bug]) if bug else store


class _Blind(Through):
    """Puts what it is given over what is there."""

    def commit(self, commit: Commit) -> Any:
        now = {change.after.id: self.inner.payment(change.after.id) for change in commit.changes}
        changes = tuple(_rebased(change, now[change.after.id]) for change in commit.changes)
        checkouts = [(checkout, self.inner.checkout(checkout.owner)) for checkout in commit.checkouts]
        records = tuple(attrs.evolve(checkout, version=there.version if there else 0) for checkout, there in checkouts)
        return self.inner.commit(attrs.evolve(commit, changes=changes, checkouts=records))


def _rebased(change: Change, there: Payment | None) -> Change:
    """The change as somebody makes it who has not seen what others wrote: their rows stay, for a ledger only grows."""
    if there is None or change.before is None:
        return change
    mine = change.after.by_id
    kept = tuple(mine.get(row.id, row) for row in there.transactions)
    new = tuple(row for row in change.after.transactions if row.id not in there.by_id)
    return attrs.evolve(change, before=there, after=attrs.evolve(change.after, transactions=(*kept, *new)))


class _Apart(Through):
    """Reads payments once, and writes them for itself alone."""

    def __init__(self, inner: PaymentRepository) -> None:
        super().__init__(inner)
        self._own: dict[str, Payment] = {}

    def payment(self, payment_id: str) -> Payment | None:
        return self._own.get(payment_id) or self.inner.payment(payment_id)

    def payments_of(self, owner: Any) -> tuple[Payment, ...]:
        return tuple(self._own.get(payment.id, payment) for payment in self.inner.payments_of(owner))

    def commit(self, commit: Commit) -> Any:
        for change in commit.changes:
            version = (change.before.version if change.before else 0) + 1
            self._own[change.after.id] = attrs.evolve(change.after, version=version)
        return Success(None)


class _Hasty(Through):
    """Moves the cursor before anybody has taken anything."""

    def undelivered(self, limit: int = 100) -> Any:
        page = self.inner.undelivered(limit)
        if page:
            self.inner.delivered(page[-1].position)
        return page


class _Stubborn(Through):
    """Commits nothing."""

    def commit(self, commit: Commit) -> Any:
        return Failure(Stale(RecordKind.PAYMENT, commit.changes[0].after.id if commit.changes else ""))


_BUGS: Final[Mapping[str, type[Through]]] = {BLIND: _Blind, APART: _Apart, HASTY: _Hasty, STUBBORN: _Stubborn}
