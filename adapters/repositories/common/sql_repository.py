"""The repository of one merchant in a relational database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

import attrs
from returns.result import Failure, Success

from payports.adapters.repositories.common import payment_rows, record_rows, statements
from payports.adapters.repositories.common.commit_statements import RowWrite, row_writes
from payports.adapters.repositories.common.executor import SqlExecutor
from payports.adapters.repositories.common.json_codec import Column, require_storable, utc_text
from payports.adapters.repositories.common.version_conflict import VersionConflict
from payports.domain.checkout import CheckoutRecord
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.saved_method import SavedMethod
from payports.ports.commit import Commit, InboxEntry, RequestRecord, Stale
from payports.ports.store import HistoryExtent, PaymentRepository, RecordedFact, RecordSet, StoreFailed, is_text

_Value = TypeVar("_Value")
_MICROSECOND: Final = timedelta(microseconds=1)


@attrs.frozen
class SqlRepository(PaymentRepository):
    """Reads and writes by ``statements`` only, so that all relational stores behave alike."""

    _sql: SqlExecutor
    _merchant: str

    def payment(self, payment_id: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT, payment_id))

    def payments_of(self, owner: Owner) -> tuple[Payment, ...]:
        return self._payments(statements.PAYMENTS_OF_OWNER, owner.kind, owner.id)

    def payment_of_transaction(self, transaction_id: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT_OF_TRANSACTION, transaction_id))

    def payment_by_reference(self, gateway: str, reference: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT_BY_REFERENCE, gateway, reference))

    def payments(self, after: str = "", limit: int = 100) -> tuple[Payment, ...]:
        return self._payments(statements.PAYMENTS, after, max(0, limit))

    def payment_ids(self, after: str = "", limit: int = 100) -> tuple[str, ...]:
        return self._records(itemgetter(0), statements.PAYMENT_IDS, after, max(0, limit))

    def index_mismatches(self, payment_id: str) -> tuple[str, ...]:
        payment = self.payment(payment_id)
        counted = self._records(_fact_counts, statements.COUNT_FACTS, payment_id)
        rows = self._records(tuple[Column, ...], statements.ROWS, payment_id)
        return payment_rows.index_mismatches(payment, rows, *counted[0]) if payment and counted else ()

    def keys(self, kept: RecordSet, after: tuple[str, ...] = (), limit: int = 100) -> tuple[tuple[str, ...], ...]:
        first = ("",) if kept is RecordSet.REQUESTS else ("", "")
        return self._records(tuple[str, ...], statements.KEYS[kept], *(after or first), max(0, limit))

    def history_extent(self) -> HistoryExtent:
        ((last, delivered, facts),) = self._records(tuple[Any, ...], statements.REACH, int(self._sql.gapless))
        return HistoryExtent(last=last, delivered=delivered, missing=0 if facts is None else last - facts)

    def leased_beyond(self, duration: timedelta, limit: int = 100) -> tuple[str, ...]:
        return self._records(itemgetter(0), statements.LEASED_BEYOND, duration // _MICROSECOND, max(0, limit))

    def needing_attention(self, after: str = "", limit: int = 1_000) -> tuple[Payment, ...]:
        return self._payments(statements.NEEDING_ATTENTION, after, max(0, limit))

    def request(self, key: str) -> RequestRecord | None:
        return _only(self._records(record_rows.read_request, statements.REQUEST, key))

    def checkout(self, owner: Owner) -> CheckoutRecord | None:
        return _only(self._records(record_rows.read_checkout, statements.CHECKOUT, owner.kind, owner.id))

    def checkout_by_token(self, callback_token: str) -> CheckoutRecord | None:
        return _only(self._records(record_rows.read_checkout, statements.CHECKOUT_BY_TOKEN, callback_token))

    def open_checkouts(self, before: datetime, limit: int = 100) -> tuple[CheckoutRecord, ...]:
        return self._records(record_rows.read_checkout, statements.OPEN_CHECKOUTS, utc_text(before), max(0, limit))

    def saved_method(self, saved_method_id: str) -> SavedMethod | None:
        return _only(self._records(record_rows.read_saved_method, statements.SAVED_METHOD, saved_method_id))

    def saved_methods_of(self, customer: Customer) -> tuple[SavedMethod, ...]:
        return self._records(record_rows.read_saved_method, statements.SAVED_METHODS_OF_CUSTOMER, customer.id)

    def inbox_entry(self, gateway: str, event_id: str) -> InboxEntry | None:
        return _only(self._records(record_rows.read_inbox_entry, statements.INBOX_ENTRY, gateway, event_id))

    def parked(self, due_before: datetime, limit: int = 100) -> tuple[InboxEntry, ...]:
        return self._records(record_rows.read_inbox_entry, statements.PARKED, utc_text(due_before), max(0, limit))

    def due(self, now: datetime, limit: int = 100) -> tuple[str, ...]:
        return self._records(itemgetter(0), statements.DUE, utc_text(now), max(0, limit))

    def history(self, payment_id: str) -> tuple[RecordedFact, ...]:
        return self._records(payment_rows.read_fact, statements.HISTORY, payment_id)

    def undelivered(self, limit: int = 100) -> tuple[RecordedFact, ...]:
        return self._records(
            payment_rows.read_fact, statements.UNDELIVERED, self._sql.stable_position(self._merchant), max(0, limit)
        )

    def delivered(self, position: int) -> None:
        self._execute_many(statements.DELIVERED, (position,))

    def lease(self, names: tuple[str, ...], holder: str, duration: timedelta) -> frozenset[str]:
        distinct, microseconds = sorted(set(names)), duration // _MICROSECOND
        counts = self._execute_many(statements.LEASE, *((name, holder, microseconds) for name in distinct))
        return frozenset(name for name, count in zip(distinct, counts, strict=True) if count)

    def release(self, names: tuple[str, ...], holder: str) -> None:
        self._execute_many(statements.RELEASE, *((name, holder) for name in sorted(set(names))))

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        try:
            self._sql.write(self._merchant, _prepared(commit))
        except VersionConflict as conflict:
            return Failure(conflict.stale)
        return Success(None)

    def _payments(self, statement: str, *parameters: Column) -> tuple[Payment, ...]:
        return _read_payments(self._select(statement, parameters))

    def _records(
        self, read: Callable[[payment_rows.DatabaseRow], _Value], statement: str, *parameters: Column
    ) -> tuple[_Value, ...]:
        return tuple(map(read, self._select(statement, parameters)))

    def _select(self, statement: str, parameters: tuple[Column, ...]) -> Iterable[payment_rows.DatabaseRow]:
        if not all(is_text(parameter) for parameter in parameters if isinstance(parameter, str)):
            return ()  # a text that cannot be stored is not there
        return self._sql.select(statement, (self._merchant, *parameters))

    def _execute_many(self, statement: str, *rows: tuple[Column, ...]) -> list[int]:
        return self._sql.execute_many(statement, [require_storable((self._merchant, *row)) for row in rows])


def _prepared(commit: Commit) -> list[RowWrite]:
    try:
        return list(row_writes(commit))
    except StoreFailed as failed:
        reason = str(failed)
    raise StoreFailed(reason)  # outside the except: the frames of the cause may hold data that must not be shown


def _fact_counts(row: payment_rows.DatabaseRow) -> tuple[int, int]:
    stored, recorded = row
    return stored, recorded


_PAYMENT: Final = slice(0, len(payment_rows.PAYMENT_COLUMNS))
_VERSION: Final = len(payment_rows.PAYMENT_COLUMNS)
_TRANSACTION: Final = slice(_VERSION + 1, None)


def _read_payments(rows: Iterable[payment_rows.DatabaseRow]) -> tuple[Payment, ...]:
    return tuple(_read_payment(list(group)) for _, group in groupby(rows, key=itemgetter(0)))


def _read_payment(rows: list[payment_rows.DatabaseRow]) -> Payment:
    """Read a payment from its rows: one per transaction, or a single row without a transaction."""
    transactions = tuple(
        payment_rows.read_transaction(row[_TRANSACTION]) for row in rows if row[_TRANSACTION][0] is not None
    )
    return payment_rows.read_payment(rows[0][_PAYMENT], rows[0][_VERSION], transactions)


def _only(records: tuple[_Value, ...]) -> _Value | None:
    return records[0] if len(records) == 1 else None
