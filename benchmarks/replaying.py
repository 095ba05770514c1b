"""Orders per second of ``payports replay``: checkout, capture and refund of real orders, each commit synced."""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path
from typing import Final

import attrs

from benchmarks.children import run

_FEW: Final = 20
DATA: Final = "PAYPORTS_DATA"


@attrs.frozen
class Replayed:
    """``real``: real orders; otherwise made up, because ``PAYPORTS_DATA`` is not set."""

    orders: int
    per_second: float
    real: bool


def measure_replay(folder: Path, orders: int) -> Replayed:
    """Time a long replay and a short one; the difference excludes start and end."""
    real = DATA in os.environ
    file = () if real else (str(_made_up(folder / "orders.csv", orders + _FEW)),)
    seconds = [_seconds(folder / f"replay-{count}.db", count, file) for count in (_FEW, _FEW + orders)]
    return Replayed(orders, orders / (seconds[1] - seconds[0]), real)


def _seconds(database: Path, orders: int, file: tuple[str, ...]) -> float:
    program = Path(sys.executable).with_name("payports")
    start = time.perf_counter()
    run([str(program), "replay", "--json", "--orders", str(orders), "--database", str(database), *file])
    return time.perf_counter() - start


def _made_up(path: Path, orders: int) -> Path:
    columns = ("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value")
    with path.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows((f"order-{number}", 1, "credit_card", 1, "59.90") for number in range(orders))
    return path
