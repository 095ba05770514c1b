"""One merchant's part of an SQLite file: one statement a load, and few a commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, TypeVar

import attrs
from returns.result import Failure, Success

from payports.adapters.repositories import codec, records, statements
from payports.adapters.repositories.committing import write
from payports.adapters.repositories.database import Database
from payports.adapters.repositories.documents import Column, instant, is_text
from payports.adapters.repositories.refused import Refused
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.saved_method import SavedMethod
from payports.ports.store import (
    CheckoutRecord,
    Commit,
    InboxEntry,
    PaymentRepository,
    RecordedFact,
    RequestRecord,
    Stale,
)

_Value = TypeVar("_Value")


@attrs.frozen
class SqliteRepository(PaymentRepository):
    """Reads here; ``committing`` writes."""

    _database: Database
    _merchant: str

    def payment(self, payment_id: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT, payment_id))

    def payments_of(self, owner: Owner) -> tuple[Payment, ...]:
        return self._payments(statements.PAYMENTS_OF_OWNER, owner.kind, owner.id)

    def payment_of_transaction(self, transaction_id: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT_OF_TRANSACTION, self._merchant, transaction_id))

    def payment_by_reference(self, gateway: str, reference: str) -> Payment | None:
        return _only(self._payments(statements.PAYMENT_BY_REFERENCE, self._merchant, gateway, reference))

    def payments(self, after: str = "", limit: int = 100) -> tuple[Payment, ...]:
        return self._payments(statements.PAYMENTS, self._merchant, after, max(0, limit))

    def needing_attention(self, limit: int = 1_000) -> tuple[Payment, ...]:
        return self._payments(statements.NEEDING_ATTENTION, self._merchant, max(0, limit))

    def request(self, key: str) -> RequestRecord | None:
        return _only(self._records(records.read_request, statements.REQUEST, key))

    def checkout(self, owner: Owner) -> CheckoutRecord | None:
        return _only(self._records(records.read_checkout, statements.CHECKOUT, owner.kind, owner.id))

    def checkout_by_token(self, callback_token: str) -> CheckoutRecord | None:
        return _only(self._records(records.read_checkout, statements.CHECKOUT_BY_TOKEN, callback_token))

    def open_checkouts(self, before: datetime, limit: int = 100) -> tuple[CheckoutRecord, ...]:
        return self._records(records.read_checkout, statements.OPEN_CHECKOUTS, instant(before), max(0, limit))

    def saved_method(self, saved_method_id: str) -> SavedMethod | None:
        return _only(self._records(records.read_saved_method, statements.SAVED_METHOD, saved_method_id))

    def saved_methods_of(self, customer: Customer) -> tuple[SavedMethod, ...]:
        return self._records(records.read_saved_method, statements.SAVED_METHODS_OF_CUSTOMER, customer.id)

    def inbox_entry(self, gateway: str, event_id: str) -> InboxEntry | None:
        return _only(self._records(records.read_inbox_entry, statements.INBOX_ENTRY, gateway, event_id))

    def parked(self, due_before: datetime, limit: int = 100) -> tuple[InboxEntry, ...]:
        return self._records(records.read_inbox_entry, statements.PARKED, instant(due_before), max(0, limit))

    def due(self, now: datetime, limit: int = 100) -> tuple[str, ...]:
        return self._read(lambda rows: tuple(islice(_distinct(rows), max(0, limit))), statements.DUE, instant(now))

    def history(self, payment_id: str) -> tuple[RecordedFact, ...]:
        return self._records(codec.read_fact, statements.HISTORY, payment_id)

    def undelivered(self, limit: int = 100) -> tuple[RecordedFact, ...]:
        return self._records(codec.read_fact, statements.UNDELIVERED, self._merchant, max(0, limit))

    def delivered(self, position: int) -> None:
        row = (self._merchant, position, self._merchant)
        self._database.write(lambda connection: connection.execute(statements.DELIVERED, row))

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        try:
            self._database.write(lambda connection: write(connection, self._merchant, commit))
        except Refused as refused:
            return Failure(Stale(refused.what))
        return Success(None)

    def _payments(self, statement: str, *parameters: Column) -> tuple[Payment, ...]:
        return self._read(_read_payments, statement, *parameters)

    def _records(self, read: Callable[[codec.Read], _Value], statement: str, *parameters: Column) -> tuple[_Value, ...]:
        return self._read(lambda rows: tuple(map(read, rows)), statement, *parameters)

    def _read(
        self, read: Callable[[Iterator[codec.Read]], tuple[_Value, ...]], statement: str, *parameters: Column
    ) -> tuple[_Value, ...]:
        if not all(is_text(one) for one in parameters if isinstance(one, str)):
            return ()  # what cannot be kept is not there

        def select(connection: sqlite3.Connection) -> tuple[_Value, ...]:
            with closing(connection.execute(statement, (self._merchant, *parameters))) as rows:
                return read(rows)

        return self._database.run(select)


_PAYMENT: Final = slice(0, len(codec.PAYMENT))
_VERSION: Final = len(codec.PAYMENT)
_TRANSACTION: Final = slice(_VERSION + 1, None)


def _read_payments(rows: Iterable[codec.Read]) -> tuple[Payment, ...]:
    return tuple(_read_payment(list(group)) for _, group in groupby(rows, key=itemgetter(0)))


def _read_payment(rows: list[codec.Read]) -> Payment:
    """A payment from its rows: one a transaction, and one with no transaction in it if there are none."""
    transactions = tuple(codec.read_transaction(row[_TRANSACTION]) for row in rows if row[_TRANSACTION][0] is not None)
    return codec.read_payment(rows[0][_PAYMENT], rows[0][_VERSION], transactions)


def _distinct(rows: Iterable[codec.Read]) -> Iterator[str]:
    """The first column, each value once: read only as far as somebody asks."""
    met = set[str]()
    for row in rows:
        if row[0] not in met:
            met.add(row[0])
            yield row[0]


def _only(found: tuple[_Value, ...]) -> _Value | None:
    return found[0] if len(found) == 1 else None
