"""Three charts of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

Figures = dict[str, Any]

INK: Final = "#333333"
OURS: Final = "#2e7d32"
OTHERS: Final = "#9e9e9e"
_LOOPS: Final = {"floor": "floor", "same_statements": "same statements by hand", "library": "payports"}


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Draw the charts; return the files."""
    mpl = _library("matplotlib")
    mpl.use("svg")
    mpl.rcParams.update(
        {"svg.hashsalt": "payports", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    drawn = [
        _bars(figures, folder / "authorize.svg"),
        _curves(figures, folder / "scaling.svg"),
        _peers(figures, folder / "peers.svg"),
    ]
    return [path for path in drawn if path]


def _bars(figures: Figures, path: Path) -> Path | None:
    """CPU of an authorization: the library, its statements, and the floor."""
    series = {
        title: figures[part]["authorize"]
        for part, title in (
            ("sqlite_full", "SQLite FULL"),
            ("sqlite_normal", "SQLite NORMAL"),
            ("postgres", "PostgreSQL"),
        )
        if figures.get(part)
    }
    if not series:
        return None
    figure, axes = _new("CPU of one authorization in µs, this process only")
    for place, (loop, label) in enumerate(_LOOPS.items()):
        heights = [part[loop]["cpu_us"] for part in series.values()]
        bars = axes.bar(
            [x + 0.27 * (place - 1) for x in range(len(series))], heights, 0.25, label=label, color=_SHADES[loop]
        )
        axes.bar_label(bars, fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(series)), list(series))
    axes.legend(frameon=False)
    return _saved(figure, path)


_SHADES: Final = {"floor": "#cfd8dc", "same_statements": OTHERS, "library": OURS}


def _curves(figures: Figures, path: Path) -> Path | None:
    """Cost against the number of stored payments, and against the transactions of a payment."""
    stored, transactions = figures.get("stored"), figures.get("transactions")
    if not stored and not transactions:
        return None
    panels = [points for points in (stored, transactions) if points]
    figure, grid = _library("matplotlib.pyplot").subplots(
        1, len(panels), figsize=(3.6 * len(panels), 2.8), squeeze=False
    )
    axes = list(grid[0])
    if stored:
        points = {int(count): costs["cpu_us"] for count, costs in stored.items()}
        _curve(axes[0], points, "payments stored", "one authorization, CPU in µs")
        axes[0].set_xscale("log")
        axes[0].set_ylim(0, 1.6 * max(points.values()))
    if transactions:
        points = {int(count): cpu for count, cpu in transactions["cpu_us"].items()}
        _curve(axes[-1], points, "transactions of the payment", "one more refund, CPU in µs")
        axes[-1].set_xscale("log")
        axes[-1].set_yscale("log")
    return _saved(figure, path)


def _curve(axes: Any, points: Mapping[int, float], what: str, cost: str) -> None:
    axes.plot(list(points), list(points.values()), "o-", color=OURS, markersize=4)
    axes.set_xlabel(what)
    axes.set_title(cost, loc="left", fontsize=9, color=INK)


def _peers(figures: Figures, path: Path) -> Path | None:
    """CPU of the whole sale with each library."""
    if not figures.get("peers"):
        return None
    series = figures["peers"]["peers"]
    figure, axes = _new("the whole flow, CPU in ms, every commit synced")
    names = [f"{name}\n{peer['commits']} commits" for name, peer in series.items()]
    heights = [peer["cpu_us"] / 1_000 for peer in series.values()]
    bars = axes.barh(names, heights, 0.6, color=[OURS if name == "payports" else OTHERS for name in series])
    axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axes.invert_yaxis()
    return _saved(figure, path)


def _new(title: str) -> tuple[Any, Any]:
    figure, axes = _library("matplotlib.pyplot").subplots(figsize=(6.2, 2.8))
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    return figure, axes


def _library(name: str) -> Any:
    """Import a drawing library, which only ``payports[bench]`` installs."""
    return import_module(name)


def _saved(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    _library("matplotlib.pyplot").close(figure)
    return path
