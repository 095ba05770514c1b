"""Replays under fault injection: each runs in its own folder against a bank that outlives it; ``payports work`` catches up, then it is
verified.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from payports import connect
from payports.adapters.demonstrations.order_sale import VOUCHER
from payports.adapters.demonstrations.reconciliation import BankBook, all_payments, reconcile
from payports.adapters.demonstrations.replay_setup import AT_THE_BANK
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.testing import RemoteSandboxBank
from tests.adapters.command_line.command_process import COMMAND, LIMIT_S, environment, payports

SECRET: Final = "whsec_of_killed_replays_0123456789"
WORKERS: Final = 4
KINDS: Final = ("credit_card", "boleto", "voucher", "debit_card")


@contextmanager
def prepared(folder: Path, database: str, orders: int) -> Generator[Replay]:
    """Set up a replay of some orders, and its bank."""
    with (folder / "orders.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"))
        writer.writerows(_tenders(orders))
    with _bank(folder) as bank:
        yield Replay(folder=folder, database=database, bank=bank)


@attrs.frozen(kw_only=True)
class Replay:
    """How to run the replay: in its own folder, against a bank that outlives it."""

    folder: Path
    database: str
    bank: str
    is_planted: bool = False

    @property
    def env(self) -> dict[str, str]:
        env = {"PAYPORTS_SANDBOX_WEBHOOK_SECRET": SECRET}
        if self.is_planted:
            env["PYTHONPATH"] = os.pathsep.join((str(self.folder), environment()["PYTHONPATH"]))
        return env

    @property
    def command(self) -> tuple[str, ...]:
        options = {"--database": self.database, "--bank": self.bank, "--write-config": "shop.toml"}
        flat = [part for option in options.items() for part in option]
        return ("replay", "orders.csv", "--json", "--workers", str(WORKERS), *flat)

    def with_bug(self, script: str) -> Replay:
        """Run a script first in every process of the replay."""
        (self.folder / "sitecustomize.py").write_text(script, encoding="ascii")
        return attrs.evolve(self, is_planted=True)

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
        report: dict[str, Any] = json.loads(ended.stdout)
        return report


@attrs.define
class Progress:
    """Measures the progress of a replay by the bank's effects."""

    bank: RemoteSandboxBank
    running: subprocess.Popen[str]
    position: int = 0

    def wait_for(self, effects: int) -> bool:
        """Wait for this many new effects; return false if the replay ended first."""
        while effects > 0:
            if self.running.poll() is not None:
                return False
            new = list(self.bank.iter_effects(self.position))
            self.position = new[-1].position if new else self.position
            effects -= len(new)
            time.sleep(0.02)  # the bank reports no progress
        return True


@contextmanager
def ending(process: subprocess.Popen[str]) -> Generator[None]:
    """Kill the process at the end of the block."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def catch_up(replay: Replay) -> None:
    """Run ``payports work`` until no transaction is unknown, then ``payports verify``."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        ended = payports("work", "--once", "--config", "shop.toml", cwd=replay.folder)
        assert (ended.returncode, ended.stderr) == (0, "")
        if not _has_unknown(replay):
            break
        assert time.monotonic() < deadline, "a transaction stays unknown"
        time.sleep(0.5)  # unknown transactions are due later
    verified = payports("verify", "--gateway-look-up", "--config", "shop.toml", cwd=replay.folder)
    assert verified.returncode == 0, verified.stdout


def _has_unknown(replay: Replay) -> bool:
    with connect(replay.folder / "shop.toml") as shop:
        payments = all_payments(shop.environment.store)
        return any(transaction.indeterminate for payment in payments for transaction in payment.transactions)


def differences(replay: Replay) -> tuple[str, ...]:
    """Reconcile our ledger with those of the bank and of the vouchers."""
    bank = RemoteSandboxBank(replay.bank, SECRET)
    vouchers = StoredValueLedger(str(next(replay.folder.glob("*.vouchers.db"))))
    books = (
        BankBook(name="bank", gateways=AT_THE_BANK, effects=bank.iter_effects),
        BankBook(name="vouchers", gateways=frozenset({VOUCHER}), effects=vouchers.iter_effects),
    )
    with connect(replay.folder / "shop.toml") as shop:
        reconciliation = reconcile(all_payments(shop.environment.store), books)
    bank.close()
    vouchers.close()
    return tuple(difference.message for difference in reconciliation.examples)


def _tenders(orders: int) -> Iterator[tuple[str, int, str, int, str]]:
    """Orders with one or two tenders of every type."""
    for number in range(orders):
        yield f"o-{number:04}", 1, KINDS[number % 4], 1, f"{number % 90 + 1}.10"
        if number % 3 == 0:
            yield f"o-{number:04}", 2, KINDS[(number + 1) % 4], 1, "5.05"


@contextmanager
def _bank(folder: Path) -> Generator[str]:
    """Run a bank in its own process; give its URL."""
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
