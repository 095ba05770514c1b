"""Recovery of many unknown results on one SQLite file: time and memory."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from benchmarks.children import answer_of
from benchmarks.filling import fill_sqlite
from benchmarks.memory import resident_mib
from benchmarks.shops import Dummy, fresh
from benchmarks.sqlite_loops import open_sqlite
from payports import Channel, Observation, PaymentRequest, PaymentResponse, Payports, TransactionStatus, connect
from payports.testing import FixedClock

A_PASS: Final = 500


@attrs.frozen(kw_only=True)
class Recovered:
    """The result; ``grown_mib`` is the maximum memory beyond that after the first pass."""

    rows: int
    resolved: int
    wall_s: float
    cpu_s: float
    grown_mib: float
    resident_mib: float


class Mute(Dummy):
    """Executes everything, and never answers."""

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return PaymentResponse(
            seen=Observation(
                status=TransactionStatus.UNKNOWN, channel=Channel.ANSWER, transaction_id=request.transaction_id
            )
        )


def measure_recovery(folder: Path, rows: int) -> Recovered:
    """Recover a file with this many unknown authorizations, in a separate process."""
    path = folder / "recovery.db"
    fill_sqlite(path, rows - 1, partial(_unknown, path))
    return Recovered(**answer_of("benchmarks.recovery", path, rows))


def _unknown(path: Path, _: Payports) -> str:
    """A payment whose authorization got no answer an hour ago."""
    clock = FixedClock(datetime.now(UTC) - timedelta(hours=1))
    config = {"store": {"url": f"sqlite:///{path}"}}
    with connect(config, gateways={"dummy": Mute()}, clock=clock) as shop:
        payment_id = fresh(shop)
        shop.transactions.authorize(payment_id)
    return payment_id


def recover(path: Path, rows: int) -> Recovered:
    """Run maintenance until nothing is left to do."""
    held: list[float] = []
    with open_sqlite(path, "FULL") as shop:
        wall, cpu = time.perf_counter(), time.process_time()
        while True:
            report = shop.maintenance.run(A_PASS).unwrap()
            held.append(resident_mib())
            if not report.more:
                break
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    resolved = sqlite3.connect(path).execute("SELECT count(*) FROM transactions WHERE status = 'SUCCEEDED'").fetchone()
    return Recovered(
        rows=rows,
        resolved=resolved[0],
        wall_s=wall,
        cpu_s=cpu,
        grown_mib=max(held) - held[0],
        resident_mib=max(held),
    )


if __name__ == "__main__":
    print(json.dumps(attrs.asdict(recover(Path(sys.argv[1]), int(sys.argv[2])))))
