"""The cost of ``import payports``: a fresh interpreter with it, minus a bare one.

The two start in turn, so that a busy machine slows both; the medians are compared. CPU time hardly depends on other processes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import attrs


@attrs.frozen(kw_only=True)
class ImportTime:
    """The differences of the medians."""

    cpu_ms: float
    wall_ms: float


def import_ms(runs: int) -> ImportTime:
    """Time the import ``runs`` times."""
    _started("import payports")  # writes the byte code
    pairs = [(_started("pass"), _started("import payports")) for _ in range(runs)]
    cpu, wall = (
        statistics.median(full[column] for _, full in pairs) - statistics.median(bare[column] for bare, _ in pairs)
        for column in range(2)
    )
    return ImportTime(cpu_ms=cpu, wall_ms=wall)


def _started(code: str) -> tuple[float, float]:
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu * 1_000, wall * 1_000


if __name__ == "__main__":
    print(import_ms(int(sys.argv[1]) if sys.argv[1:] else 21))
