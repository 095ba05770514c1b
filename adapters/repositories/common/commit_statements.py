"""What one commit writes, as steps in an order that cannot deadlock: a payment, one transaction and one fact take three."""

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

_own: Final = attrgetter(*(one.name for one in attrs.fields(Payment) if one.name not in ("transactions", "version")))
"""What a payment is beside its ledger; most commits leave it as it was."""


@attrs.frozen
class Step:
    """A statement that must write exactly one row; else the commit is refused as ``stale``."""

    statement: str
    row: Row = attrs.field(repr=False)  # it reveals tokens
    stale: Stale


def steps(commit: Commit) -> Iterator[Step]:
    """All that a commit writes, each row without its merchant. Every store takes records in this order, so that none waits in a circle."""
    for change in in_order(commit):
        yield from _change(change)
    for request in sorted(commit.requests, key=attrgetter("key")):
        yield Step(statements.ADD_REQUEST, record_rows.request_row(request), Stale(RecordKind.REQUEST, request.key))
    for checkout in sorted(commit.checkouts, key=attrgetter("owner.kind", "owner.id")):
        yield _checkout(checkout)
    for saved in sorted(commit.saved_methods, key=attrgetter("id")):
        yield _saved_method(saved)
    for entry in sorted(commit.inbox, key=attrgetter("gateway", "event_id")):
        stale = Stale(RecordKind.NOTIFICATION, f"{entry.gateway} {entry.event_id}")
        yield Step(statements.PUT_INBOX_ENTRY, record_rows.inbox_row(entry), stale)


def in_order(commit: Commit) -> list[Change]:
    """The changes by the ids of their payments."""
    return sorted(commit.changes, key=attrgetter("after.id"))


def to_write(change: Change) -> Iterator[tuple[int, Transaction]]:
    """The transactions whose rows no longer say what is true, with their places in the ledger."""
    before, after = change.before, change.after
    known = before.by_id if before and before.gateway == after.gateway else dict[str, Transaction]()
    for ordinal, one in enumerate(after.transactions):
        former = known.get(one.id)
        if (
            former is None
            or former is not one
            or may_need_attention(before or after, former) != may_need_attention(after, one)
        ):
            yield ordinal, one


def _change(change: Change) -> Iterator[Step]:
    after, facts = change.after, len(change.facts)
    yield _payment(change.before, after, facts)
    for ordinal, one in to_write(change):
        yield Step(
            statements.PUT_TRANSACTION,
            payment_rows.transaction_row(after, one, ordinal),
            Stale(RecordKind.TRANSACTION, one.id),
        )
    for left, fact in zip(reversed(range(facts)), change.facts, strict=True):
        yield Step(statements.TELL, (left, *payment_rows.fact_row(fact)), Stale(RecordKind.PAYMENT, after.id))


def _payment(before: Payment | None, after: Payment, facts: int) -> Step:
    stale = Stale(RecordKind.PAYMENT, after.id)
    if before is None:
        return Step(statements.ADD_PAYMENT, (*payment_rows.payment_row(after), 1, facts), stale)
    if _own(before) == _own(after):
        return Step(statements.TOUCH_PAYMENT, (after.id, before.version, facts), stale)
    return Step(statements.CHANGE_PAYMENT, (*payment_rows.payment_row(after), before.version, facts), stale)


def _checkout(record: CheckoutRecord) -> Step:
    row, stale = record_rows.checkout_row(record), Stale(RecordKind.CHECKOUT, f"{record.owner.kind} {record.owner.id}")
    if record.version == 0:
        return Step(statements.ADD_CHECKOUT, (*row, 1), stale)
    return Step(statements.CHANGE_CHECKOUT, (*row, record.version), stale)


def _saved_method(saved: SavedMethod) -> Step:
    row, stale = record_rows.saved_method_row(saved), Stale(RecordKind.SAVED_METHOD, saved.id)
    if saved.version == 0:
        return Step(statements.ADD_SAVED_METHOD, (*row, 1), stale)
    return Step(statements.CHANGE_SAVED_METHOD, (*row, saved.version), stale)
