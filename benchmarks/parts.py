"""The parts of the benchmark; each returns its figures as JSON."""

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
    """Where to work, how much to do, and an interpreter that has the peer libraries, if there is one."""

    folder: Path
    extent: Extent
    peers_python: str


def sqlite_full(setting: Setting) -> Figures:
    """Measure SQLite with every commit synced."""
    return _sqlite(setting, "FULL")


def sqlite_normal(setting: Setting) -> Figures:
    """Measure SQLite synced at checkpoints only."""
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
    """Measure PostgreSQL, in one process and in several."""
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
    """Measure an authorization against the number of stored payments, on SQLite."""
    series_by_name = scaling.against_stored(setting.folder, setting.extent.stored, setting.extent.sale)
    fewest = series_by_name[setting.extent.stored[0]]
    return {
        str(count): {**costs(series), "cpu_of_fewest": ratio_of_cpu(series, fewest)}
        for count, series in series_by_name.items()
    }


def transactions(setting: Setting) -> Figures:
    """Measure a refund against the number of transactions of its payment, on SQLite."""
    points = scaling.against_transactions(setting.folder, setting.extent.transactions, setting.extent.sale.rounds)
    curve = [(float(point.transactions), point.cpu_us) for point in points]
    return {
        "cpu_us": {str(point.transactions): point.cpu_us for point in points},
        "exponent": scaling.exponent(curve),
    }


def recovery(setting: Setting) -> Figures:
    """Measure the recovery of unknown results, on SQLite."""
    return attrs.asdict(measure_recovery(setting.folder, setting.extent.unknown_rows))


def replay(setting: Setting) -> Figures:
    """Measure replayed orders per second."""
    return attrs.asdict(measure_replay(setting.folder, setting.extent.orders))


def importing(setting: Setting) -> Figures:
    """Measure the import."""
    return attrs.asdict(import_ms(setting.extent.imports))


def peers(setting: Setting) -> Figures | None:
    """Measure other libraries on the same flow, if an interpreter has them."""
    if not setting.peers_python:
        return None
    folder, size = setting.folder / "peers", setting.extent.sale
    folder.mkdir()
    figures: Figures = answer_of("benchmarks.peers", folder, size.rounds, size.batch, python=setting.peers_python)
    return figures


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


def compared(series_by_name: Mapping[str, Series]) -> Figures:
    """The medians of all loops, and the ratios of the library to each of the others, round by round."""
    library = series_by_name["library"]
    return {
        **{name: costs(series) for name, series in series_by_name.items()},
        **{
            f"cpu_of_{name}": ratio_of_cpu(library, series)
            for name, series in series_by_name.items()
            if series is not library
        },
        **{
            f"wall_of_{name}": ratio_of_wall(library, series)
            for name, series in series_by_name.items()
            if series is not library
        },
    }
