"""The port of a store: load aggregates, and write a commit completely or not at all.

A commit is a value that the application builds and the store writes. No transaction of the store is open while a gateway is called.
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

    After a failed ``commit`` it is unknown whether it was written: do not call a gateway, and do not repeat the commit without loading
    again.
    """


class StoreUnreachable(StoreFailed):
    """The store cannot be reached now, or is overloaded; waiting may help."""


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
    """The records that a store keeps beside payments. Their keys: the request's key; the owner's kind and id; the gateway and event id."""

    REQUESTS = "requests"
    CHECKOUTS = "checkouts"
    INBOX = "inbox"


@attrs.frozen(kw_only=True)
class HistoryExtent:
    """The extent of a merchant's history: the ``last`` position, the ``delivered`` cursor, and how many facts are ``missing`` below the
    last (always 0 in a store whose positions may have gaps)."""

    last: int
    delivered: int
    missing: int = 0


def is_text(text: str) -> bool:
    """Tell whether every store can store a text."""
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
        """Find the payment that has a transaction with a gateway's reference; ``None`` if two payments have it."""
        ...

    def payments(self, after: str = "", limit: int = 100) -> tuple[Payment, ...]:
        """Page through all payments by id."""
        ...

    def payment_ids(self, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """Page through the ids of all payments, including unreadable ones and those of which only traces are left. For the audit."""
        return tuple(payment.id for payment in self.payments(after, limit))

    def index_mismatches(self, payment_id: str) -> tuple[str, ...]:  # noqa: ARG002 -- for stores without an index
        """Describe the index entries of a payment that no longer agree with the payment. For the audit."""
        return ()

    def keys(self, kept: RecordSet, after: tuple[str, ...] = (), limit: int = 100) -> tuple[tuple[str, ...], ...]:  # noqa: ARG002 -- as above
        """Page through the keys of related records, including unreadable ones. For the audit."""
        return ()

    def history_extent(self) -> HistoryExtent:
        """Return how far the history and its delivery reach. For the audit."""
        return HistoryExtent(last=0, delivered=0)

    def leased_beyond(self, duration: timedelta, limit: int = 100) -> tuple[str, ...]:  # noqa: ARG002 -- as above
        """List by name the leases that end later than ``duration`` from now, by the store's own clock. For the audit."""
        return ()

    def request(self, key: str) -> RequestRecord | None:
        """Find the idempotency record of a key."""
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

        Any worker may move it at any time: a position that was passed already changes nothing.
        """
        ...

    def lease(self, names: tuple[str, ...], holder: str, duration: timedelta) -> frozenset[str]:
        """Take the names that are free, expired or held by this holder already, until ``duration`` from now by the store's own clock.

        Leases keep workers from doing the same work. Safety does not rest on them, because a worker may sleep past the end of its
        lease: the version in every commit protects the work of others.
        """
        ...

    def release(self, names: tuple[str, ...], holder: str) -> None:
        """Release the names that this holder has."""
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
        """Describe the store and its settings for people; raise ``StoreFailed`` if it cannot be used."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
