"""``make bench``: measure, write the figures as JSON, the table into the README, and the plots."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.children import ROOT
from benchmarks.extent import EXTENTS, FULL, QUICK
from benchmarks.page import put_into, table
from benchmarks.parts import PARTS, Setting
from benchmarks.plots import draw

RESULTS: Final = ROOT / "benchmarks" / "results"
SOME: Final = "some"
"""The name of the figures of some parts alone."""
PLOTS: Final = ROOT / "docs" / "figures"


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for."""
    asked = _parser().parse_args(arguments)
    name = QUICK.name if asked.quick else asked.extent
    figures = _about(asked)
    file: Path = asked.results / f"{SOME if asked.only else name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="payports-bench-", dir=asked.folder) as folder:
        for part in asked.only or PARTS:
            start = time.perf_counter()
            setting = Setting(folder=Path(folder), extent=EXTENTS[name], peers_python=asked.peers_python)
            figures[part] = PARTS[part](setting)
            file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
            print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if name == FULL.name and not asked.only:
        publish(figures)
    print(table(figures))


def publish(figures: dict[str, Any]) -> None:
    """Write what a reader sees."""
    put_into(ROOT / "README.md", figures)
    PLOTS.mkdir(exist_ok=True)
    draw(figures, PLOTS)


def _about(asked: argparse.Namespace) -> dict[str, Any]:
    given = [*(["--quick"] if asked.quick else ()), *(["--only", *asked.only] if asked.only else ())]
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": f"make bench ARGS='{' '.join(given)}'" if given else "make bench",
        "machine": {
            "processors": os.cpu_count(),
            "python": sys.version.split()[0],
            "sqlite": sqlite3.sqlite_version,
            "load": os.getloadavg()[0],
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=", description="What the library costs, beside the same work by hand."
    )
    parser.add_argument("--quick", action="store_true", help="a look of two minutes; writes no table and no plots")
    parser.add_argument("--extent", choices=EXTENTS, default=FULL.name, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="some parts; writes no table and no plots")
    parser.add_argument("--folder", type=Path, help="where the databases are made, on the disk to be measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--peers-python", default="", help="an interpreter that has the other libraries")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
