"""A replay whose processes are killed at any time, goes on, and ends with ledgers that agree to the last unit.

Four workers sell orders at a bank that is a process of its own. Workers are killed, and once the replay itself; then it
is run again, ``payports work`` catches up, ``payports verify`` looks at everything, and our ledger is compared with the bank's.
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
ORDERS_A_KILL: Final = 25
KINDS: Final = ("credit_card", "boleto", "voucher", "debit_card")


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

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *self.command],
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


def test_money_that_moved_at_the_bank_alone_is_found(replay: Replay) -> None:
    replay.finish()
    bank = RemoteSandboxBank(replay.bank, SECRET)
    captured = next(one for one in bank.iter_effects() if one.type.value == "CAPTURE")
    bank.dashboard("REFUND", captured.gateway_reference, captured.amount)
    bank.webhooks()  # whoever should have heard of it never does
    bank.close()
    assert len(_differences(replay)) == 1
    ended = payports(*replay.command, cwd=replay.folder, env=replay.env)
    assert (ended.returncode, json.loads(ended.stdout)["differences"]) == (1, 1)


def _run_and_kill(replay: Replay, chance: Random, kills: int, *, itself: bool) -> int:
    """Run the replay and kill so many of its workers at random moments, and then itself or nobody; gives how many were killed."""
    running, bank, killed = replay.start(), RemoteSandboxBank(replay.bank, SECRET), 0
    try:
        while killed < kills and _wait_for(bank, chance.randint(1, ORDERS_A_KILL), running):
            workers = _workers(running.pid)
            if len(workers) == WORKERS:
                os.kill(chance.choice(workers), signal.SIGKILL)
                killed += 1
        if itself:
            _wait_for(bank, chance.randint(1, ORDERS_A_KILL), running)
            running.kill()
        out, err = running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
        running.wait()
        bank.close()
    if not itself:
        assert (running.returncode, err) == (0, "")
        assert json.loads(out)["replaced_workers"] == killed
    return killed


def _wait_for(bank: RemoteSandboxBank, effects: int, running: subprocess.Popen[str]) -> bool:
    """Wait until the bank has done so much more: a moment is a place in the work. False if there was nothing more to do."""
    before = len(bank.effects())
    while len(bank.effects()) < before + effects:
        if running.poll() is not None:
            return False
        time.sleep(0.01)
    return True


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
