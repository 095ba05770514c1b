"""What only the PostgreSQL store promises: its settings, what it retries, and how it fails."""

from __future__ import annotations

import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import psycopg
import pytest
from returns.result import Success

import payports
from payports.adapters.option_reading import ConfigurationError
from payports.adapters.repositories import postgres
from payports.adapters.repositories.postgres import connection as postgres_connection
from payports.adapters.repositories.postgres.database import in_postgres_dialect
from payports.adapters.repositories.postgres.schema import MIGRATIONS
from payports.domain.history import Cause, derive_facts
from payports.domain.payment_method import PaymentMethod
from payports.ports.commit import Change, Commit, RequestRecord
from payports.ports.store import StoreFailed
from payports.testing import FixedClock
from payports.testing.store_samples import (
    NOW,
    a_checkout,
    a_fact,
    a_payment,
    a_transaction,
    added,
    changed,
    loaded,
)
from tests.adapters.repositories.postgres.stores import direct_connection, opened
from tests.postgres import database_of

PASSWORD: Final = "pw_canary"
NOBODY: Final = f"postgresql://me:{PASSWORD}@127.0.0.1:1/x"

# Settings


def test_its_settings_are_read_back_and_the_password_is_not(shared_database_url: str) -> None:
    with opened(shared_database_url, busy_timeout="250ms", password=PASSWORD) as store:
        settings = store.check()
        expected = {"store": "postgresql", "synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
        assert settings.items() >= (expected | {"tables in": "payports", "lock_timeout": "250ms"}).items()
        assert settings["schema"] == str(len(MIGRATIONS))
        assert PASSWORD not in f"{settings} {store!r}"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("SET synchronous_commit = off", "synchronous_commit is off"), ("SET search_path = x", None)],
)
def test_a_database_that_would_lose_commits_is_refused(database_url: str, setting: str, reason: str | None) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" {setting}'.encode())
    if reason is None:
        with opened(database_url) as store:
            assert added(store.of("m"), a_payment()).version == 1
    else:
        with pytest.raises(StoreFailed, match=reason):
            postgres.connect(database_url, {}, FixedClock())


def test_a_setting_that_goes_bad_later_is_found_by_the_check(database_url: str) -> None:
    with opened(database_url) as store:
        store.database.run(lambda connection: connection.execute("SET synchronous_commit = off"))
        with pytest.raises(StoreFailed, match="synchronous_commit is off"):
            store.check()


def test_another_encoding_is_refused(postgres_url: str) -> None:
    how = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    with database_of(postgres_url, how) as url, pytest.raises(StoreFailed, match="UTF8"):
        postgres.connect(url, {}, FixedClock())


def test_an_old_server_is_refused(shared_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connection, "OLDEST", 99)
    with pytest.raises(StoreFailed, match="older than PostgreSQL 99"):
        postgres.connect(shared_database_url, {}, FixedClock())


def test_options_are_read_strictly(shared_database_url: str) -> None:
    wrong: list[dict[str, object]] = [
        {"schema": 'x"; DROP'},
        {"schema": ""},
        {"connections": 0},
        {"patience": 5},
        {"pool": 1},
    ]
    for options in wrong:
        with pytest.raises(ConfigurationError) as error:
            postgres.connect(shared_database_url, options, FixedClock())
        assert error.value.key.startswith("store")


@pytest.mark.parametrize("url", ["postgresql:", "postgresql://h/d?no=such", f"postgresql://u:{PASSWORD}@h:x/d", "x\0"])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.url") as error:
        postgres.connect(url, {}, FixedClock())
    shown = "".join(traceback.TracebackException.from_exception(error.value, capture_locals=True).format())
    assert PASSWORD not in shown.replace(f"url = {url!r}", "")  # the test's own


