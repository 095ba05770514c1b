"""The statements of one commit, in an order that cannot deadlock."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

import attrs

from payports.adapters.repositories.common import payment_rows, record_rows, statements
from payports.adapters.repositories.common.json_codec import Row
from payports.domain.attention import may_need_attention
from payports.domain.checkout import CheckoutRecord
from payports.domain.payment import Payment
from payports.domain.saved_method import SavedMethod
from payports.domain.transaction import Transaction
from payports.ports.commit import Change, Commit, RecordKind, Stale

_fields_beside_ledger: Final = attrgetter(
    *(field.name for field in attrs.fields(Payment) if field.name not in ("transactions", "version"))
)
"""Most commits do not change these."""


@attrs.frozen
class RowWrite:
    """A statement that must write exactly one row, or the commit is refused as ``stale``. The merchant is not in ``row``."""

    statement: str
    row: Row = attrs.field(repr=False)  # contains payment method tokens
    stale: Stale


def row_writes(commit: Commit) -> Iterator[RowWrite]:
    """List the statements of a commit. Every commit locks records in this order, so that two commits cannot deadlock."""
    for change in changes_in_order(commit):
        yield from _change(change)
    for request in sorted(commit.requests, key=attrgetter("key")):
        yield RowWrite(statements.ADD_REQUEST, record_rows.request_row(request), Stale(RecordKind.REQUEST, request.key))
    for checkout in sorted(commit.checkouts, key=attrgetter("owner.kind", "owner.id")):
        yield _checkout(checkout)
    for saved in sorted(commit.saved_methods, key=attrgetter("id")):
        yield _saved_method(saved)
    for entry in sorted(commit.inbox, key=attrgetter("gateway", "event_id")):
        stale = Stale(RecordKind.NOTIFICATION, f"{entry.gateway} {entry.event_id}")
        yield RowWrite(statements.PUT_INBOX_ENTRY, record_rows.inbox_row(entry), stale)


def changes_in_order(commit: Commit) -> list[Change]:
    """Sort the changes of a commit by payment id."""
    return sorted(commit.changes, key=attrgetter("after.id"))


def transactions_to_write(change: Change) -> Iterator[tuple[int, Transaction]]:
    """List the transactions whose stored rows are missing or out of date, each with its ordinal in the ledger."""
    before, after = change.before, change.after
    stored = before.by_id if before and before.gateway == after.gateway else dict[str, Transaction]()
    for ordinal, transaction in enumerate(after.transactions):
        former = stored.get(transaction.id)
        if (
            former is None
            or former is not transaction
            or may_need_attention(before or after, former) != may_need_attention(after, transaction)
        ):
            yield ordinal, transaction


def _change(change: Change) -> Iterator[RowWrite]:
    after, facts = change.after, len(change.facts)
    yield _payment(change.before, after, facts)
    for ordinal, transaction in transactions_to_write(change):
        yield RowWrite(
            statements.PUT_TRANSACTION,
            payment_rows.transaction_row(after, transaction, ordinal),
            Stale(RecordKind.TRANSACTION, transaction.id),
        )
    for facts_after, fact in zip(reversed(range(facts)), change.facts, strict=True):
        yield RowWrite(
            statements.ADD_FACT, (facts_after, *payment_rows.fact_row(fact)), Stale(RecordKind.PAYMENT, after.id)
        )


def _payment(before: Payment | None, after: Payment, facts: int) -> RowWrite:
    stale = Stale(RecordKind.PAYMENT, after.id)
    if before is None:
        return RowWrite(statements.ADD_PAYMENT, (*payment_rows.payment_row(after), 1, facts), stale)
    if _fields_beside_ledger(before) == _fields_beside_ledger(after):
        return RowWrite(statements.TOUCH_PAYMENT, (after.id, before.version, facts), stale)
    return RowWrite(statements.CHANGE_PAYMENT, (*payment_rows.payment_row(after), before.version, facts), stale)


def _checkout(record: CheckoutRecord) -> RowWrite:
    row, stale = record_rows.checkout_row(record), Stale(RecordKind.CHECKOUT, f"{record.owner.kind} {record.owner.id}")
    if record.version == 0:
        return RowWrite(statements.ADD_CHECKOUT, (*row, 1), stale)
    return RowWrite(statements.CHANGE_CHECKOUT, (*row, record.version), stale)


def _saved_method(saved: SavedMethod) -> RowWrite:
    row, stale = record_rows.saved_method_row(saved), Stale(RecordKind.SAVED_METHOD, saved.id)
    if saved.version == 0:
        return RowWrite(statements.ADD_SAVED_METHOD, (*row, 1), stale)
    return RowWrite(statements.CHANGE_SAVED_METHOD, (*row, saved.version), stale)
