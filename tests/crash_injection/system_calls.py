"""Trace the system calls of a process with strace, and make one of them fail or be the last."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

KILL: Final = "signal=KILL"

_CALL: Final = re.compile(r"^\d+ +(\w+)\((.*)$")
STORE: Final = "/played"
"""The folder of the store under test."""


@attrs.frozen
class FaultPoint:
    """Where a fault is injected: at the ``number``-th call of a kind. ``fault`` is in strace's syntax. No ``call``, no fault."""

    call: str = ""
    number: int = 0
    fault: str = KILL
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.number}{'+' if self.lasting else ''} {self.fault}" if self.call else "undisturbed"

    @property
    def options(self) -> tuple[str, ...]:
        """The options for strace."""
        if not self.call:
            return ()
        when = f"{self.number}{'+' if self.lasting else ''}"
        return ("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.fault}:when={when}")


@attrs.frozen
class SystemCall:
    """One system call; ``number`` counts the calls of its kind."""

    call: str
    number: int
    text: str

    @property
    def is_on_the_store(self) -> bool:
        """Whether it concerns the database, a file beside it, or their folder."""
        return STORE in self.text


def reason_not_traceable() -> str:
    """Say why tracing is not possible here; empty if it is."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"strace may not trace here (a container without ptrace?): {tried.stderr.strip()[:200]}"
    return ""


@contextmanager
def attached(pid: int, options: Sequence[str], log: str = os.devnull) -> Generator[None, None, None]:
    """Trace a waiting process; on leaving, wait until strace is done with it."""
    with subprocess.Popen(
        ["strace", "-f", "-o", log, *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr
        line = tracer.stderr.readline()
        assert line.rstrip().endswith("attached"), line
        yield
        tracer.stderr.read()


def read_trace(log: Path) -> list[SystemCall]:
    """Read strace's log from the first access to the store; nothing before it can change the store."""
    calls: list[SystemCall] = []
    counted: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        matched = _CALL.match(line)
        if matched:
            counted[matched[1]] += 1
            calls.append(SystemCall(matched[1], counted[matched[1]], matched[2]))
    first = next((place for place, call in enumerate(calls) if call.is_on_the_store), len(calls))
    return calls[first:]
