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
PARTIAL: Final = "some"
"""The name of the results of a selection of parts."""
PLOTS: Final = ROOT / "docs" / "figures"


def main(arguments: Sequence[str]) -> None:
    """Measure the requested parts."""
    options = _parser().parse_args(arguments)
    name = QUICK.name if options.quick else options.extent
    figures = _about(options)
    file: Path = options.results / f"{PARTIAL if options.only else name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="payports-bench-", dir=options.folder) as folder:
        for part in options.only or PARTS:
            start = time.perf_counter()
            setting = Setting(folder=Path(folder), extent=EXTENTS[name], peers_python=options.peers_python)
            figures[part] = PARTS[part](setting)
            file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
            print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if name == FULL.name and not options.only:
        publish(figures)
    print(table(figures))


def publish(figures: dict[str, Any]) -> None:
    """Write the table and the plots."""
    put_into(ROOT / "README.md", figures)
    PLOTS.mkdir(exist_ok=True)
    draw(figures, PLOTS)


def _about(options: argparse.Namespace) -> dict[str, Any]:
    flags = [*(["--quick"] if options.quick else ()), *(["--only", *options.only] if options.only else ())]
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": f"make bench ARGS='{' '.join(flags)}'" if flags else "make bench",
        "machine": {
            "processors": os.cpu_count(),
            "python": sys.version.split()[0],
            "sqlite": sqlite3.sqlite_version,
            "load": os.getloadavg()[0],
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=", description="The cost of the library, compared with the same work by hand."
    )
    parser.add_argument(
        "--quick", action="store_true", help="a quick look of two minutes; writes no table and no plots"
    )
    parser.add_argument("--extent", choices=EXTENTS, default=FULL.name, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts; writes no table and no plots")
    parser.add_argument("--folder", type=Path, help="the folder for the databases, on the disk to measure")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the JSON files")
    parser.add_argument("--peers-python", default="", help="an interpreter that has the peer libraries")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
