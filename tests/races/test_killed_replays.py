"""A replay whose processes are killed at any time, goes on, and ends with ledgers that agree to the last unit.

Four workers sell orders at a bank that is a process of its own, and ``payports work`` tends what they leave. Workers are killed, on
PostgreSQL with all connections cut, and once the replay itself with whoever works. Then ``payports work`` catches up, ``payports verify``
looks at everything, and our ledger is compared with the bank's; then the replay is run again.
``--kills N`` says how many workers are killed on each store; the name of the store is the seed.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import psycopg
import pytest

from payports import connect
from payports.adapters.command_line.reconciliation import BankBook, all_payments, reconcile
from payports.adapters.command_line.replay_setting import AT_THE_BANK
from payports.adapters.command_line.selling import VOUCHER
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.testing import RemoteSandboxBank
from tests.adapters.command_line.running import COMMAND, LIMIT_S, environment, payports

SECRET: Final = "whsec_of_killed_replays_0123456789"
WORKERS: Final = 4
ORDERS_A_KILL: Final = 20
KINDS: Final = ("credit_card", "boleto", "voucher", "debit_card")


DIES_ONCE: Final = """
import os, pathlib, signal
from payports.adapters.gateways.sandbox.gateway import SandboxGateway
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank
from payports.application import hearing
from payports.domain.transaction import Channel, Observation, TransactionStatus

execute = SandboxGateway.execute

def and_die(self, request):
    answer = execute(self, request)
    if request.type == "CAPTURE":
        try:
            pathlib.Path("has-died").touch(exist_ok=False)
        except FileExistsError:
            return answer
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

SandboxGateway.execute = and_die
RemoteSandboxBank.webhooks = lambda self, limit=None: []
"""
UNKNOWN_IS_FAILED: Final = """
look_up = hearing.look_up

def guess(gateway, request, *, fence=False):
    if request.type != "CAPTURE":
        return look_up(gateway, request, fence=fence)
    status, channel = TransactionStatus.NOT_EXECUTED, Channel.LOOK_UP
    return Observation(status=status, channel=channel, transaction_id=request.transaction_id)

