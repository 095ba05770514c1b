"""What is promised, what was measured, and whether that is enough: the rows of the table in the README."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

Figures = dict[str, Any]


@attrs.frozen
class Row:
    """One promise. ``gate`` is what it must be; without one it is told for what it is."""

    promise: str
    figure: str
    gate: str = ""
    reached: bool = True


def rows(figures: Figures) -> list[Row]:
    """The rows of all parts that were measured."""
    return [row for part, told in _ROWS.items() if figures.get(part) for row in told(figures[part])]


def _sqlite_full(found: Figures) -> Iterator[Row]:
    authorize, syncs = found["authorize"], found["syncs"]
    yield _at_most("CPU of an authorization, of its own statements by hand", authorize["cpu_of_same_statements"], 1.5)
    yield _at_most("CPU of an authorization, of the floor", authorize["cpu_of_floor"], 6)
    yield _at_least(
        "authorizations a second, of its own statements by hand", 1 / authorize["wall_of_same_statements"], 0.6
    )
    yield Row("statements of an authorization, BEGIN and COMMIT among them", str(found["statements"]))
    if syncs:
        each, often = syncs["each"], syncs["with_checkpoints"]
        yield Row("syncs of an authorization", f"{each:g} ({often:.2f} with checkpoints)", "2", each == 2)
    else:
        yield Row("syncs of an authorization", "not counted: no strace here", "2", reached=False)
    yield _of_flow(found["flow"])


def _sqlite_normal(found: Figures) -> Iterator[Row]:
    authorize, syncs = found["authorize"], found["syncs"]
    told = f"{authorize['cpu_of_same_statements']:.2f} × its statements, {authorize['cpu_of_floor']:.1f} × the floor"
    yield Row("CPU of an authorization, `synchronous = NORMAL`", told)
    if syncs:
        yield Row("its syncs", f"{syncs['with_checkpoints']:.2f}, all of checkpoints")


def _postgres(found: Figures) -> Iterator[Row]:
    authorize, crowd = found["authorize"], found["crowd"]
    yield _at_most(
        "CPU of the client for an authorization, of its own statements", authorize["cpu_of_same_statements"], 1.5
    )
    yield _at_least(
        "authorizations a second, one process, of its statements", 1 / authorize["wall_of_same_statements"], 0.8
    )
    yield _at_least(f"the same, {crowd['processes']} processes at once", crowd["ratio"], 0.8)
    trips, statements = found["round_trips"], found["statements"]
    yield Row("round trips of an authorization", f"{trips} ({statements} statements)", "≤ 10", trips <= 10)
    yield _of_flow(found["flow"])


def _of_flow(flow: Figures) -> Row:
    cpu, wall = flow["cpu_of_same_statements"], flow["wall_of_same_statements"]
    return Row("create, authorize, capture, refund, of the same statements", f"CPU {cpu:.2f} ×, time {wall:.2f} ×")


def _peers(found: Figures) -> Iterator[Row]:
    ours = found["peers"]["payports"]["commits"]
    for name, peer in found["peers"].items():
        if name != "payports":
            cpu, wall = peer["cpu_of_payports"], peer["wall_of_payports"]
            told = f"CPU {cpu:.2f} ×, time {wall:.2f} × of payports; {peer['commits']} commits against {ours}"
            gate = "" if name in NO_PEERS else "CPU > 1"
            yield Row(f"the flow with {name}", told, gate, cpu > 1 or name in NO_PEERS)
    if not any(name.startswith("getpaid") for name in found["peers"]):
        yield Row("the flow with getpaid-core", f"not measured: asks for Python 3.12, this is {found['python']}")


NO_PEERS: Final = frozenset({"getpaid-core, bare row"})
"""Told for what it is: a store of a page, written for the comparison, that keeps one row and no history."""


def _stored(found: Figures) -> Iterator[Row]:
    fewest, most = next(iter(found)), list(found)[-1]
    ratio = found[most]["cpu_of_fewest"]
    yield _at_most(f"CPU of an authorization with {int(most):,} payments stored, of {int(fewest):,}", ratio, 1.25)


def _transactions(found: Figures) -> Iterator[Row]:
    exponent, most = found["exponent"], list(found["cpu_us"])[-1]
    told = f"{found['cpu_us'][most] / 1_000:.1f} ms with {int(most):,}, grows with the power {exponent:.2f}"
    yield Row("CPU of a refund against the transactions of its payment", told, "power ≤ 1.15", exponent <= 1.15)


def _recovery(found: Figures) -> Iterator[Row]:
    seconds, grown, count = found["wall_s"], found["grown_mib"], found["rows"]
    told = f"{seconds:.0f} s (CPU {found['cpu_s']:.0f} s), {found['resolved']:,} resolved"
    yield Row(f"{count:,} unknown results recovered", told, "≤ 60 s", seconds <= 60 and found["resolved"] == count)
    yield Row("memory that this takes beyond the first pass", f"{grown:.1f} MiB", "≤ 10 MiB", grown <= 10)


def _replay(found: Figures) -> Iterator[Row]:
    kind = "real" if found["real"] else "made-up"
    yield Row("`payports replay`, every commit synced", f"{found['per_second']:.0f} {kind} orders a second")


def _import(found: Figures) -> Iterator[Row]:
    told = f"{found['cpu_ms']:.0f} ms of CPU ({found['wall_ms']:.0f} ms by the clock)"
    yield Row("`import payports`", told, "≤ 150 ms", found["cpu_ms"] <= 150)


def _at_most(promise: str, ratio: float, gate: float) -> Row:
    return Row(promise, f"{ratio:.2f} ×", f"≤ {gate:g} ×", ratio <= gate)


def _at_least(promise: str, ratio: float, gate: float) -> Row:
    return Row(promise, f"{ratio:.2f} ×", f"≥ {gate:g} ×", ratio >= gate)


_ROWS: Final[dict[str, Callable[[Figures], Iterator[Row]]]] = {
    "sqlite_full": _sqlite_full,
    "sqlite_normal": _sqlite_normal,
    "postgres": _postgres,
    "peers": _peers,
    "stored": _stored,
    "transactions": _transactions,
    "recovery": _recovery,
    "replay": _replay,
    "import": _import,
}
