"""Running the command line as a process of its own, as a shell would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

COMMAND: Final = (sys.executable, "-P", "-W", "error", "-c", "from payports.adapters.command_line import main; main()")
LIMIT_S: Final = 120


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYPORTS_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src")), **(more or {})}


def payports(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@contextmanager
def working(folder: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    """``payports work``, killed at the end if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, "work", *options],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
