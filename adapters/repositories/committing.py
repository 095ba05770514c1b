"""What one commit writes to SQLite, inside a transaction that is open: a payment and one transaction take three statements."""

from __future__ import annotations

import sqlite3
from operator import attrgetter
from typing import Final

import attrs

from payports.adapters.repositories import codec, records, statements
from payports.adapters.repositories.documents import Row
from payports.adapters.repositories.refused import expect
from payports.domain.payment import Payment
from payports.domain.saved_method import SavedMethod
from payports.domain.transaction import Transaction
from payports.ports.store import Change, CheckoutRecord, Commit

_own: Final = attrgetter(*(one.name for one in attrs.fields(Payment) if one.name not in ("transactions", "version")))
"""What a payment is beside its ledger; most commits leave it as it was."""


def write(connection: sqlite3.Connection, merchant: str, commit: Commit) -> None:
    """Write all parts of a commit, or raise ``Refused`` at the first record that is not as expected."""
    writing = _Writing(connection, merchant)
    for change in commit.changes:
        writing.change(change)
    for request in commit.requests:
        writing.put(statements.ADD_REQUEST, records.request_row(request), f"request {request.key}")
    for checkout in commit.checkouts:
        writing.checkout(checkout)
    for saved in commit.saved_methods:
        writing.saved_method(saved)
    for entry in commit.inbox:
        writing.put(statements.PUT_INBOX_ENTRY, records.inbox_row(entry), "")


@attrs.frozen
class _Writing:
    connection: sqlite3.Connection
    merchant: str

    def put(self, statement: str, row: Row, what: str) -> None:
        expect(self.connection.execute(statement, (self.merchant, *row)).rowcount == 1, what)

    def change(self, change: Change) -> None:
        before, after = change.before, change.after
        told = self._payment(before, after, len(change.facts))
        known = before.by_id if before and before.gateway == after.gateway else dict[str, Transaction]()
        for ordinal, one in enumerate(after.transactions):
            if one is not known.get(one.id):
                row = codec.transaction_row(after, one, ordinal)
                self.put(statements.PUT_TRANSACTION, row, f"transaction {one.id}")
        self.connection.executemany(
            statements.TELL,
            [
                (self.merchant, self.merchant, sequence, *codec.fact_row(fact))
                for sequence, fact in enumerate(change.facts, start=told + 1)
            ],
        )

    def _payment(self, before: Payment | None, after: Payment, facts: int) -> int:
        """Write the payment; gives how many facts were told of it before."""
        what = f"payment {after.id}"
        if before is None:
            self.put(statements.ADD_PAYMENT, (*codec.payment_row(after), 1, facts), what)
            return 0
        key = (facts, self.merchant, after.id, before.version)
        if _own(before) == _own(after):
            found = self.connection.execute(statements.TOUCH_PAYMENT, key).fetchall()
        else:
            found = self.connection.execute(statements.CHANGE_PAYMENT, (*codec.payment_row(after), *key)).fetchall()
        expect(bool(found), what)
        total: int = found[0][0]
        return total - facts

    def checkout(self, record: CheckoutRecord) -> None:
        row, owner = records.checkout_row(record), record.owner
        what = f"checkout {owner.kind} {owner.id}"
        if record.version == 0:
            self.put(statements.ADD_CHECKOUT, (*row, 1), what)
        else:
            self._update(statements.CHANGE_CHECKOUT, (*row, self.merchant, owner.kind, owner.id, record.version), what)

    def saved_method(self, saved: SavedMethod) -> None:
        row, what = records.saved_method_row(saved), f"saved method {saved.id}"
        if saved.version == 0:
            self.put(statements.ADD_SAVED_METHOD, (*row, 1), what)
        else:
            self._update(statements.CHANGE_SAVED_METHOD, (*row, self.merchant, saved.id, saved.version), what)

    def _update(self, statement: str, row: Row, what: str) -> None:
        expect(self.connection.execute(statement, row).rowcount == 1, what)
