"""The in-memory store, for tests and trials. It behaves exactly as the SQLite store does."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from operator import attrgetter
from threading import Lock
from typing import Final

from returns.result import Failure, Success

from payports.adapters.option_reading import ConfigurationError
from payports.adapters.repositories.common.json_codec import require_storable, require_storable_merchant
from payports.adapters.repositories.common.version_conflict import VersionConflict
from payports.adapters.repositories.memory.tables import Tables
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.saved_method import SavedMethod
from payports.ports.clock import Clock
from payports.ports.commit import Commit, InboxEntry, RequestRecord, Stale
from payports.ports.leases import checkout_lease, gateway_lease, notification_lease, payment_lease
from payports.ports.store import HistoryExtent, PaymentRepository, RecordedFact, RecordSet, Store, StoreFailed

_OPEN: Final = frozenset({CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS})


def connect(url: str, options: Mapping[str, object], clock: Clock) -> Store:
    """Open an empty store for ``memory:``, which has no options."""
    if url != "memory:":
        raise ConfigurationError("store.url", "must be memory: and nothing else")
    if options:
        raise ConfigurationError(f"store.{min(options)}", "unknown key")
    return MemoryStore(clock.now)


class MemoryStore(Store):
    """The tables of all merchants behind one lock. ``now`` is the clock that leases run by."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now: Final = now
        self._tables: defaultdict[str, Tables] = defaultdict(Tables)
        self._lock = Lock()
        self._process = os.getpid()
        self._closed = False

    def of(self, merchant: str) -> PaymentRepository:
        return MemoryRepository(self, require_storable_merchant(merchant))

    def check(self) -> Mapping[str, str]:
        with self.tables(""):
            return {"store": "memory", "durable": "no: everything is lost when the process ends"}

    def close(self) -> None:
        self._closed = True

    @contextmanager
    def tables(self, merchant: str) -> Generator[Tables]:
        """Take the tables of a merchant for the block; no other thread uses the store meanwhile."""
        if os.getpid() != self._process:
            raise StoreFailed("the store was opened before a fork: open it anew in the child process")
        with self._lock:
            if self._closed:
                raise StoreFailed("the store is closed")
            yield self._tables[merchant]