def test_an_unreachable_server_is_reported_without_the_password() -> None:
    with pytest.raises(ConfigurationError, match="no server answers at this address") as error:
        payports.connect({"store": {"url": NOBODY}, "gateways": {"sandbox": {"adapter": "sandbox", "url": "memory:"}}})
    shown = "".join(traceback.TracebackException.from_exception(error.value, capture_locals=True).format())
    assert PASSWORD not in shown.replace(repr(NOBODY), "").replace(f"config = {{'store': {{'url': {NOBODY!r}}}", "")


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in [name for name in sys.modules if name.startswith("payports.adapters.repositories.postgres.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("payports.adapters.repositories.postgres.store")
    with pytest.raises(ConfigurationError, match=r"payports\[postgres\]"):
        payports.connect({"store": {"url": NOBODY}})


# What it retries


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03"])
@pytest.mark.parametrize("when", ["at once", "at commit"])
def test_a_commit_that_others_interrupted_is_retried(database_url: str, sqlstate: str, when: str) -> None:
    with opened(database_url) as store, direct_connection(database_url) as connection:
        before = added(store.of("m"), a_payment())
        _fail_at_first(connection, sqlstate, deferred=when == "at commit")
        assert store.of("m").commit(changed(before, before, a_fact())) == Success(None)
        assert [recorded.sequence for recorded in store.of("m").history("p-1")] == [1]
        assert connection.execute("SELECT last_value FROM tries").fetchone() == (3,)


def test_a_permanent_refusal_is_reported_at_once_and_without_data(database_url: str) -> None:
    with opened(database_url) as store, direct_connection(database_url) as connection:
        before = added(store.of("m"), a_payment())
        _fail_at_first(connection, "XX000", deferred=False)
        with pytest.raises(StoreFailed, match=r"^PostgreSQL refused \(XX000\)$"):
            store.of("m").commit(changed(before, before, a_fact()))
        assert connection.execute("SELECT last_value FROM tries").fetchone() == (1,)
        assert loaded(store.of("m")) == before


def _fail_at_first(connection: psycopg.Connection[tuple[object, ...]], sqlstate: str, *, deferred: bool) -> None:
    """Make the first two facts fail; a sequence counts on, whatever is rolled back."""
    later = "DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    script = f"""
        CREATE SEQUENCE tries;
        CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'tok_canary' USING ERRCODE = '{sqlstate}'; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON history {later} FOR EACH ROW EXECUTE FUNCTION fail_at_first();
    """
    connection.execute(script.encode())


def test_a_locked_row_is_reported_and_can_be_read_meanwhile(database_url: str) -> None:
    with (
        opened(database_url, busy_timeout="50ms", patience="100ms") as store,
        direct_connection(database_url) as connection,
    ):
        before = added(store.of("m"), a_payment())
        with connection.transaction():
            connection.execute("SELECT * FROM payments FOR UPDATE")
            with pytest.raises(StoreFailed, match="busy"):
                store.of("m").commit(changed(before, before))
            assert loaded(store.of("m")) == before
        assert store.of("m").commit(changed(before, before)) == Success(None)


def test_commits_lock_payments_in_one_order_and_cannot_deadlock(database_url: str) -> None:
    with opened(database_url) as store, direct_connection(database_url) as connection, ThreadPoolExecutor(1) as threads:
        repository = store.of("m")
        last, first = added(repository, a_payment("p-2")), added(repository, a_payment("p-1"))
        commit = Commit(changes=tuple(Change(before=payment, after=payment, facts=()) for payment in (last, first)))
        with connection.transaction():
            connection.execute("SELECT * FROM payments WHERE id = 'p-1' FOR UPDATE")
            waiting = threads.submit(repository.commit, commit)
            while connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
                assert not waiting.done()
            # it waits for the first one, and has not taken the last one before
            connection.execute("SELECT * FROM payments WHERE id = 'p-2' FOR UPDATE NOWAIT")
        assert waiting.result() == Success(None)


def test_more_threads_than_connections_wait_for_their_turn(database_url: str) -> None:
    with opened(database_url, connections=2) as store, direct_connection(database_url) as connection:
        repository = store.of("m")

        def add(number: int) -> None:
            added(repository, a_payment(f"p-{number}"))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(add, range(40)))
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        row = connection.execute(mine).fetchone()
        assert row is not None
        assert 1 <= row[0] <= 2


def test_a_thread_that_gets_no_connection_fails(database_url: str) -> None:
    with opened(database_url, connections=1, busy_timeout="50ms") as store:
        taken, done = threading.Event(), threading.Event()

        def keep() -> None:
            def wait(_: object) -> None:
                taken.set()
                assert done.wait(10)

            store.database.run(wait)

        keeper = threading.Thread(target=keep)
        keeper.start()
        assert taken.wait(10)
        with pytest.raises(StoreFailed, match="all connections"):
            store.of("m").payments()
        done.set()
        keeper.join()
        assert store.of("m").payments() == ()


# How it fails


def test_a_number_that_is_too_large_is_refused(shared_database_url: str) -> None:
    with opened(shared_database_url) as store:
        with pytest.raises(StoreFailed, match="too large"):
            store.of("large").payments(limit=10**30)
        one = attrs.evolve(a_transaction(), look_ups=10**5_000)
        with pytest.raises(StoreFailed, match="too long"):
            store.of("large").commit(changed(None, a_payment("p-1", one)))
        assert store.of("large").payments() == ()


def test_a_failure_shows_no_secret(database_url: str) -> None:
    with opened(database_url) as store, direct_connection(database_url) as connection:
        connection.execute("ALTER TABLE checkouts ADD CHECK (callback_token <> 'tok_canary')")
        with pytest.raises(StoreFailed) as failed:
            store.of("m").commit(Commit(checkouts=(a_checkout(callback_token="tok_canary"),)))
        shown = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
        assert "tok_canary" not in shown.replace('a_checkout(callback_token="tok_canary")', "")
        assert failed.value.__context__ is None


def test_history_cannot_be_rewritten_and_holds_no_token(database_url: str) -> None:
    payment = attrs.evolve(a_payment(), method=PaymentMethod({"token": "tok_canary"}))
    with opened(database_url) as store, direct_connection(database_url) as connection:
        added(store.of("m"), payment, *derive_facts(None, payment, Cause("host"), NOW))
        rows = connection.execute("SELECT * FROM history").fetchall()
        assert rows
        assert "tok_canary" not in repr(rows)
        for statement in ("DELETE FROM history", "UPDATE history SET who = 'nobody'", "TRUNCATE history"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)
        assert len(store.of("m").history("p-1")) == 1


def test_a_connection_remains_usable_after_a_conflict(database_url: str) -> None:
    """After an error in a round trip the client takes statements for prepared that the server has not prepared."""
    with opened(database_url, connections=1) as store:
        repository = store.of("m")
        old = added(repository, a_payment())
        new = old.adding(a_transaction("t-1"))
        for _ in range(3):
            repository.commit(changed(old, new, a_fact()))
        for nth in range(3):
            now = loaded(repository)
            record = RequestRecord(key=f"k-{nth}", fingerprint="f")
            commit = attrs.evolve(changed(now, now.adding(a_transaction(f"u-{nth}")), a_fact()), requests=(record,))
            assert repository.commit(commit) == Success(None)
            assert repository.commit(commit) != Success(None)


def test_statements_differ_from_those_of_sqlite_by_their_placeholders() -> None:
    assert (
        in_postgres_dialect("SELECT x FROM t WHERE merchant = ?1 AND y > ?12")
        == "SELECT x FROM t WHERE merchant = $1 AND y > $12"
    )
