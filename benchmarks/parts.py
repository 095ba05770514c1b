"""The parts of the benchmark, each a function that gives figures as JSON has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks import on_postgres, on_sqlite, postgres_loops, scaling
from benchmarks.children import answer_of
from benchmarks.extent import Extent
from benchmarks.import_time import import_ms
from benchmarks.measuring import Series, cpu_us, ratio_of_cpu, ratio_of_wall, wall_us
from benchmarks.recovery import measure_recovery
from benchmarks.replaying import measure_replay
from benchmarks.syncs import count_syncs

Figures = dict[str, Any]


@attrs.frozen(kw_only=True)
class Setting:
    """Where to work, how much to do, and the interpreter that has the peers, if there is one."""

    folder: Path
    extent: Extent
    peers_python: str


def sqlite_full(setting: Setting) -> Figures:
    """SQLite, every commit synced."""
    return _sqlite(setting, "FULL")


def sqlite_normal(setting: Setting) -> Figures:
    """SQLite, synced at checkpoints only."""
    return _sqlite(setting, "NORMAL")


def _sqlite(setting: Setting, synchronous: str) -> Figures:
    folder, size = setting.folder, setting.extent.sale
    series, statements = on_sqlite.measure_authorize(folder, synchronous, size)
    syncs = count_syncs(folder, synchronous, few=min(25, size.pieces), many=size.pieces)
    return {
        "authorize": compared(series),
        "flow": compared(on_sqlite.measure_flow(folder, synchronous, size)),
        "statements": statements,
        "syncs": None if syncs is None else attrs.asdict(syncs),
    }


def postgres(setting: Setting) -> Figures:
    """PostgreSQL, in one process and in several."""
    extent = setting.extent
    with postgres_loops.serving() as server:
        series, trips, statements = on_postgres.measure_authorize(server, extent.sale)
        crowd = on_postgres.measure_crowd(server, setting.folder, extent.processes, extent.crowd)
        return {
            "authorize": compared(series),
            "round_trips": trips,
            "statements": statements,
            "flow": compared(on_postgres.measure_flow(server, extent.sale)),
            "crowd": attrs.asdict(crowd),
        }


def stored(setting: Setting) -> Figures:
    """An authorization against the payments that are stored already, on SQLite."""
    found = scaling.against_stored(setting.folder, setting.extent.stored, setting.extent.sale)
    fewest = found[setting.extent.stored[0]]
    return {
        str(count): {**costs(series), "cpu_of_fewest": ratio_of_cpu(series, fewest)} for count, series in found.items()
    }


def transactions(setting: Setting) -> Figures:
    """A refund against the transactions of its payment, on SQLite."""
    points = scaling.against_transactions(setting.folder, setting.extent.transactions, setting.extent.sale.rounds)
    curve = [(float(point.transactions), point.cpu_us) for point in points]
    return {
        "cpu_us": {str(point.transactions): point.cpu_us for point in points},
        "exponent": scaling.exponent(curve),
    }


def recovery(setting: Setting) -> Figures:
    """Recovery of unknown results, on SQLite."""
    return attrs.asdict(measure_recovery(setting.folder, setting.extent.unknown_rows))


def replay(setting: Setting) -> Figures:
    """Orders a second."""
    return attrs.asdict(measure_replay(setting.folder, setting.extent.orders))


def importing(setting: Setting) -> Figures:
    """What the import costs."""
    return attrs.asdict(import_ms(setting.extent.imports))


def peers(setting: Setting) -> Figures | None:
    """Other libraries on the same flow, if there is an interpreter that has them."""
    if not setting.peers_python:
        return None
    folder, size = setting.folder / "peers", setting.extent.sale
    folder.mkdir()
    found: Figures = answer_of("benchmarks.peers", folder, size.rounds, size.batch, python=setting.peers_python)
    return found


PARTS: Final[Mapping[str, Callable[[Setting], Figures | None]]] = {
    "import": importing,
    "sqlite_full": sqlite_full,
    "sqlite_normal": sqlite_normal,
    "postgres": postgres,
    "peers": peers,
    "stored": stored,
    "transactions": transactions,
    "recovery": recovery,
    "replay": replay,
}


def costs(series: Series) -> dict[str, float]:
    """The medians of a loop."""
    return {"cpu_us": cpu_us(series), "wall_us": wall_us(series)}


def compared(found: Mapping[str, Series]) -> Figures:
    """The medians of all loops, and the library against each of the others, round by round."""
    library = found["library"]
    return {
        **{name: costs(series) for name, series in found.items()},
        **{f"cpu_of_{name}": ratio_of_cpu(library, series) for name, series in found.items() if series is not library},
        **{
            f"wall_of_{name}": ratio_of_wall(library, series) for name, series in found.items() if series is not library
        },
    }
