"""A commit as a value: the changes and records that a store writes together or not at all, and the version conflict that refuses it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict, Unpack

import attrs

from payports.domain.checkout import CheckoutRecord
from payports.domain.history import Fact
from payports.domain.observation import Observation
from payports.domain.payment import Payment
from payports.domain.replacing import replaced
from payports.domain.saved_method import SavedMethod


@attrs.frozen(kw_only=True)
class Change:
    """A payment before and after, and the facts of the change. ``before`` is ``None`` for a new payment.

    The store refuses the commit unless the stored version is ``before.version``; it writes ``after`` with ``before.version + 1`` (a new one
    with 1), whatever version ``after`` carries. ``ValueError`` for a change that the core never makes: to another payment, or to a
    ledger that does not begin with the former one.
    """

    before: Payment | None
    after: Payment
    facts: tuple[Fact, ...]

    def __attrs_post_init__(self) -> None:
        before = self.before or attrs.evolve(self.after, transactions=())
        if {self.after.id, *(fact.payment_id for fact in self.facts)} != {before.id}:
            raise ValueError("a change is about one payment")
        ids = [transaction.id for transaction in self.after.transactions]
        former = [transaction.id for transaction in before.transactions]
        if ids[: len(former)] != former or len(set(ids)) != len(ids):
            raise ValueError("a ledger only grows, and names each transaction once")


@attrs.frozen(kw_only=True)
class RequestRecord:
    """An idempotency record: what a key was first used for. ``plan`` is what a request over several payments decided, as JSON."""

    key: str
    fingerprint: str
    payment_id: str = ""
    plan: str = ""


@attrs.frozen(kw_only=True)
class InboxEntry:
    """A notification that was received: applied, or parked until its transaction is known (``due_at`` set).

    Its key is the gateway and the event id.
    """

    gateway: str
    event_id: str
    received_at: datetime
    seen: Observation
    due_at: datetime | None = None
    tries: int = 0


class CommitChange(TypedDict, total=False):
    """What a unit of work adds to a commit."""

    changes: tuple[Change, ...]
    checkouts: tuple[CheckoutRecord, ...]


@attrs.frozen(kw_only=True, slots=False)
class Commit:
    """One commit of one merchant. ``requests`` are new keys; ``checkouts`` and ``saved_methods`` replace their former version (0: new);
    ``inbox`` entries replace those of the same gateway and event id."""

    changes: tuple[Change, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
    checkouts: tuple[CheckoutRecord, ...] = ()
    saved_methods: tuple[SavedMethod, ...] = ()
    inbox: tuple[InboxEntry, ...] = ()

    def evolve(self, **changes: Unpack[CommitChange]) -> Commit:
        """Copy the commit with some fields replaced."""
        return replaced(self, changes)


class RecordKind(StrEnum):
    """What a commit writes, by the word that names it to a person."""

    PAYMENT = "payment"
    TRANSACTION = "transaction"
    REQUEST = "request"
    CHECKOUT = "checkout"
    SAVED_METHOD = "saved method"
    NOTIFICATION = "notification"


@attrs.frozen
class Stale:
    """A version conflict: another writer was faster, or a key or record exists already. Nothing was written; load and decide again.

    ``kind`` and ``id`` name the first record in the way. A checkout's id is its owner's kind and id, a notification's the gateway and the
    event id, each with a blank between.
    """

    kind: RecordKind
    id: str

    @property
    def name(self) -> str:
        """The record for a message, such as ``payment p-1``."""
        return f"{self.kind} {self.id}"
