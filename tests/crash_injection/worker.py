"""A process that plays operations: one job a line as JSON on its standard input, one answer a line on its standard output.

It has one thread and loads everything before it forks, so that what it forks is the same every time.
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
from tests.crash_injection.children import prepare
from tests.crash_injection.operations import BY_NAME
from tests.crash_injection.stage import Stage
from tests.crash_injection.tracing import Point


def main() -> None:
    """Work until there are no more jobs."""
    prepare()
    _load_everything()
    stages: dict[tuple[str, str], Stage] = {}
    with tempfile.TemporaryDirectory(prefix="payports-force-") as folder:
        for line in sys.stdin:
            job = json.loads(line)
            key = (job["operation"], job["bug"])
            if key not in stages:
                stages[key] = Stage(BY_NAME[key[0]], Path(folder) / str(len(stages)), key[1])
            print(json.dumps(_do(stages[key], job)), flush=True)


def _do(stage: Stage, job: dict[str, Any]) -> object:
    if job["point"] is None:
        calls, answers = stage.trace(job["course"])
        return {"calls": [attrs.astuple(call) for call in calls], "answers": answers}
    return attrs.asdict(stage.play(Point(*job["point"]), job["course"]))


def _load_everything() -> None:
    """Send something, for modules that are loaded late; and read what is installed once, not in every child."""
    setattr(wiring, "entry_points", functools.cache(entry_points))  # noqa: B010 -- a module exports none of its imports
    with serving() as bank:
        bank.effects()


if __name__ == "__main__":
    main()
