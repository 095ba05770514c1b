"""What the application asks of a store: load aggregates, and make one commit that is either wholly there or not at all.

A commit is a value. The application builds it, the store writes it; no transaction of the store is ever open while a gateway is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import attrs

from payports.domain.checkout import CheckoutRecord
from payports.domain.history import Fact
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.saved_method import SavedMethod
from payports.ports.commit import Commit, InboxEntry, RequestRecord, Stale


class StoreFailed(Exception):
    """The store could not be read or written; ``str()`` of it is safe to log.

    After a failed ``commit`` nobody may assume whether it is there: whoever catches this must neither call a gateway nor repeat the commit
    without loading again.
    """


class StoreUnreachable(StoreFailed):
    """The store is not there now, or has no time: nothing is wrong with it that waiting may not mend."""


@attrs.frozen(kw_only=True)
class RecordedFact:
    """A fact with its place in the merchant's history.

    ``sequence`` is gap-free per payment, from 1. ``position`` rises with it, and orders the facts of all payments; it may leave gaps, and
    commits of several payments at once may take theirs in any order.
    """

    position: int
    sequence: int
    fact: Fact


class RecordSet(StrEnum):
    """What a store keeps beside payments, each under a key of its own: the key, the owner's kind and id, the gateway and the event id."""

    REQUESTS = "requests"
    CHECKOUTS = "checkouts"
    INBOX = "inbox"


@attrs.frozen(kw_only=True)
class HistoryExtent:
    """How far a merchant's history goes: the ``last`` position, where the ``delivered`` cursor stands, and how many facts are ``missing``
    below the last: none can be where positions may leave gaps."""

    last: int
    delivered: int
    missing: int = 0


def is_text(text: str) -> bool:
    """Tell whether every store can keep a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


class PaymentRepository(Protocol):
    """The store of one merchant. Reads give ``None`` or an empty tuple for what is not there.

    Anything else that is wrong raises ``StoreFailed``, such as a text with NUL or a lone surrogate, or a time without a zone, in a
    commit; then nothing was written.
    """

    def payment(self, payment_id: str) -> Payment | None:
        """Load an aggregate whole."""
        ...

    def payments_of(self, owner: Owner) -> tuple[Payment, ...]:
        """Load an owner's payments, archived ones included, oldest first (by ``created_at``, then by id)."""
        ...

    def payment_of_transaction(self, transaction_id: str) -> Payment | None:
        """Find the payment that has a transaction of ours."""
        ...

    def payment_by_reference(self, gateway: str, reference: str) -> Payment | None:
        """Find the payment that has a transaction with a gateway's reference; ``None`` if two have it, for nobody may guess."""
        ...

    def payments(self, after: str = "", limit: int = 100) -> tuple[Payment, ...]:
        """Page through all payments by id."""
        ...

    def payment_ids(self, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """Page through the ids of all payments, those that cannot be read or are gone but for a trace among them: for an audit."""
        return tuple(payment.id for payment in self.payments(after, limit))

    def index_mismatches(self, payment_id: str) -> tuple[str, ...]:  # noqa: ARG002 -- for stores that keep nothing twice
        """Say what a store keeps twice of a payment, so as to find it, and no longer agrees with what the payment holds."""
        return ()

    def keys(self, kept: RecordSet, after: tuple[str, ...] = (), limit: int = 100) -> tuple[tuple[str, ...], ...]:  # noqa: ARG002 -- as above
        """Page through the keys of what is kept beside payments, of what cannot be read as well: for an audit."""
        return ()

    def history_extent(self) -> HistoryExtent:
        """Say how far the history and its delivery have come: for an audit."""
        return HistoryExtent(last=0, delivered=0)

    def leased_beyond(self, duration: timedelta, limit: int = 100) -> tuple[str, ...]:  # noqa: ARG002 -- as above
        """List by name the leases that end later than ``duration`` from now, by the store's own clock: for an audit."""
        return ()

    def request(self, key: str) -> RequestRecord | None:
        """Find what a key was used for."""
        ...

    def checkout(self, owner: Owner) -> CheckoutRecord | None:
        """Find the checkout of an owner."""
        ...

    def checkout_by_token(self, callback_token: str) -> CheckoutRecord | None:
        """Find the checkout that a callback token belongs to."""
        ...

    def open_checkouts(self, before: datetime, limit: int = 100) -> tuple[CheckoutRecord, ...]:
        """List checkouts that are running or waiting and whose ``lease_until`` lies before a time, the longest overdue first. What is
        leased (``checkout_lease``) is left out."""
        ...

    def saved_method(self, saved_method_id: str) -> SavedMethod | None:
        """Load a saved method, archived or not."""
        ...

    def saved_methods_of(self, customer: Customer) -> tuple[SavedMethod, ...]:
        """Load a customer's saved methods, archived ones included, oldest first (by ``created_at``, then by id)."""
        ...

    def inbox_entry(self, gateway: str, event_id: str) -> InboxEntry | None:
        """Find a notification that was received before."""
        ...

    def parked(self, due_before: datetime, limit: int = 100) -> tuple[InboxEntry, ...]:
        """List parked notifications whose ``due_at`` has come, the longest overdue first. What is leased (``notification_lease``) is
        left out."""
        ...

    def due(self, now: datetime, limit: int = 100) -> tuple[str, ...]:
        """List ids of payments with a transaction whose ``due_at`` has come, the longest overdue first, each once. What is leased
        (``payment_lease``), or goes through a gateway that is (``gateway_lease``), is left out."""
        ...

    def needing_attention(self, after: str = "", limit: int = 1_000) -> tuple[Payment, ...]:
        """Page by id through payments with a transaction that ``domain.attention.may_need_attention`` picked when it was written."""
        ...

    def history(self, payment_id: str) -> tuple[RecordedFact, ...]:
        """The facts of a payment, oldest first."""
        ...

    def undelivered(self, limit: int = 100) -> tuple[RecordedFact, ...]:
        """The facts behind the delivery cursor, by position: none of a lower position comes later."""
        ...

    def delivered(self, position: int) -> None:
        """Move the delivery cursor to a position that ``undelivered`` gave; it never moves back, nor beyond the last fact.

        Anybody may, at any time: whoever was overtaken by another notes only what a handler has taken.
        """
        ...

    def lease(self, names: tuple[str, ...], holder: str, duration: timedelta) -> frozenset[str]:
        """Take those names that are free, run out or this holder's already, from now until ``duration`` later by the store's own clock.

        Leases keep many workers from doing the same work. Safety never rests on them, for a worker may sleep through the end of its
        lease and not know: what keeps it from spoiling another's work is the version that every commit states.
        """
        ...

    def release(self, names: tuple[str, ...], holder: str) -> None:
        """Give back those names that this holder has."""
        ...

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        """Write one commit, durably, or nothing.

        Failures:
            Stale: a version, key or record is not as expected; nothing was written.
        """
        ...


class Store(Protocol):
    """A store of all merchants. Safe to share between threads; refuses to be used in a forked child."""

    def of(self, merchant: str) -> PaymentRepository:
        """The repository of one merchant; nothing of another is visible in it."""
        ...

    def check(self) -> Mapping[str, str]:
        """Say what the store is and how it is set, for people; raise ``StoreFailed`` if it cannot be used."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
