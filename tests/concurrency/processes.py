"""Processes of their own, kept alive for many races: racers with a shop each, and the bank. All talk through pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 60.0
"""Whoever says nothing for so long hangs."""


class Hung(AssertionError):
    """A process said nothing for too long, or is gone."""


class Process:
    """A process that runs a module of the tests until its pipe is closed. ``told``: what it is started with."""

    def __init__(self, module: str, told: Mapping[str, Any]) -> None:
        self.pipe, theirs = Pipe()
        command = [sys.executable, "-P", "-W", "error", "-m", module, str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=_environment())
        theirs.close()
        self.pipe.send(dict(told))
        self.ready = self.hear()

    def hear(self, patience_s: float = PATIENCE_S) -> Any:
        """Wait for what it says next."""
        try:
            if self.pipe.poll(patience_s):
                return self.pipe.recv()
        except EOFError:
            pass
        raise Hung(f"process {self._process.pid} said nothing: {self._process.poll()}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.pipe.close()
        try:
            self._process.wait(5 if kind is None else 0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def inherited() -> Connection:
    """In such a process: its end of the pipe."""
    return Connection(int(sys.argv[1]))


def _environment() -> dict[str, str]:
    ours = [path for path in sys.path if path.endswith("src")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join((*ours, str(ROOT)))}