hearing.look_up = guess
"""


@attrs.frozen(kw_only=True)
class Replay:
    """How to run the replay: in a folder of its own, against a bank that lives longer than it."""

    folder: Path
    database: str
    bank: str

    @property
    def env(self) -> dict[str, str]:
        return {"PAYPORTS_SANDBOX_WEBHOOK_SECRET": SECRET}

    @property
    def command(self) -> tuple[str, ...]:
        options = {"--database": self.database, "--bank": self.bank, "--write-config": "shop.toml"}
        flat = [part for option in options.items() for part in option]
        return ("replay", "orders.csv", "--json", "--workers", str(WORKERS), *flat)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=environment(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> dict[str, Any]:
        ended = payports(*self.command, cwd=self.folder, env=self.env)
        assert (ended.returncode, ended.stderr) == (0, "")
        told: dict[str, Any] = json.loads(ended.stdout)
        return told


@pytest.fixture(params=["sqlite", "postgresql"])
def replay(request: pytest.FixtureRequest, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Replay]:
    with (tmp_path / "orders.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"))
        writer.writerows(_tenders(ORDERS_A_KILL * (int(pytestconfig.getoption("kills") or 0) + 1)))
    database = str(tmp_path / "ours.db") if request.param == "sqlite" else request.getfixturevalue("database_url")
    with _bank(tmp_path) as bank:
        yield Replay(folder=tmp_path, database=database, bank=bank)


def test_nothing_is_lost_or_doubled_whoever_is_killed(
    replay: Replay, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> None:
    chance = Random(request.node.name)  # noqa: S311 -- to be repeated, not to be secret
    kills = int(pytestconfig.getoption("kills") or 0)
    killed = _run_and_kill(replay, chance, kills - kills // 2, itself=True)
    _catch_up(replay)
    assert _differences(replay) == ()
    killed += _run_and_kill(replay, chance, kills // 2, itself=False)
    told = replay.finish()
    assert (killed, told["differences"], told["failures"]) == (kills, 0, {})
    assert told["placed"] == told["orders"] > 0
    assert told["captured_minor"] == told["bank_captured_minor"] == told["planned_minor"] == told["ordered_minor"]
    _catch_up(replay)
    assert _differences(replay) == ()


@pytest.mark.parametrize("replay", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bug", ["", UNKNOWN_IS_FAILED])
def test_what_the_bank_did_for_somebody_who_died_is_found_out(replay: Replay, bug: str) -> None:
    """A worker dies between the bank's act and its own note of it, and no notification tells of it. That costs nothing, unless recovery
    takes what it does not know for failed: then the comparison shows it."""
    (replay.folder / "sitecustomize.py").write_text(DIES_ONCE + bug, encoding="ascii")
    path = os.pathsep.join((str(replay.folder), environment()["PYTHONPATH"]))
    ended = payports(*replay.command, cwd=replay.folder, env={**replay.env, "PYTHONPATH": path})
    told = json.loads(ended.stdout)
    assert (told["replaced_workers"], ended.stderr) == (1, "")
    assert (ended.returncode, told["differences"]) == ((1, 1) if bug else (0, 0))


def _run_and_kill(replay: Replay, chance: Random, kills: int, *, itself: bool) -> int:
    """Run the replay and kill so many of its workers at random moments, and then itself or nobody; gives how many were killed."""
    running, bank, killed = replay.start(*replay.command), RemoteSandboxBank(replay.bank, SECRET), 0
    meter = Meter(bank, running, len(bank.effects()))
    with ending(running):
        meter.wait_for(1)
        tending = replay.start("work", "--every", "1s", "--config", "shop.toml")
        with ending(tending):
            while killed < kills and meter.wait_for(chance.randint(1, ORDERS_A_KILL)):
                workers = _workers(running.pid)
                if len(workers) == WORKERS:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
                if chance.random() < 0.5:
                    _cut_all_lines(replay.database)
            if itself:
                meter.wait_for(chance.randint(1, ORDERS_A_KILL))
                running.kill()
            out, err = running.communicate(timeout=LIMIT_S)
    bank.close()
    if not itself:
        assert (running.returncode, err) == (0, "")
        assert json.loads(out)["replaced_workers"] == killed
    return killed


@attrs.define
class Meter:
    """Measures how far a replay is by what the bank has done: a moment is a place in the work."""

    bank: RemoteSandboxBank
    running: subprocess.Popen[str]
    position: int = 0

    def wait_for(self, effects: int) -> bool:
        """Wait until the bank has done so much more; false if there was nothing more to do."""
        while effects > 0:
            if self.running.poll() is not None:
                return False
            more = list(self.bank.iter_effects(self.position))
            self.position = more[-1].position if more else self.position
            effects -= len(more)
            time.sleep(0.02)
        return True


@contextmanager
def ending(process: subprocess.Popen[str]) -> Generator[None]:
    """Whatever happens, the process is gone at the end."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def _cut_all_lines(database: str) -> None:
    """End all connections to a server's database, in the middle of whatever they do."""
    if database.startswith("postgresql:"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def _workers(parent: int) -> list[int]:
    """The processes of a replay that sell."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, above, args in rows if int(above) == parent and "spawn_main" in args]


def _catch_up(replay: Replay) -> None:
    """Let ``payports work`` do what is due until nothing is in doubt, and ``payports verify`` look at it."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        worked = payports("work", "--once", "--config", "shop.toml", cwd=replay.folder)
        assert (worked.returncode, worked.stderr) == (0, "")
        if not _in_doubt(replay):
            break
        assert time.monotonic() < deadline, "something stays in doubt"
        time.sleep(0.5)
    verified = payports("verify", "--gateway-look-up", "--config", "shop.toml", cwd=replay.folder)
    assert verified.returncode == 0, verified.stdout


def _in_doubt(replay: Replay) -> bool:
    with connect(replay.folder / "shop.toml") as shop:
        payments = all_payments(shop.environment.store)
        return any(one.indeterminate for payment in payments for one in payment.transactions)


def _differences(replay: Replay) -> tuple[str, ...]:
    """Our ledger beside those of the bank and of the vouchers."""
    bank = RemoteSandboxBank(replay.bank, SECRET)
    vouchers = StoredValueLedger(str(next(replay.folder.glob("*.vouchers.db"))))
    books = (
        BankBook(name="bank", gateways=AT_THE_BANK, effects=bank.iter_effects),
        BankBook(name="vouchers", gateways=frozenset({VOUCHER}), effects=vouchers.iter_effects),
    )
    with connect(replay.folder / "shop.toml") as shop:
        found = reconcile(all_payments(shop.environment.store), books)
    bank.close()
    vouchers.close()
    return tuple(one.message for one in found.examples)


def _tenders(orders: int) -> Iterator[tuple[str, int, str, int, str]]:
    """Orders with one or two tenders of every kind."""
    for number in range(orders):
        yield f"o-{number:04}", 1, KINDS[number % 4], 1, f"{number % 90 + 1}.10"
        if number % 3 == 0:
            yield f"o-{number:04}", 2, KINDS[(number + 1) % 4], 1, "5.05"


@contextmanager
def _bank(folder: Path) -> Generator[str]:
    """A bank in a process of its own; gives its URL."""
    serving = subprocess.Popen(
        [*COMMAND, "sandbox", "serve", "--port", "0", "--ledger", "bank.db"],
        cwd=folder,
        env={**environment({"PAYPORTS_SANDBOX_WEBHOOK_SECRET": SECRET}), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().split()[-1]
    finally:
        serving.terminate()
        serving.communicate(timeout=LIMIT_S)
