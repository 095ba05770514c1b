"""What only the SQLite store promises: its settings, which files it accepts, and how it fails."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest
from returns.result import Success

from payports.adapters.option_reading import ConfigurationError
from payports.adapters.repositories import sqlite
from payports.adapters.repositories.common import statements
from payports.adapters.repositories.common.schema import APPLICATION_ID, MIGRATIONS
from payports.adapters.repositories.sqlite import SqliteStore
from payports.adapters.repositories.sqlite.database import SqliteDatabase, SqliteOptions
from payports.domain.history import Cause, derive_facts
from payports.domain.payment_method import PaymentMethod
from payports.ports.commit import Commit, RequestRecord
from payports.ports.store import PaymentRepository, StoreFailed, StoreUnreachable
from payports.testing import FixedClock
from payports.testing.store_samples import (
    NOW,
    a_fact,
    a_payment,
    a_transaction,
    added,
    an_observation,
    changed,
    loaded,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payments.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = opened(path)
    yield store
    store.close()


def opened(path: Path, **options: object) -> SqliteStore:
    store = sqlite.connect(f"sqlite:///{path}", options, FixedClock())
    assert isinstance(store, SqliteStore)
    return store


def traced(store: SqliteStore, work: Callable[[PaymentRepository], object]) -> list[str]:
    """Give the first words of the statements that ``work`` executes."""
    statements_: list[str] = []
    store.database.run(lambda connection: connection.set_trace_callback(statements_.append))
    work(store.of("m"))
    store.database.run(lambda connection: connection.set_trace_callback(None))
    return [" ".join(statement.split()[:3]) for statement in statements_]


# Settings


def test_its_settings_are_read_back(path: Path, store: SqliteStore) -> None:
    settings = store.check()
    expected = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1"}
    assert settings.items() >= expected.items()
    assert (settings["file"], settings["schema"], settings["busy_timeout"]) == (str(path), str(len(MIGRATIONS)), "5000")


def test_options_are_read_strictly(path: Path) -> None:
    assert opened(path, synchronous="NORMAL", busy_timeout="250ms").check()["synchronous"] == "1"
    wrong: list[dict[str, object]] = [{"synchronous": "OFF"}, {"busy_timeout": 5}, {"journal": "wal"}]
    for options in wrong:
        with pytest.raises(ConfigurationError) as error:
            opened(path, **options)
        assert error.value.key.startswith("store")


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://", "sqlite:///:memory:", "sqlite:///a\0b", "file:x"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.url"):
        sqlite.connect(url, {}, FixedClock())


def test_a_relative_url_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = sqlite.connect("sqlite:///odd name?%20#.db", {}, FixedClock())
    monkeypatch.chdir("/")
    assert store.check()["file"] == str(tmp_path / "odd name?%20#.db")
    assert (tmp_path / "odd name?%20#.db").exists()


def test_a_new_file_and_those_beside_it_are_for_the_owner_only(path: Path, store: SqliteStore) -> None:
    added(store.of("m"), a_payment())
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "payments.db": 0o600,
        "payments.db-wal": 0o600,
        "payments.db-shm": 0o600,
    }
    path.chmod(0o644)
    assert store.check()["permissions"] == "644 (others may read it)"


# Which files it accepts


def refused(path: Path, reason: str) -> None:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreFailed, match=reason):
        opened(path)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize(
    "script",
    [
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 1",
        "CREATE TABLE theirs (id)",
        "PRAGMA application_id = 1; PRAGMA user_version = 1; CREATE TABLE theirs (id)",
    ],
)
def test_another_application_s_file_is_refused_and_left_alone(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    refused(path, "belongs to another application")


def test_a_newer_file_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99")
    connection.close()
    refused(path, "version 99, newer than this library knows")


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"certainly no database\n" * 100)
    refused(path, "not an SQLite database")


def test_what_is_no_file_or_nowhere_is_refused(path: Path) -> None:
    refused(path.parent, "directory")
    refused(path / "x", "No such file or directory")


def test_a_file_that_cannot_be_written_is_refused() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        opened(folder / "payments.db").close()
        (folder / "payments.db").chmod(0o444)
        child = os.fork()
        if not child:  # root may write anything, so somebody else tries
            os._exit(_try_as_nobody(folder / "payments.db"))
        assert os.waitpid(child, 0)[1] == 0
    finally:
        shutil.rmtree(folder)


def _try_as_nobody(path: Path) -> int:
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        opened(path)
    except StoreFailed as failed:
        return 0 if "Permission denied" in str(failed) else 2
    return 1


def test_an_empty_file_is_taken(path: Path) -> None:
    path.touch()
    assert opened(path).check()["schema"] == str(len(MIGRATIONS))


# How it fails


def test_a_full_disk_is_reported_and_the_store_works_when_there_is_room(store: SqliteStore) -> None:
    repository = store.of("m")
    before = added(repository, a_payment())
    large = attrs.evolve(a_payment("p-2"), name="x" * 200_000)
    store.database.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(StoreFailed, match="the disk is full"):
        repository.commit(changed(None, large))
    assert repository.payments() == (before,)
    store.database.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    assert added(repository, large).name == large.name


def test_a_busy_file_is_reported_and_can_be_read_meanwhile(path: Path) -> None:
    store = opened(path, busy_timeout="20ms")
    before = added(store.of("m"), a_payment())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="busy"):
        store.of("m").commit(changed(before, before))
    assert loaded(store.of("m")) == before
    other.close()
    assert store.of("m").commit(changed(before, before)) == Success(None)


@pytest.mark.parametrize(("statement", "passing"), [("BEGIN EXCLUSIVE", True), ("PRAGMA user_version = 99", False)])
def test_opening_says_whether_a_later_attempt_may_succeed(path: Path, statement: str, passing: bool) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(statement)
    with pytest.raises(StoreFailed) as failed:
        opened(path, busy_timeout="20ms")
    assert isinstance(failed.value, StoreUnreachable) is passing
    other.close()


def test_a_commit_that_fails_is_not_there_and_the_file_is_opened_anew(store: SqliteStore) -> None:
    repository = store.of("m")
    before = added(repository, a_payment())

    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")  # so that COMMIT finds it, not the insertion
        connection.execute("INSERT INTO history VALUES ('m', 1, 'nobody', 1, 'k', 't', 'at', 'who', 'why', '{}')")

    with pytest.raises(StoreFailed, match="SQLITE_CONSTRAINT_FOREIGNKEY"):
        store.database.write(orphan)
    assert repository.undelivered() == ()
    assert repository.commit(changed(before, before)) == Success(None)


def test_a_file_that_vanished_is_reported_and_not_created_again(path: Path, store: SqliteStore) -> None:
    path.unlink()
    with pytest.raises(StoreFailed, match="is gone"):
        store.check()
    with pytest.raises(StoreFailed):
        store.database.run(lambda connection: connection.execute("no such statement"))
    with pytest.raises(StoreFailed, match="cannot be opened"):
        store.of("m").payments()
    assert not path.exists()


def test_a_number_that_is_too_large_is_refused(store: SqliteStore) -> None:
    one = attrs.evolve(a_transaction(), look_ups=10**5_000)
    with pytest.raises(StoreFailed, match="too long"):
        store.of("m").commit(changed(None, a_payment("p-1", one)))
    assert store.of("m").payments() == ()


def test_a_damaged_or_newer_record_is_reported(store: SqliteStore) -> None:
    repository = store.of("m")
    added(repository, a_payment())
    for details in ("", "[]", "{}", '{"method":{"properties":{}},"gained_later":1}', '{"restrictions":["X"]}'):
        row = (details,)
        store.database.write(lambda connection, row=row: connection.execute("UPDATE payments SET details = ?", row))  # type: ignore[misc]
        with pytest.raises(StoreFailed, match="a Payment cannot be read"):
            repository.payment("p-1")


def test_a_failure_shows_no_secret(store: SqliteStore) -> None:
    secret = attrs.evolve(a_payment(), method=PaymentMethod({"token": "tok_canary"}), name="\0")
    with pytest.raises(StoreFailed) as failed:
        store.of("m").commit(changed(None, secret))
    shown = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert "tok_canary" not in shown
    assert failed.value.__context__ is None


def test_a_failed_statement_shows_no_secret(store: SqliteStore) -> None:
    refusing = "CREATE TRIGGER no BEFORE INSERT ON payments BEGIN SELECT RAISE(ABORT, 'no'); END"
    store.database.run(lambda connection: connection.execute(refusing))
    with pytest.raises(StoreFailed) as failed:
        store.of("m").commit(changed(None, attrs.evolve(a_payment(), method=PaymentMethod({"token": "tok_canary"}))))
    shown = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert "tok_canary" not in shown.replace('PaymentMethod({"token": "tok_canary"})', "")


def test_history_cannot_be_rewritten_and_holds_no_token(store: SqliteStore) -> None:
    payment = attrs.evolve(a_payment(), method=PaymentMethod({"token": "tok_canary"}))
    added(store.of("m"), payment, *derive_facts(None, payment, Cause("host"), NOW))
    rows = store.database.run(lambda connection: connection.execute("SELECT * FROM history").fetchall())
    assert rows
    assert "tok_canary" not in repr(rows)
    for statement in ("DELETE FROM history", "UPDATE history SET who = 'nobody'"):
        with pytest.raises(StoreFailed, match="CONSTRAINT_TRIGGER"):
            store.database.run(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]
    assert len(store.of("m").history("p-1")) == 1


# What it costs


def test_an_authorization_takes_twelve_statements(store: SqliteStore) -> None:
    def authorize(repository: PaymentRepository) -> None:
        before = loaded(repository)
        begun = before.adding(a_transaction(due_at=NOW))
        request = RequestRecord(key="k", fingerprint="f", payment_id="p-1")
        intent = attrs.evolve(changed(before, begun, a_fact()), requests=(request,))
        assert repository.commit(intent) == Success(None)
        stored = attrs.evolve(begun, version=before.version + 1)
        ended = stored.replacing(stored.transactions[0].with_observation(an_observation()))
        assert repository.commit(changed(stored, ended, a_fact())) == Success(None)

    added(store.of("m"), a_payment())
    assert traced(store, authorize) == [
        "SELECT p.id, p.owner_kind,",
        *("BEGIN IMMEDIATE", "UPDATE payments SET", "INSERT INTO transactions", "INSERT INTO history"),
        *("INSERT INTO requests", "COMMIT"),
        *("BEGIN IMMEDIATE", "UPDATE payments SET", "INSERT INTO transactions", "INSERT INTO history", "COMMIT"),
    ]


def test_only_what_changed_is_written(store: SqliteStore) -> None:
    before = added(store.of("m"), a_payment("p-1", *(a_transaction(f"t-{nth}") for nth in range(20))))
    after = before.replacing(before.transactions[7].with_observation(an_observation()))
    took = traced(store, lambda repository: repository.commit(changed(before, after)))
    assert took == ["BEGIN IMMEDIATE", "UPDATE payments SET", "INSERT INTO transactions", "COMMIT"]
    assert traced(store, lambda repository: repository.commit(Commit())) == ["BEGIN IMMEDIATE", "COMMIT"]


COUNTED: Final = {"REACH"}
"""Queries that may read a whole table: an audit runs them once."""
READS: Final = {
    **{name: str(text) for name, text in vars(statements).items() if str(text).startswith("SELECT")},
    **{f"KEYS of {kept}": text for kept, text in statements.KEYS.items()},
}


@pytest.mark.parametrize("name", sorted(READS.keys() - COUNTED))
def test_no_query_reads_a_whole_table(store: SqliteStore, name: str) -> None:
    statement = READS[name]
    marks = ("?",) * max(int(number) for number in re.findall(r"\?(\d+)", statement))
    plan = store.database.run(
        lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {statement}", marks).fetchall()
    )
    assert plan
    whole = [row[3] for row in plan if row[3].startswith("SCAN") or row[3].endswith(" (merchant=?)")]
    small = (
        "SEARCH delivery",
        "SEARCH leases",
        "SCAN of_",
    )  # a row a merchant, what is held now, a page that was read already
    assert [step for step in whole if not step.startswith(small)] == []


def test_it_accepts_a_database_object(path: Path) -> None:
    assert SqliteStore(SqliteDatabase(path, SqliteOptions())).check()["store"] == "sqlite"
