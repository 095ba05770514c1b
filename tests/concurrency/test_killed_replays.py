"""A replay continues although its processes are killed at any time, and its ledgers agree to the last unit.

Four workers sell orders at a bank in its own process, and ``payports work`` does the maintenance. Workers are killed, on PostgreSQL
together with all connections, and once the replay itself with all its workers. Then ``payports work`` catches up, ``payports verify``
checks everything, and our ledger is compared with the bank's; then the replay runs again. ``--kills N`` is the number of killed workers on
each store; the name of the store is the seed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import psycopg
import pytest

from payports.testing import RemoteSandboxBank
from tests.adapters.command_line.command_process import LIMIT_S, payports
from tests.concurrency.replays import SECRET, WORKERS, Progress, Replay, catch_up, differences, ending, prepared

ORDERS_A_KILL: Final = 20


DIES_AFTER_CAPTURE: Final = """
import os, pathlib, signal
from payports.adapters.gateways.sandbox.gateway import SandboxGateway
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank
from payports.application.kernel import gateway_calls
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import TransactionStatus

execute = SandboxGateway.execute

def execute_and_die(self, request):
    answer = execute(self, request)
    if request.type == "CAPTURE":
        try:
            pathlib.Path("has-died").touch(exist_ok=False)
        except FileExistsError:
            return answer
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

SandboxGateway.execute = execute_and_die
RemoteSandboxBank.webhooks = lambda self, limit=None: []
"""
UNKNOWN_IS_FAILED: Final = """
look_up = gateway_calls.look_up

def guess(gateway, request, *, fence=False):
    if request.type != "CAPTURE":
        return look_up(gateway, request, fence=fence)
    status, channel = TransactionStatus.NOT_EXECUTED, Channel.LOOK_UP
    return Observation(status=status, channel=channel, transaction_id=request.transaction_id)

gateway_calls.look_up = guess
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def replay(request: pytest.FixtureRequest, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Replay]:
    database = str(tmp_path / "ours.db") if request.param == "sqlite" else request.getfixturevalue("database_url")
    orders = ORDERS_A_KILL * (int(pytestconfig.getoption("kills") or 0) + 1)
    with prepared(tmp_path, database, orders) as replay:
        yield replay


def test_nothing_is_lost_or_doubled_whoever_is_killed(
    replay: Replay, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> None:
    random = Random(request.node.name)  # noqa: S311 -- to be repeated, not to be secret
    kills = int(pytestconfig.getoption("kills") or 0)
    killed = _run_and_kill(replay, random, kills - kills // 2, replay_too=True)
    catch_up(replay)
    assert differences(replay) == ()
    killed += _run_and_kill(replay, random, kills // 2, replay_too=False)
    report = replay.finish()
    assert (killed, report["differences"], report["failures"]) == (kills, 0, {})
    assert report["placed"] == report["orders"] > 0
    assert (
        report["captured_minor"] == report["bank_captured_minor"] == report["planned_minor"] == report["ordered_minor"]
    )
    catch_up(replay)
    assert differences(replay) == ()


@pytest.mark.parametrize("replay", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bug", ["", UNKNOWN_IS_FAILED])
def test_what_the_bank_did_for_somebody_who_died_is_found_out(replay: Replay, bug: str) -> None:
    """A worker dies between the bank's effect and its record of it, and no notification arrives. Recovery finds the effect, unless it
    takes unknown results for failed: then the comparison finds the difference.
    """
    replay = replay.with_bug(DIES_AFTER_CAPTURE + bug)
    ended = payports(*replay.command, cwd=replay.folder, env=replay.env)
    report = json.loads(ended.stdout)
    assert (report["replaced_workers"], ended.stderr) == (1, "")
    assert (ended.returncode, report["differences"]) == ((1, 1) if bug else (0, 0))


def _run_and_kill(replay: Replay, random: Random, kills: int, *, replay_too: bool) -> int:
    """Run the replay, kill this many of its workers at random moments, and then perhaps the replay; return how many were killed."""
    running, bank, killed = replay.start(*replay.command), RemoteSandboxBank(replay.bank, SECRET), 0
    progress = Progress(bank, running, len(bank.effects()))
    with ending(running):
        progress.wait_for(1)
        maintenance = replay.start("work", "--every", "1s", "--config", "shop.toml")
        with ending(maintenance):
            while killed < kills and progress.wait_for(random.randint(1, ORDERS_A_KILL)):
                workers = _workers(running.pid)
                if len(workers) == WORKERS:
                    os.kill(random.choice(workers), signal.SIGKILL)
                    killed += 1
                if random.random() < 0.5:
                    _cut_connections(replay.database)
            if replay_too:
                progress.wait_for(random.randint(1, ORDERS_A_KILL))
                running.kill()
            out, err = running.communicate(timeout=LIMIT_S)
    bank.close()
    if not replay_too:
        assert (running.returncode, err) == (0, "")
        assert json.loads(out)["replaced_workers"] == killed
    return killed


def _cut_connections(database: str) -> None:
    """Terminate all connections to a PostgreSQL database."""
    if database.startswith("postgresql:"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def _workers(parent: int) -> list[int]:
    """The process ids of the replay's workers."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, above, args in rows if int(above) == parent and "spawn_main" in args]
