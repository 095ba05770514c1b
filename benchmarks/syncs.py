"""Syncs per authorization, and on which file, counted by ``strace`` from outside the process.

A child authorizes a few payments and ends; another does more. The difference is the cost of the payments in between, without start and
end. Checkpoints are counted apart by file: a checkpoint syncs as well, once in many commits, and is not part of a transaction.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import attrs

from benchmarks.children import ROOT, environment
from benchmarks.filling import fill_sqlite
from benchmarks.on_sqlite import authorize
from benchmarks.sqlite_loops import open_sqlite

CALLS: Final = "fsync,fdatasync,sync_file_range,syncfs,sync"
_CALL: Final = re.compile(r"\b(?:fsync|fdatasync)\(\d+<([^>]*)>\)")
_FEW: Final = 5


@attrs.frozen
class Syncs:
    """Per authorization: without a checkpoint, and the average over many with their checkpoints."""

    each: float
    with_checkpoints: float


def count_syncs(folder: Path, synchronous: str, few: int = 25, many: int = 1_000) -> Syncs | None:
    """Count syncs per authorization; ``None`` without strace, or where it may not trace."""
    if not shutil.which("strace"):
        return None
    path = folder / f"syncs-{synchronous}.db"
    fill_sqlite(path, _FEW + many)
    counts = [_traced(path, synchronous, number) for number in (_FEW, _FEW + few, _FEW + many)]
    if not all(counts):
        return None
    start, after_few, after_many = (counted.total() for counted in counts)
    return Syncs((after_few - start) / few, (after_many - start) / many)


def _traced(path: Path, synchronous: str, authorizations: int) -> Counter[str]:
    copy, log = path.with_suffix(".traced"), path.with_suffix(".strace")
    for stale in path.parent.glob(f"{copy.name}*"):
        stale.unlink()
    shutil.copy(path, copy)
    command = ["strace", "-f", "-y", "-e", f"trace={CALLS}", "-o", str(log)]
    child = [sys.executable, "-m", "benchmarks.syncs", str(copy), synchronous, str(authorizations)]
    if subprocess.run([*command, *child], cwd=ROOT, env=environment(), check=False).returncode:
        return Counter()
    return Counter(_CALL.findall(log.read_text()))


def main(path: str, synchronous: str, authorizations: str) -> None:
    """Authorize some payments, in the traced child."""
    with open_sqlite(Path(path), synchronous) as shop:
        for number in range(int(authorizations)):
            authorize(shop, number)


if __name__ == "__main__":
    main(*sys.argv[1:])
