"""A worker process that runs operations: one job a line as JSON on standard input, one result a line on standard output.

It has one thread and loads everything before it forks, so that all forks behave the same.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import attrs

from payports.adapters.configuration import wiring
from payports.testing import serving
from tests.crash_injection.child_processes import block_start_signal
from tests.crash_injection.harness import OperationHarness
from tests.crash_injection.operations import BY_NAME
from tests.crash_injection.system_calls import FaultPoint


def main() -> None:
    """Work until there are no more jobs."""
    block_start_signal()
    _load_everything()
    harnesses: dict[tuple[str, str], OperationHarness] = {}
    with tempfile.TemporaryDirectory(prefix="payports-force-") as folder:
        for line in sys.stdin:
            job = json.loads(line)
            key = (job["operation"], job["bug"])
            if key not in harnesses:
                harnesses[key] = OperationHarness(BY_NAME[key[0]], Path(folder) / str(len(harnesses)), key[1])
            print(json.dumps(_do(harnesses[key], job)), flush=True)


def _do(harness: OperationHarness, job: dict[str, Any]) -> object:
    if job["point"] is None:
        calls, answers = harness.trace(job["scenario"])
        return {"calls": [attrs.astuple(call) for call in calls], "answers": answers}
    return attrs.asdict(harness.play(FaultPoint(*job["point"]), job["scenario"]))


def _load_everything() -> None:
    """Send a request to load lazy modules, and read the installed entry points once, not in every child."""
    setattr(wiring, "entry_points", functools.cache(entry_points))  # noqa: B010 -- a module exports none of its imports
    with serving() as bank:
        bank.effects()


if __name__ == "__main__":
    main()