class MemoryRepository(PaymentRepository):
    """One merchant's part of a ``MemoryStore``."""

    def __init__(self, store: MemoryStore, merchant: str) -> None:
        self._store = store
        self._merchant = merchant

    def payment(self, payment_id: str) -> Payment | None:
        with self._tables() as tables:
            return tables.payments.get(payment_id)

    def payments_of(self, owner: Owner) -> tuple[Payment, ...]:
        with self._tables() as tables:
            payments = [payment for payment in tables.candidates(tables.owners, owner) if payment.owner == owner]
            return tuple(sorted(payments, key=attrgetter("created_at", "id")))

    def payment_of_transaction(self, transaction_id: str) -> Payment | None:
        with self._tables() as tables:
            payment_id = tables.transactions.get(transaction_id)
            return None if payment_id is None else tables.payments[payment_id]

    def payment_by_reference(self, gateway: str, reference: str) -> Payment | None:
        with self._tables() as tables:
            payments = [
                payment
                for payment in tables.candidates(tables.references, reference)
                if payment.gateway == gateway
                and any(transaction.gateway_reference == reference for transaction in payment.transactions)
            ]
            return payments[0] if len(payments) == 1 else None

    def payments(self, after: str = "", limit: int = 100) -> tuple[Payment, ...]:
        with self._tables() as tables:
            page = nsmallest(limit, (key for key in tables.payments if key > after))
            return tuple(tables.payments[key] for key in page)

    def keys(self, kept: RecordSet, after: tuple[str, ...] = (), limit: int = 100) -> tuple[tuple[str, ...], ...]:
        with self._tables() as tables:
            return tuple(nsmallest(limit, (key for key in tables.keys(kept) if key > after)))

    def history_extent(self) -> HistoryExtent:
        with self._tables() as tables:
            return HistoryExtent(last=len(tables.history), delivered=tables.delivered)

    def leased_beyond(self, duration: timedelta, limit: int = 100) -> tuple[str, ...]:
        with self._tables() as tables:
            limit_at = self._store.now() + duration
            return tuple(nsmallest(limit, (name for name, (_, ends_at) in tables.leases.items() if ends_at > limit_at)))

    def request(self, key: str) -> RequestRecord | None:
        with self._tables() as tables:
            return tables.requests.get(key)

    def checkout(self, owner: Owner) -> CheckoutRecord | None:
        with self._tables() as tables:
            return tables.checkouts.get(owner)

    def checkout_by_token(self, callback_token: str) -> CheckoutRecord | None:
        with self._tables() as tables:
            owner = tables.owner_of_token(callback_token)
            return None if owner is None else tables.checkouts[owner]

    def open_checkouts(self, before: datetime, limit: int = 100) -> tuple[CheckoutRecord, ...]:
        with self._tables() as tables:
            now = self._store.now()
            overdue = (
                checkout
                for checkout in tables.checkouts.values()
                if checkout.state in _OPEN
                and checkout.lease_until < before
                and tables.holder(checkout_lease(checkout.owner), now) is None
            )
            return tuple(nsmallest(limit, overdue, key=attrgetter("lease_until", "owner.kind", "owner.id")))

    def saved_method(self, saved_method_id: str) -> SavedMethod | None:
        with self._tables() as tables:
            return tables.saved_methods.get(saved_method_id)

    def saved_methods_of(self, customer: Customer) -> tuple[SavedMethod, ...]:
        with self._tables() as tables:
            methods = (method for method in tables.saved_methods.values() if method.customer == customer)
            return tuple(sorted(methods, key=attrgetter("created_at", "id")))

    def inbox_entry(self, gateway: str, event_id: str) -> InboxEntry | None:
        with self._tables() as tables:
            return tables.inbox.get((gateway, event_id))

    def parked(self, due_before: datetime, limit: int = 100) -> tuple[InboxEntry, ...]:
        with self._tables() as tables:
            now = self._store.now()
            due = (
                (entry.due_at, entry.gateway, entry.event_id)
                for entry in tables.inbox.values()
                if entry.due_at is not None
                and entry.due_at <= due_before
                and tables.holder(notification_lease(entry.gateway, entry.event_id), now) is None
            )
            return tuple(tables.inbox[gateway, event_id] for _, gateway, event_id in nsmallest(limit, due))

    def due(self, now: datetime, limit: int = 100) -> tuple[str, ...]:
        with self._tables() as tables:
            clock = self._store.now()
            due = (
                (at, key)
                for key, at in tables.due.items()
                if at is not None
                and at <= now
                and tables.holder(payment_lease(key), clock) is None
                and tables.holder(gateway_lease(tables.payments[key].gateway), clock) is None
            )
            return tuple(key for _, key in nsmallest(limit, due))

    def needing_attention(self, after: str = "", limit: int = 1_000) -> tuple[Payment, ...]:
        with self._tables() as tables:
            page = nsmallest(limit, (key for key, needed in tables.attention.items() if needed and key > after))
            return tuple(tables.payments[key] for key in page)

    def history(self, payment_id: str) -> tuple[RecordedFact, ...]:
        with self._tables() as tables:
            return tuple(tables.history[position] for position in tables.positions.get(payment_id, ()))

    def undelivered(self, limit: int = 100) -> tuple[RecordedFact, ...]:
        with self._tables() as tables:
            first = tables.delivered + 1
            last = min(len(tables.history), tables.delivered + limit)
            return tuple(tables.history[position] for position in range(first, last + 1))

    def delivered(self, position: int) -> None:
        with self._tables() as tables:
            tables.delivered = max(tables.delivered, min(position, len(tables.history)))

    def lease(self, names: tuple[str, ...], holder: str, duration: timedelta) -> frozenset[str]:
        require_storable((*names, holder))
        with self._tables() as tables:
            now = self._store.now()
            taken = frozenset(name for name in names if tables.holder(name, now) in (None, holder))
            tables.leases.update(dict.fromkeys(taken, (holder, now + duration)))
            return taken

    def release(self, names: tuple[str, ...], holder: str) -> None:
        require_storable((*names, holder))
        with self._tables() as tables:
            for name in set(names):
                if tables.leases.get(name, ("",))[0] == holder:
                    del tables.leases[name]

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        with self._tables() as tables:
            try:
                tables.write(commit)
            except VersionConflict as conflict:
                return Failure(conflict.stale)
            except StoreFailed as failed:
                reason = str(failed)
            else:
                return Success(None)
        raise StoreFailed(reason)  # outside the except: the frames of the cause may hold data that must not be shown

    def _tables(self) -> AbstractContextManager[Tables]:
        return self._store.tables(self._merchant)
