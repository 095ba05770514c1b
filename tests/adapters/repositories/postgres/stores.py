"""Helpers for tests of the PostgreSQL store: open it, connect to its database directly or through a fault proxy."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import attrs
import psycopg
from returns.result import Success

from payports.adapters.repositories import postgres
from payports.adapters.repositories.postgres.store import PostgresStore
from payports.domain.payment import Payment
from payports.ports.commit import RequestRecord
from payports.ports.store import PaymentRepository
from payports.testing import FixedClock
from payports.testing.store_samples import NOW, a_fact, a_transaction, an_observation, changed, loaded, same
from tests.postgres_proxy import Fault, PostgresProxy


@contextmanager
def opened(url: str, **options: object) -> Generator[PostgresStore]:
    store = postgres.connect(url, options, FixedClock())
    assert isinstance(store, PostgresStore)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def proxied(url: str) -> Generator[PostgresProxy]:
    proxy = PostgresProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def direct_connection(url: str) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection beside the store's, with the store's schema as search path."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = payports")
        yield connection


def authorize(repository: PaymentRepository, key: str = "p-1") -> Payment:
    """Load and commit twice, as an authorization does."""
    before = loaded(repository, key)
    begun = before.adding(a_transaction(f"t-{key}", due_at=NOW))
    request = RequestRecord(key=f"k-{key}", fingerprint="f", payment_id=key)
    same(repository.commit(attrs.evolve(changed(before, begun, a_fact(key)), requests=(request,))), Success(None))
    stored = attrs.evolve(begun, version=before.version + 1)
    ended = stored.replacing(stored.transactions[0].with_observation(an_observation(reference=f"r-{key}")))
    same(repository.commit(changed(stored, ended, a_fact(key))), Success(None))
    return attrs.evolve(ended, version=stored.version + 1)


def at_first(matches: Callable[[list[str]], bool], fault: Fault) -> Callable[[list[str]], Fault]:
    """Inject a fault into the first round trip that matches, and into no other."""
    injected: list[bool] = []

    def choose(round_trip: list[str]) -> Fault:
        if injected or not matches(round_trip):
            return Fault.NONE
        injected.append(True)
        return fault

    return choose
