"""A commit takes few round trips, and a connection that breaks in any of them loses and repeats nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from returns.result import Failure, Success

from payports.adapters.repositories.postgres import commit_outcome
from payports.adapters.repositories.postgres import database as postgres_database
from payports.ports.commit import RecordKind, Stale
from payports.ports.store import StoreFailed
from payports.testing.store_samples import a_fact, a_payment, a_transaction, added, changed, loaded
from tests.adapters.repositories.postgres.stores import at_first, authorize, direct_connection, opened, proxied
from tests.postgres_proxy import Fault

FAULTS: Final = [fault for fault in Fault if fault is not Fault.NONE]
SHORT_TIMEOUT: Final = {"answer_timeout": "500ms"}


def is_commit(round_trip: list[str]) -> bool:
    return round_trip == ["COMMIT"]


def first_words(round_trip: list[str]) -> list[str]:
    return [" ".join(statement.split()[:2]) for statement in round_trip]


def test_an_authorization_takes_five_round_trips(shared_database_url: str) -> None:
    with proxied(shared_database_url) as proxy, opened(proxy.url) as store:
        repository = store.of("five")
        for key in ("p-1", "p-2", "p-3"):  # the first ones also prepare statements
            added(repository, a_payment(key))
            authorize(repository, key)
        added(repository, a_payment("p-4"))
        proxy.round_trips.clear()
        authorize(repository, "p-4")
        intent = ["UPDATE payments", "INSERT INTO", "INSERT INTO", "INSERT INTO"]
        result = ["UPDATE payments", "INSERT INTO", "INSERT INTO"]
        assert list(map(first_words, proxy.round_trips)) == [
            ["SELECT p.id,"],
            ["BEGIN", "WITH marked", *intent],
            ["COMMIT"],
            ["BEGIN", "WITH marked", *result],
            ["COMMIT"],
        ]


def assert_stored_once(url: str, merchant: str, key: str) -> None:
    """Assert that an authorization is stored completely and once."""
    with opened(url) as store:
        repository = store.of(merchant)
        payment = loaded(repository, key)
        references = [transaction.gateway_reference for transaction in payment.transactions]
        assert (payment.version, references) == (3, [f"r-{key}"])
        assert [recorded.sequence for recorded in repository.history(key)] == [1, 2]
        assert repository.request(f"k-{key}") is not None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("number", range(5))
def test_a_connection_that_breaks_in_any_round_trip_loses_and_repeats_nothing(
    shared_database_url: str, fault: Fault, number: int
) -> None:
    merchant = f"{fault.name} {number}"
    with proxied(shared_database_url) as proxy, opened(proxy.url, **SHORT_TIMEOUT) as store:
        added(store.of(merchant), a_payment())
        first = len(proxy.round_trips)
        proxy.fault = at_first(lambda _: len(proxy.round_trips) == first + number + 1, fault)
        authorize(store.of(merchant))
        assert len(proxy.round_trips) > first + 5
    assert_stored_once(shared_database_url, merchant, "p-1")


def test_a_commit_whose_answer_was_lost_is_inquired(shared_database_url: str) -> None:
    """Without the inquiry the commit looks like another writer's, which proves that the fault hits ``COMMIT``."""
    outcomes: list[object] = []
    inquiries: tuple[tuple[str, Callable[..., bool]], ...] = (
        ("asked", commit_outcome.is_committed),
        ("not asked", lambda *_: False),  # pyright: ignore[reportUnknownLambdaType] -- whatever it is given
    )
    for merchant, inquire in inquiries:
        with (
            proxied(shared_database_url) as proxy,
            opened(proxy.url) as store,
            pytest.MonkeyPatch.context() as monkeypatch,
        ):
            monkeypatch.setattr(postgres_database, "is_committed", inquire)
            before = added(store.of(merchant), a_payment())
            proxy.fault = at_first(is_commit, Fault.CUT_AFTER)
            outcomes.append(store.of(merchant).commit(changed(before, before, a_fact())))
    assert outcomes == [Success(None), Failure(Stale(RecordKind.PAYMENT, "p-1"))]


def test_a_reused_transaction_id_is_not_mistaken_for_the_commit(
    shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the id of a transaction that left no trace may belong to a later, committed one."""
    monkeypatch.setattr(commit_outcome, "_TRANSACTION_STATUS", "SELECT 'committed' WHERE $1::text <> ''")
    with proxied(shared_database_url) as proxy, opened(proxy.url) as store:
        before = added(store.of("reused"), a_payment())
        proxy.fault = at_first(is_commit, Fault.CUT_BEFORE)
        assert store.of("reused").commit(changed(before, before, a_fact())) == Success(None)
        assert [recorded.sequence for recorded in store.of("reused").history("p-1")] == [1]


def test_a_commit_whose_outcome_stays_unknown_fails(shared_database_url: str) -> None:
    with proxied(shared_database_url) as proxy, opened(proxy.url, patience="300ms", answer_timeout="300ms") as store:
        before = added(store.of("unknown"), a_payment())
        hit: list[bool] = []

        def from_commit_on(round_trip: list[str]) -> Fault:
            hit.extend([True] * is_commit(round_trip))
            return Fault.SILENT_AFTER if hit else Fault.NONE

        proxy.fault = from_commit_on
        with pytest.raises(StoreFailed, match="nobody knows"):
            store.of("unknown").commit(changed(before, before, a_fact()))
    with opened(shared_database_url) as store:
        assert [recorded.sequence for recorded in store.of("unknown").history("p-1")] == [1]


def test_a_server_that_is_gone_for_good_is_reported_in_time(shared_database_url: str) -> None:
    with proxied(shared_database_url) as proxy, opened(proxy.url, patience="300ms") as store:
        before = added(store.of("gone"), a_payment())
        proxy.close()
        for use in (lambda: store.of("gone").commit(changed(before, before)), store.check, store.of("gone").payments):
            with pytest.raises(StoreFailed):
                use()
    with opened(shared_database_url) as store:
        assert loaded(store.of("gone")) == before


def test_a_server_process_that_still_waits_for_a_lost_commit_is_terminated(shared_database_url: str) -> None:
    """Its row lock is released long before the server gives up by itself, and the commit is written again."""
    with proxied(shared_database_url) as proxy, opened(proxy.url, answer_timeout="1h", busy_timeout="1h") as store:
        before = added(store.of("half"), a_payment())
        proxy.fault = at_first(is_commit, Fault.HALF_CUT)
        assert store.of("half").commit(changed(before, before.adding(a_transaction()), a_fact())) == Success(None)
        assert [recorded.sequence for recorded in store.of("half").history("p-1")] == [1]
    with direct_connection(shared_database_url) as connection:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%'"
        )
        assert connection.execute(waiting).fetchone() == (0,)
