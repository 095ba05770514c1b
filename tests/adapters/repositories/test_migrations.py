"""Migrations keep the data, may run in several processes at once, and survive a kill at any statement."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from returns.result import Success

from payports.adapters.repositories import postgres, sqlite
from payports.adapters.repositories.common import payment_rows, schema
from payports.adapters.repositories.common.json_codec import Row
from payports.adapters.repositories.postgres import schema as postgres_schema
from payports.domain.transaction_types import TransactionStatus
from payports.ports.store import Store, StoreFailed
from payports.testing import FixedClock
from payports.testing.store_samples import NOW, a_fact, a_payment, a_transaction, added, an_observation, changed, loaded
from tests.adapters.repositories.postgres.stores import at_first, direct_connection, opened, proxied
from tests.postgres_proxy import Fault

_OPENING: Final = """
import sys
from payports.adapters.repositories import postgres, sqlite
from payports.testing import FixedClock

kind = sqlite if sys.argv[1].startswith("sqlite") else postgres
print("ready", flush=True)
sys.stdin.readline()
print(kind.connect(sys.argv[1], {}, FixedClock()).check()["schema"])
"""
_DYING: Final = """
import os, signal, sqlite3, sys
from payports.adapters.repositories import sqlite
from payports.testing import FixedClock

left = int(sys.argv[2])
connect = sqlite3.connect

def tracing(*args, **kwargs):
    connection = connect(*args, **kwargs)
    def count(statement):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = tracing
sqlite.connect(sys.argv[1], {}, FixedClock())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/payments.db"
    database_url: str = request.getfixturevalue("database_url")
    return database_url


def open_store(url: str) -> Store:
    connect = sqlite.connect if url.startswith("sqlite") else postgres.connect
    return connect(url, {}, FixedClock())


def make_first_version(url: str) -> None:
    """Make tables of version 1 with payments in them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", postgres_schema.MIGRATIONS[:1])
        open_store(url).close()
    statuses = (TransactionStatus.SUCCEEDED, TransactionStatus.UNKNOWN, TransactionStatus.REVOKED)
    for nth, status in enumerate(statuses):
        one = a_transaction(f"t-{nth}", an_observation(status, reference=f"r-{nth}"), due_at=NOW)
        payment = a_payment(f"p-{nth}", one)
        insert(
            url,
            "payments",
            (*payment_rows.PAYMENT_COLUMNS, "version", "facts"),
            (*payment_rows.payment_row(payment), 1, 0),
        )
        assert payment_rows.TRANSACTION_COLUMNS[-1] == "attention"
        insert(
            url,
            "transactions",
            payment_rows.TRANSACTION_COLUMNS[:-1],
            payment_rows.transaction_row(payment, one, 0)[:-1],
        )


def insert(url: str, table: str, columns: tuple[str, ...], row: Row) -> None:
    marks = [f"?{number}" for number in range(1, len(columns) + 2)]
    statement = f"INSERT INTO {table} (merchant, {', '.join(columns)}) VALUES ({', '.join(marks)})"  # noqa: S608 -- our own names
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute(statement, ("m", *row))
    else:
        with direct_connection(url) as server:
            server.execute(re.sub(r"\?\d+", "%s", statement).encode(), ("m", *row))


def is_up_to_date(store: Store) -> None:
    """Assert that the data is there, payments needing attention are found, and the store works."""
    assert store.check()["schema"] == str(len(schema.MIGRATIONS))
    repository = store.of("m")
    assert [payment.id for payment in repository.payments()] == ["p-0", "p-1", "p-2"]
    assert [payment.id for payment in repository.needing_attention()] == ["p-1", "p-2"]
    assert repository.lease(("a",), "one", timedelta(hours=1)) == {"a"}
    before = loaded(repository, "p-0")
    assert repository.commit(changed(before, before, a_fact("p-0"))) == Success(None)
    repository.release(("a",), "one")


def test_a_store_with_data_is_migrated(url: str) -> None:
    make_first_version(url)
    with closing(open_store(url)) as store:
        is_up_to_date(store)


@pytest.mark.parametrize("filled", [False, True], ids=["new", "filled"])
def test_several_processes_may_migrate_at_once(url: str, filled: bool) -> None:
    if filled:
        make_first_version(url)
    command = [sys.executable, "-c", _OPENING, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == [f"{len(schema.MIGRATIONS)}\n"] * 4
    if filled:
        with closing(open_store(url)) as store:
            is_up_to_date(store)


def test_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    with opened(database_url), direct_connection(database_url) as server:
        server.execute("UPDATE store_version SET version = 99")
        with pytest.raises(StoreFailed, match="version 99, newer than this library knows"):
            open_store(database_url)
        assert server.execute("SELECT version FROM store_version").fetchone() == (99,)


def test_another_application_s_schema_is_refused_and_left_alone(database_url: str) -> None:
    with direct_connection(database_url) as server:
        server.execute("CREATE SCHEMA payports")
        server.execute("CREATE TABLE payments (id TEXT)")
        with pytest.raises(StoreFailed, match="belongs to another application"):
            open_store(database_url)
        assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'payports'").fetchone() == (1,)
        server.execute(
            "DROP TABLE payments"
        )  # an empty schema is accepted: its owner may have created it for the store
    open_store(database_url).close()


def test_a_process_killed_at_any_statement_leaves_a_file_that_can_be_opened(tmp_path: Path) -> None:
    first = tmp_path / "first.db"
    make_first_version(f"sqlite:///{first}")
    left = 0
    while True:
        left += 1
        copy = tmp_path / f"{left}.db"
        shutil.copy(first, copy)
        died = subprocess.run([sys.executable, "-c", _DYING, f"sqlite:///{copy}", str(left)], check=False)
        with closing(open_store(f"sqlite:///{copy}")) as store:
            is_up_to_date(store)
        if died.returncode == 0:
            break
        assert died.returncode == -signal.SIGKILL
    assert left > sum(map(len, schema.MIGRATIONS[1:]))


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER], ids=lambda fault: fault.name)
def test_a_connection_cut_in_any_round_trip_leaves_tables_that_can_be_opened(
    shared_database_url: str, fault: Fault
) -> None:
    """To the server, a killed process is a cut connection."""
    met: list[str] = []
    for left in count(1):
        name = f"half_{fault.name.lower()}_{left}"
        with proxied(shared_database_url) as proxy:
            proxy.fault = at_first(lambda _, proxy=proxy, left=left: len(proxy.round_trips) == left, fault)  # type: ignore[misc]
            try:
                postgres.connect(proxy.url, {"schema": name}, FixedClock()).close()
            except StoreFailed:
                cut = True
            else:
                cut = False
        with opened(shared_database_url, schema=name) as store:
            assert store.check()["schema"] == str(len(schema.MIGRATIONS))
            added(store.of("m"), a_payment("p-1", a_transaction()), a_fact())
            met += [statement for round_trip in proxy.round_trips for statement in round_trip]
        if not cut:
            break
    assert any("CREATE TABLE" in statement for statement in met)
