"""The rows of the README's table: promises, figures and gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

Figures = dict[str, Any]


@attrs.frozen
class Row:
    """A promise. ``gate`` is the limit; without one the figure is only reported."""

    promise: str
    figure: str
    gate: str = ""
    reached: bool = True


def rows(figures: Figures) -> list[Row]:
    """The rows of all measured parts."""
    return [row for part, build in _ROWS.items() if figures.get(part) for row in build(figures[part])]


def _sqlite_full(figures: Figures) -> Iterator[Row]:
    authorize, syncs = figures["authorize"], figures["syncs"]
    yield _at_most("CPU of an authorization, of its own statements by hand", authorize["cpu_of_same_statements"], 1.5)
    yield _at_most("CPU of an authorization, of the floor", authorize["cpu_of_floor"], 6)
    yield _at_least(
        "authorizations a second, of its own statements by hand", 1 / authorize["wall_of_same_statements"], 0.6
    )
    yield Row("statements of an authorization, BEGIN and COMMIT among them", str(figures["statements"]))
    if syncs:
        each, on_average = syncs["each"], syncs["with_checkpoints"]
        yield Row("syncs of an authorization", f"{each:g} ({on_average:.2f} with checkpoints)", "2", each == 2)
    else:
        yield Row("syncs of an authorization", "not counted: no strace here", "2", reached=False)
    yield _of_flow(figures["flow"])


def _sqlite_normal(figures: Figures) -> Iterator[Row]:
    authorize, syncs = figures["authorize"], figures["syncs"]
    text = f"{authorize['cpu_of_same_statements']:.2f} × its statements, {authorize['cpu_of_floor']:.1f} × the floor"
    yield Row("CPU of an authorization, `synchronous = NORMAL`", text)
    if syncs:
        yield Row("its syncs", f"{syncs['with_checkpoints']:.2f}, all of checkpoints")


def _postgres(figures: Figures) -> Iterator[Row]:
    authorize, crowd = figures["authorize"], figures["crowd"]
    yield _at_most(
        "CPU of the client for an authorization, of its own statements", authorize["cpu_of_same_statements"], 1.5
    )
    yield _at_least(
        "authorizations a second, one process, of its statements", 1 / authorize["wall_of_same_statements"], 0.8
    )
    yield _at_least(f"the same, {crowd['processes']} processes at once", crowd["ratio"], 0.8)
    trips, statements = figures["round_trips"], figures["statements"]
    yield Row("round trips of an authorization", f"{trips} ({statements} statements)", "≤ 10", trips <= 10)
    yield _of_flow(figures["flow"])


def _of_flow(flow: Figures) -> Row:
    cpu, wall = flow["cpu_of_same_statements"], flow["wall_of_same_statements"]
    return Row("create, authorize, capture, refund, of the same statements", f"CPU {cpu:.2f} ×, time {wall:.2f} ×")


def _peers(figures: Figures) -> Iterator[Row]:
    ours = figures["peers"]["payports"]["commits"]
    for name, peer in figures["peers"].items():
        if name != "payports":
            cpu, wall = peer["cpu_of_payports"], peer["wall_of_payports"]
            text = f"CPU {cpu:.2f} ×, time {wall:.2f} × of payports; {peer['commits']} commits against {ours}"
            gate = "" if name in NO_PEERS else "CPU > 1"
            yield Row(f"the flow with {name}", text, gate, cpu > 1 or name in NO_PEERS)
    if not any(name.startswith("getpaid") for name in figures["peers"]):
        yield Row("the flow with getpaid-core", f"not measured: asks for Python 3.12, this is {figures['python']}")


NO_PEERS: Final = frozenset({"getpaid-core, bare row"})
"""Reported without a gate: a minimal store written for the comparison, with one row per payment and no history."""


def _stored(figures: Figures) -> Iterator[Row]:
    fewest, most = next(iter(figures)), list(figures)[-1]
    ratio = figures[most]["cpu_of_fewest"]
    yield _at_most(f"CPU of an authorization with {int(most):,} payments stored, of {int(fewest):,}", ratio, 1.25)


def _transactions(figures: Figures) -> Iterator[Row]:
    exponent, most = figures["exponent"], list(figures["cpu_us"])[-1]
    text = f"{figures['cpu_us'][most] / 1_000:.1f} ms with {int(most):,}, grows with the power {exponent:.2f}"
    yield Row("CPU of a refund against the transactions of its payment", text, "power ≤ 1.15", exponent <= 1.15)


def _recovery(figures: Figures) -> Iterator[Row]:
    seconds, grown, count = figures["wall_s"], figures["grown_mib"], figures["rows"]
    text = f"{seconds:.0f} s (CPU {figures['cpu_s']:.0f} s), {figures['resolved']:,} resolved"
    yield Row(f"{count:,} unknown results recovered", text, "≤ 60 s", seconds <= 60 and figures["resolved"] == count)
    yield Row("memory that this takes beyond the first pass", f"{grown:.1f} MiB", "≤ 10 MiB", grown <= 10)


def _replay(figures: Figures) -> Iterator[Row]:
    kind = "real" if figures["real"] else "made-up"
    yield Row("`payports replay`, every commit synced", f"{figures['per_second']:.0f} {kind} orders a second")


def _import(figures: Figures) -> Iterator[Row]:
    text = f"{figures['cpu_ms']:.0f} ms of CPU ({figures['wall_ms']:.0f} ms by the clock)"
    yield Row("`import payports`", text, "≤ 150 ms", figures["cpu_ms"] <= 150)


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
