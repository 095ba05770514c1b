"""Processes that measure for us, in an interpreter of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]


def answer_of(module: str, *arguments: object, python: str = sys.executable) -> Any:
    """Run a module of the benchmarks, and read the JSON that it prints."""
    command = [python, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def run(command: Sequence[str]) -> None:
    """Run something whose output does not matter."""
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)


def environment() -> dict[str, str]:
    """Ours, but that the root may be imported from: the benchmarks are no installed package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
