"""Run the flow of each library in turn, and print its cost and its statements."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from sqlite3 import dbapi2
from typing import Any

import attrs

from benchmarks import shops
from benchmarks.measuring import Piece, Series, Size, cpu_us, in_turn, ratio_of_cpu, ratio_of_wall, wall_us
from benchmarks.peers.setting import configure
from benchmarks.sqlite_loops import open_sqlite


def main(folder: Path, size: Size) -> dict[str, Any]:
    """Measure each library beside payports in the same rounds."""
    with connections() as opened:
        loops = pieces(folder)
        counts = {name: counted(piece, opened, size.pieces) for name, piece in loops.items()}
    results = in_turn(loops, size)
    return {
        "python": sys.version.split()[0],
        "peers": {name: {**compared(series, results["payports"]), **counts[name]} for name, series in results.items()},
    }


def pieces(folder: Path) -> dict[str, Piece]:
    """The flow of each installed library."""
    configure(folder / "django.db")
    from benchmarks.peers import django_payments

    django_payments.prepare()
    shop = open_sqlite(folder / "payports.db", "FULL")
    loops: dict[str, Piece] = {
        "payports": lambda number: shops.sell(shop, number),
        "django-payments": django_payments.sell,
    }
    if find_spec("getpaid_core"):
        from benchmarks.peers import getpaid

        loops["getpaid-core, Django store"] = getpaid.over_django()
        loops["getpaid-core, bare row"] = getpaid.over_bare_rows(folder / "bare.db")
    return loops


@contextmanager
def connections() -> Iterator[list[sqlite3.Connection]]:
    """List every SQLite connection that is opened until the end of the block."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connecting(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    sqlite3.connect = dbapi2.connect = connecting
    try:
        yield opened
    finally:
        sqlite3.connect = dbapi2.connect = connect


def counted(piece: Piece, opened: list[sqlite3.Connection], number: int) -> dict[str, int]:
    """Count the statements and commits of one flow; a statement that writes outside a transaction commits by itself."""
    piece(number)
    log: list[tuple[str, bool]] = []
    for connection in opened:
        connection.set_trace_callback(lambda sql, of=connection: log.append((sql.upper(), of.in_transaction)))
    piece(number + 1)
    for connection in opened:
        connection.set_trace_callback(None)
    alone = [sql for sql, inside in log if not inside and sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    ended = [sql for sql, _ in log if sql.startswith("COMMIT")]
    return {"statements": len(log), "commits": len(ended) + len(alone)}


def compared(series: Series, ours: Series) -> dict[str, float]:
    """The times of a flow, and their ratios to ours."""
    return {
        "cpu_us": cpu_us(series),
        "wall_us": wall_us(series),
        "cpu_of_payports": ratio_of_cpu(series, ours),
        "wall_of_payports": ratio_of_wall(series, ours),
    }


if __name__ == "__main__":
    rounds, batch = map(int, sys.argv[2:])
    print(json.dumps(main(Path(sys.argv[1]), attrs.evolve(Size(1, 1), rounds=rounds, batch=batch))))
