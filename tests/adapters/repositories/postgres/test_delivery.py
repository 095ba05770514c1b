"""The delivery cursor skips no fact, however late its commit ends."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import pytest
from returns.result import Success

from payports.adapters.repositories.common.commit_statements import row_writes
from payports.adapters.repositories.postgres import database as postgres_database
from payports.adapters.repositories.postgres.connection import PostgresConnection
from payports.adapters.repositories.postgres.store import PostgresStore
from payports.ports.store import PaymentRepository, StoreFailed
from payports.testing.store_samples import a_fact, a_payment, added, changed, loaded
from tests.adapters.repositories.postgres.stores import opened

_NO_FENCE: Final = "SELECT 1 WHERE $1::text <> ''"


@contextmanager
def slow_commit(url: str, merchant: str, key: str) -> Generator[PostgresConnection]:
    """Execute a commit of one fact except for its ``COMMIT``."""
    with opened(url) as other:
        writes = list(row_writes(changed(None, a_payment(key), a_fact(key, "slow"))))
        with other.database._pool.connection() as connection:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- no public method makes half of a commit
            postgres_database._send_writes(connection, merchant, writes)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- as above
            yield connection


def undelivered_kinds(repository: PaymentRepository) -> list[str]:
    return [recorded.fact.kind for recorded in repository.undelivered()]


def test_a_fact_of_a_slow_commit_is_not_skipped(shared_database_url: str) -> None:
    with opened(shared_database_url, patience="500ms") as store:
        repository = store.of("slow")
        with slow_commit(shared_database_url, "slow", "p-1") as connection:
            added(repository, a_payment("p-2"), a_fact("p-2", "quick"))
            with pytest.raises(StoreFailed, match="busy"):
                repository.undelivered()
            connection.execute("COMMIT")
        assert undelivered_kinds(repository) == ["slow", "quick"]


def test_without_the_fence_a_fact_of_a_slow_commit_is_skipped(
    shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    monkeypatch.setattr(postgres_database, "_FENCE", _NO_FENCE)
    with opened(shared_database_url) as store:
        repository = store.of("skipped")
        with slow_commit(shared_database_url, "skipped", "p-1") as connection:
            added(repository, a_payment("p-2"), a_fact("p-2", "quick"))
            assert undelivered_kinds(repository) == ["quick"]
            repository.delivered(repository.undelivered()[-1].position)
            connection.execute("COMMIT")
        assert undelivered_kinds(repository) == []


def test_commits_do_not_wait_for_each_other_nor_for_another_merchant_s_delivery(shared_database_url: str) -> None:
    with opened(shared_database_url, busy_timeout="100ms", patience="100ms") as store:
        with slow_commit(shared_database_url, "still", "p-1"):
            added(store.of("still"), a_payment("p-2"), a_fact("p-2"))
            added(store.of("brisk"), a_payment("p-2"), a_fact("p-2", "brisk"))
            assert undelivered_kinds(store.of("brisk")) == ["brisk"]
        assert [recorded.fact.payment_id for recorded in store.of("still").undelivered()] == ["p-2"]


def test_a_delivery_without_new_facts_does_not_wait(shared_database_url: str) -> None:
    with (
        opened(shared_database_url, busy_timeout="100ms", patience="100ms") as store,
        slow_commit(shared_database_url, "idle", "p-1"),
    ):
        assert store.of("idle").undelivered() == ()


def test_many_writers_and_a_deliverer_lose_no_fact(database_url: str) -> None:
    """Every fact is delivered once, and those of a payment in order, while eight threads write and one moves the cursor."""
    writers, each = 8, 15
    with opened(database_url, connections=10) as store:
        _write_and_deliver(store, writers, each)


def _write_and_deliver(store: PostgresStore, writers: int, each: int) -> None:
    repository = store.of("m")

    def write(writer: int) -> None:
        key = f"p-{writer}"
        added(repository, a_payment(key), a_fact(key, "1"))
        for number in range(2, each + 1):
            before = loaded(repository, key)
            assert repository.commit(changed(before, before, a_fact(key, str(number)))) == Success(None)

    met: dict[str, list[str]] = {}
    with ThreadPoolExecutor(writers) as threads:
        writing = [threads.submit(write, writer) for writer in range(writers)]
        while True:
            over = all(writer.done() for writer in writing)
            page = repository.undelivered(limit=7)
            for recorded in page:
                met.setdefault(recorded.fact.payment_id, []).append(recorded.fact.kind)
            if page:
                repository.delivered(page[-1].position)
            elif over:
                break
        for writer in writing:
            writer.result()
    assert met == {f"p-{writer}": [str(number) for number in range(1, each + 1)] for writer in range(writers)}
