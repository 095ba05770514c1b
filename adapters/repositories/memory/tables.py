"""The in-memory tables of one merchant, which apply a commit completely or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

import attrs

from payports.adapters.repositories.common import payment_rows, record_rows
from payports.adapters.repositories.common.commit_statements import changes_in_order, transactions_to_write
from payports.adapters.repositories.common.version_conflict import expect
from payports.domain.attention import may_need_attention
from payports.domain.checkout import CheckoutRecord
from payports.domain.payment import Owner, Payment
from payports.domain.saved_method import SavedMethod
from payports.ports.commit import Change, Commit, InboxEntry, RecordKind, RequestRecord
from payports.ports.store import RecordedFact, RecordSet

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Tables:
    """Dictionaries by primary key, and indexes. ``owners`` and ``references`` may list stale payments but never miss one.

    ``due`` holds the earliest due time of each payment.
    """

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.transactions: dict[str, str] = {}
        self.owners: dict[Owner, tuple[str, ...]] = {}
        self.references: dict[str, tuple[str, ...]] = {}
        self.due: dict[str, datetime | None] = {}
        self.attention: dict[str, bool] = {}
        self.requests: dict[str, RequestRecord] = {}
        self.checkouts: dict[Owner, CheckoutRecord] = {}
        self.tokens: dict[str, Owner] = {}
        self.saved_methods: dict[str, SavedMethod] = {}
        self.inbox: dict[tuple[str, str], InboxEntry] = {}
        self.history: dict[int, RecordedFact] = {}
        self.positions: dict[str, tuple[int, ...]] = {}
        self.delivered = 0
        self.leases: dict[str, tuple[str, datetime]] = {}
        self._undo: list[Callable[[], object]] = []

    def write(self, commit: Commit) -> None:
        """Apply a commit, or raise ``VersionConflict`` or ``StoreFailed`` and change nothing."""
        self._undo.clear()
        try:
            self._write(commit)
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            raise

    def candidates(self, index: dict[_Key, tuple[str, ...]], key: _Key) -> list[Payment]:
        """List the payments that an index has under a key."""
        return [self.payments[payment_id] for payment_id in index.get(key, ())]

    def owner_of_token(self, callback_token: str) -> Owner | None:
        """Find the owner whose checkout currently has a callback token."""
        owner = self.tokens.get(callback_token)
        current = owner is not None and self.checkouts[owner].callback_token == callback_token
        return owner if current else None

    def holder(self, name: str, now: datetime) -> str | None:
        """Find the current holder of a lease."""
        holder, ends_at = self.leases.get(name, ("", now))
        return holder if ends_at > now else None

    def keys(self, kept: RecordSet) -> Iterable[tuple[str, ...]]:
        """List the keys of the requests, the checkouts or the inbox."""
        match kept:
            case RecordSet.REQUESTS:
                return ((key,) for key in self.requests)
            case RecordSet.CHECKOUTS:
                return ((owner.kind, owner.id) for owner in self.checkouts)
            case RecordSet.INBOX:
                return self.inbox

    def _write(self, commit: Commit) -> None:
        for change in changes_in_order(commit):
            self._write_change(change)
        for request in sorted(commit.requests, key=attrgetter("key")):
            record_rows.request_row(request)
            expect(request.key not in self.requests, RecordKind.REQUEST, request.key)
            self._put(self.requests, request.key, request)
        for checkout in sorted(commit.checkouts, key=attrgetter("owner.kind", "owner.id")):
            self._write_checkout(checkout)
        for saved in sorted(commit.saved_methods, key=attrgetter("id")):
            record_rows.saved_method_row(saved)
            expect(_version(self.saved_methods.get(saved.id)) == saved.version, RecordKind.SAVED_METHOD, saved.id)
            self._put(self.saved_methods, saved.id, attrs.evolve(saved, version=saved.version + 1))
        for entry in commit.inbox:
            record_rows.inbox_row(entry)
            self._put(self.inbox, (entry.gateway, entry.event_id), entry)

    def _write_change(self, change: Change) -> None:
        before, after = change.before, change.after
        payment_rows.payment_row(after)
        stored = self.payments.get(after.id)
        expect(
            stored.version == before.version if stored and before else stored is before, RecordKind.PAYMENT, after.id
        )
        self._put(self.payments, after.id, attrs.evolve(after, version=before.version + 1 if before else 1))
        self._put(self.owners, after.owner, _with(self.owners.get(after.owner, ()), after.id))
        for ordinal, transaction in transactions_to_write(change):
            payment_rows.transaction_row(after, transaction, ordinal)
            expect(self.transactions.get(transaction.id, after.id) == after.id, RecordKind.TRANSACTION, transaction.id)
            self._put(self.transactions, transaction.id, after.id)
            if reference := transaction.gateway_reference:
                self._put(self.references, reference, _with(self.references.get(reference, ()), after.id))
        dates = [transaction.due_at for transaction in after.transactions if transaction.due_at]
        self._put(self.due, after.id, min(dates, default=None))
        self._put(
            self.attention, after.id, any(may_need_attention(after, transaction) for transaction in after.transactions)
        )
        self._write_facts(change)

    def _write_facts(self, change: Change) -> None:
        for fact in change.facts:
            payment_rows.fact_row(fact)
            position = len(self.history) + 1
            earlier = self.positions.get(fact.payment_id, ())
            self._put(self.history, position, RecordedFact(position=position, sequence=len(earlier) + 1, fact=fact))
            self._put(self.positions, fact.payment_id, (*earlier, position))

    def _write_checkout(self, record: CheckoutRecord) -> None:
        record_rows.checkout_row(record)
        name = f"{record.owner.kind} {record.owner.id}"
        expect(_version(self.checkouts.get(record.owner)) == record.version, RecordKind.CHECKOUT, name)
        expect(self.owner_of_token(record.callback_token) in (None, record.owner), RecordKind.CHECKOUT, name)
        self._put(self.checkouts, record.owner, record.evolve(version=record.version + 1))
        if record.callback_token:
            self._put(self.tokens, record.callback_token, record.owner)

    def _put(self, table: dict[_Key, _Value], key: _Key, value: _Value) -> None:
        if key in table:
            former = table[key]
            self._undo.append(lambda: table.__setitem__(key, former))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value


def _version(record: CheckoutRecord | SavedMethod | None) -> int:
    return record.version if record else 0


def _with(ids: tuple[str, ...], new: str) -> tuple[str, ...]:
    return ids if new in ids else (*ids, new)
