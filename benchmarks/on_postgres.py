"""One authorization and one whole sale on PostgreSQL, in one process and in eight at once."""

from __future__ import annotations

import json
import pickle
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks import shops
from benchmarks.children import ROOT, environment
from benchmarks.filling import bulk_id, fill_postgres
from benchmarks.measuring import Piece, Series, Size, in_turn
from benchmarks.postgres_loops import by_hand, floor, new_database, record, round_trips, same_statements
from benchmarks.shops import open_shop
from payports import Payports


def authorize(shop: Payports, number: int) -> None:
    """Authorize the payment of that number."""
    shop.transactions.authorize(bulk_id(number)).unwrap()


def measure_authorize(server: str, size: Size) -> tuple[dict[str, Series], int, int]:
    """Measure the library, its statements by hand and the floor in turn on one database; count the round trips and statements of one
    authorization.
    """
    url, count = new_database(server), size.pieces
    fill_postgres(url, 2 * count + 2)
    logs = record(url, authorize, range(count, 2 * count))
    link = by_hand(url)
    with open_shop(url) as shop:
        series = in_turn(
            {
                "library": lambda number: authorize(shop, number),
                "same_statements": same_statements(link, logs),
                "floor": floor(link),
            },
            size,
        )
        trips = round_trips(lambda: authorize(shop, 2 * count))
    link.close()
    return series, trips, sum(map(len, logs[0]))


def measure_flow(server: str, size: Size) -> dict[str, Series]:
    """Measure create, authorize, capture and refund, and the same statements by hand."""
    url, count = new_database(server), size.pieces
    fill_postgres(url, 1)
    logs = record(url, shops.sell, range(count))
    link = by_hand(url)
    with open_shop(url) as shop:
        series = in_turn(
            {
                "library": lambda number: shops.sell(shop, count + number),
                "same_statements": same_statements(link, logs),
            },
            size,
        )
    link.close()
    return series


LIBRARY: Final = "library"
SAME: Final = "same_statements"


@attrs.frozen(kw_only=True)
class Crowd:
    """Authorizations per second of several processes at once, and the ratio to the same statements by hand."""

    processes: int
    library_per_second: float
    same_per_second: float
    ratio: float


def measure_crowd(server: str, folder: Path, processes: int, size: Size) -> Crowd:
    """Let several processes authorize at once: the library and its statements by hand in turn."""
    url, each, batch = new_database(server), size.pieces, size.batch
    fill_postgres(url, 2 * processes * each)
    half = processes * each
    logs = record(url, authorize, range(half, 2 * half))
    workers: dict[str, list[_Worker]] = {LIBRARY: [], SAME: []}
    for number in range(processes):
        recorded = folder / f"recorded-{number}.pickle"
        recorded.write_bytes(pickle.dumps(logs[number * each : (number + 1) * each]))
        workers[LIBRARY].append(_Worker(url, LIBRARY, number * each, ""))
        workers[SAME].append(_Worker(url, SAME, 0, str(recorded)))
    rates: dict[str, list[float]] = {LIBRARY: [], SAME: []}
    for number in range(size.rounds + 1):
        for kind in (LIBRARY, SAME) if number % 2 else (SAME, LIBRARY):
            seconds = _together(workers[kind], number * batch, batch)
            if number:
                rates[kind].append(processes * batch / seconds)
    for worker in workers[LIBRARY] + workers[SAME]:
        worker.close()
    library, same = (statistics.median(rates[kind]) for kind in (LIBRARY, SAME))
    ratio = statistics.median(mine / its for mine, its in zip(rates[LIBRARY], rates[SAME], strict=True))
    return Crowd(processes=processes, library_per_second=library, same_per_second=same, ratio=ratio)


class _Worker:
    """A process that runs a batch on command."""

    def __init__(self, url: str, kind: str, first: int, recorded: str) -> None:
        command = [sys.executable, "-m", "benchmarks.on_postgres", url, kind, str(first), recorded]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._answer()

    def start(self, first: int, batch: int) -> None:
        print(json.dumps([first, batch]), file=self._process.stdin, flush=True)

    def wait(self) -> None:
        self._answer()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> None:
        if self._process.stdout is None or not self._process.stdout.readline():
            raise RuntimeError("a worker has died")


def _together(workers: list[_Worker], first: int, batch: int) -> float:
    start = time.perf_counter()
    for worker in workers:
        worker.start(first, batch)
    for worker in workers:
        worker.wait()
    return time.perf_counter() - start


def work(url: str, kind: str, first: str, recorded: str) -> None:
    """Run a worker: report that it is ready, then run a batch for every line of input."""
    if kind == LIBRARY:
        with open_shop(url) as shop:
            _obey(lambda number: authorize(shop, int(first) + number))
    else:
        logs: Any = pickle.loads(Path(recorded).read_bytes())  # noqa: S301 -- our own, a moment old
        _obey(same_statements(by_hand(url), logs))


def _obey(piece: Piece) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        first, batch = json.loads(line)
        for number in range(first, first + batch):
            piece(number)
        print("done", flush=True)


if __name__ == "__main__":
    work(*sys.argv[1:])
