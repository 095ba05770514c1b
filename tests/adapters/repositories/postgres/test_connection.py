"""What PostgreSQL costs in round trips, and what a line that breaks anywhere does: nothing."""

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
from tests.adapters.repositories.postgres.stores import aside, authorize, opened, proxied, strikes
from tests.postgres_proxy import Fault

FAULTS: Final = [one for one in Fault if one is not Fault.NONE]
IMPATIENT: Final = {"answer_timeout": "500ms"}


def is_commit(turn: list[str]) -> bool:
    return turn == ["COMMIT"]


def first_words(turn: list[str]) -> list[str]:
    return [" ".join(statement.split()[:2]) for statement in turn]


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


def kept_once(url: str, merchant: str, key: str) -> None:
    """An authorization is there, whole, and nothing of it twice."""
    with opened(url) as store:
        repository = store.of(merchant)
        payment = loaded(repository, key)
        assert (payment.version, [one.gateway_reference for one in payment.transactions]) == (3, [f"r-{key}"])
        assert [one.sequence for one in repository.history(key)] == [1, 2]
        assert repository.request(f"k-{key}") is not None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("turn", range(5))
def test_a_line_that_breaks_at_any_turn_loses_nothing_and_repeats_nothing(
    shared_database_url: str, fault: Fault, turn: int
) -> None:
    merchant = f"{fault.name} {turn}"
    with proxied(shared_database_url) as proxy, opened(proxy.url, **IMPATIENT) as store:
        added(store.of(merchant), a_payment())
        first = len(proxy.round_trips)
        proxy.fault = strikes(lambda _: len(proxy.round_trips) == first + turn + 1, fault)
        authorize(store.of(merchant))
        assert len(proxy.round_trips) > first + 5
    kept_once(shared_database_url, merchant, "p-1")


def test_a_commit_that_nobody_answered_is_asked_after(shared_database_url: str) -> None:
    """And without asking, what was committed looks like somebody else's: the proof that the line breaks where it says."""
    found: list[object] = []
    asking: tuple[tuple[str, Callable[..., bool]], ...] = (
        ("asked", commit_outcome.is_committed),
        ("not asked", lambda *_: False),  # pyright: ignore[reportUnknownLambdaType] -- whatever it is given
    )
    for merchant, ask in asking:
        with (
            proxied(shared_database_url) as proxy,
            opened(proxy.url) as store,
            pytest.MonkeyPatch.context() as monkeypatch,
        ):
            monkeypatch.setattr(postgres_database, "is_committed", ask)
            before = added(store.of(merchant), a_payment())
            proxy.fault = strikes(is_commit, Fault.CUT_AFTER)
            found.append(store.of(merchant).commit(changed(before, before, a_fact())))
    assert found == [Success(None), Failure(Stale(RecordKind.PAYMENT, "p-1"))]


def test_another_s_transaction_id_is_not_taken_for_ours(
    shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the id of a transaction that left no trace may be another's, and committed."""
    monkeypatch.setattr(commit_outcome, "_TRANSACTION_STATUS", "SELECT 'committed' WHERE $1::text <> ''")
    with proxied(shared_database_url) as proxy, opened(proxy.url) as store:
        before = added(store.of("reused"), a_payment())
        proxy.fault = strikes(is_commit, Fault.CUT_BEFORE)
        assert store.of("reused").commit(changed(before, before, a_fact())) == Success(None)
        assert [one.sequence for one in store.of("reused").history("p-1")] == [1]


def test_a_commit_of_which_nothing_can_be_learnt_is_told(shared_database_url: str) -> None:
    with proxied(shared_database_url) as proxy, opened(proxy.url, patience="300ms", answer_timeout="300ms") as store:
        before = added(store.of("unknown"), a_payment())
        struck: list[bool] = []

        def from_commit_on(turn: list[str]) -> Fault:
            struck.extend([True] * is_commit(turn))
            return Fault.SILENT_AFTER if struck else Fault.NONE

        proxy.fault = from_commit_on
        with pytest.raises(StoreFailed, match="nobody knows"):
            store.of("unknown").commit(changed(before, before, a_fact()))
    with opened(shared_database_url) as store:
        assert [one.sequence for one in store.of("unknown").history("p-1")] == [1]


def test_a_server_that_is_gone_for_good_is_told_in_time(shared_database_url: str) -> None:
    with proxied(shared_database_url) as proxy, opened(proxy.url, patience="300ms") as store:
        before = added(store.of("gone"), a_payment())
        proxy.close()
        for use in (lambda: store.of("gone").commit(changed(before, before)), store.check, store.of("gone").payments):
            with pytest.raises(StoreFailed):
                use()
    with opened(shared_database_url) as store:
        assert loaded(store.of("gone")) == before


def test_a_server_process_that_still_waits_for_a_lost_commit_is_ended(shared_database_url: str) -> None:
    """The row it has locked is free again long before the server gives up by itself, and what was not committed is written anew."""
    with proxied(shared_database_url) as proxy, opened(proxy.url, answer_timeout="1h", busy_timeout="1h") as store:
        before = added(store.of("half"), a_payment())
        proxy.fault = strikes(is_commit, Fault.HALF_CUT)
        assert store.of("half").commit(changed(before, before.adding(a_transaction()), a_fact())) == Success(None)
        assert [one.sequence for one in store.of("half").history("p-1")] == [1]
    with aside(shared_database_url) as connection:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%'"
        )
        assert connection.execute(waiting).fetchone() == (0,)
