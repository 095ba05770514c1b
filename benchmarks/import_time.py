"""Print what ``import payports`` costs: a fresh interpreter with it, minus a bare one.

Run: ``.venv/bin/python benchmarks/import_time.py [RUNS]``. The two are measured in turn, so that
a busy machine slows both; the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Final

RUNS: Final = 21
BOUND_MS: Final = 150
"""What the library promises for an ordinary machine."""


def elapsed_ms(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    return (time.perf_counter() - start) * 1_000


def main(runs: int) -> None:
    elapsed_ms("import payports")  # writes the byte code
    pairs = [(elapsed_ms("pass"), elapsed_ms("import payports")) for _ in range(runs)]
    bare, with_payports = (statistics.median(column) for column in zip(*pairs, strict=True))
    cost = with_payports - bare
    print(f"import payports: {cost:.0f} ms (bound {BOUND_MS} ms)")
    print(f"median of {runs}: {with_payports:.0f} ms, bare interpreter {bare:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else RUNS)
