"""Child processes that live for many races: workers with a shop each, and the bank. They communicate through pipes."""

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
RESPONSE_TIMEOUT_S: Final = 60.0
"""A process that sends nothing for this long hangs."""


class ProcessHung(AssertionError):
    """A process sent nothing for too long, or is gone."""


class Process:
    """A process that runs a module of the tests until its pipe is closed. ``settings`` is its first message."""

    def __init__(self, module: str, settings: Mapping[str, Any]) -> None:
        self.pipe, child_end = Pipe()
        command = [sys.executable, "-P", "-W", "error", "-m", module, str(child_end.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[child_end.fileno()], env=_environment())
        child_end.close()
        self.pipe.send(dict(settings))
        self.ready = self.receive()

    def receive(self, timeout_s: float = RESPONSE_TIMEOUT_S) -> Any:
        """Wait for the next message."""
        try:
            if self.pipe.poll(timeout_s):
                return self.pipe.recv()
        except EOFError:
            pass
        raise ProcessHung(f"process {self._process.pid} sent nothing; its exit code is {self._process.poll()}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.pipe.close()
        try:
            self._process.wait(5 if kind is None else 0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def inherited_pipe() -> Connection:
    """Open the inherited end of the pipe, in the child process."""
    return Connection(int(sys.argv[1]))


def _environment() -> dict[str, str]:
    ours = [path for path in sys.path if path.endswith("src")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join((*ours, str(ROOT)))}
