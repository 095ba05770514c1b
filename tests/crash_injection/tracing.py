"""Watching the system calls of a process with strace, and making one of them fail or be the last."""

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
"""The folder of the store that is played on."""


@attrs.frozen
class Point:
    """A place to strike: the ``number``-th call of a kind, and what happens there, in strace's words. No kind: nothing happens."""

    call: str = ""
    number: int = 0
    fault: str = KILL
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.number}{'+' if self.lasting else ''} {self.fault}" if self.call else "undisturbed"

    @property
    def options(self) -> tuple[str, ...]:
        """What strace must be told."""
        if not self.call:
            return ()
        when = f"{self.number}{'+' if self.lasting else ''}"
        return ("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.fault}:when={when}")


@attrs.frozen
class Traced:
    """One system call that was made; ``number`` counts those of its kind."""

    call: str
    number: int
    text: str

    @property
    def is_on_the_store(self) -> bool:
        """Whether it is about the database, a file beside it, or their folder."""
        return STORE in self.text


def why_not() -> str:
    """Say why nothing can be traced here; empty if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"strace may not trace here (a container without ptrace?): {tried.stderr.strip()[:200]}"
    return ""


@contextmanager
def attached(pid: int, options: Sequence[str], log: str = os.devnull) -> Generator[None, None, None]:
    """Trace a process that waits; on leaving, wait until strace is done with it."""
    with subprocess.Popen(
        ["strace", "-f", "-o", log, *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr
        told = tracer.stderr.readline()
        assert told.rstrip().endswith("attached"), told
        yield
        tracer.stderr.read()


def read_trace(log: Path) -> list[Traced]:
    """Read what strace wrote, from the first touch of the store on: what came before cannot have changed anything."""
    calls: list[Traced] = []
    counted: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found:
            counted[found[1]] += 1
            calls.append(Traced(found[1], counted[found[1]], found[2]))
    first = next((place for place, call in enumerate(calls) if call.is_on_the_store), len(calls))
    return calls[first:]
