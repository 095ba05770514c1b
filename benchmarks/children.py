"""Child processes that measure in a separate interpreter."""

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
    """Run a module of the benchmarks, and return the JSON that it prints."""
    command = [python, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def run(command: Sequence[str]) -> None:
    """Run a command, and ignore its output."""
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)


def environment() -> dict[str, str]:
    """Our environment, but with the root importable: the benchmarks are not an installed package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
