"""Workers, one a processor, and what they are asked: trace an operation, or strike it at many points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import attrs

from tests.crash_injection.judging import Told, without_names
from tests.crash_injection.operations import Operation
from tests.crash_injection.stage import Run
from tests.crash_injection.tracing import Point, Traced

ROOT: Final = Path(__file__).resolve().parents[2]


@attrs.frozen(kw_only=True)
class Script:
    """What an undisturbed run of an operation does, and what it answers when it is repeated."""

    calls: Sequence[Traced]
    answer: Told

    @property
    def points(self) -> list[Point]:
        """A place to die before each call."""
        return [Point(call.call, call.number) for call in self.calls]


@attrs.frozen(kw_only=True)
class Strike:
    """A run that was disturbed at a point, and what was wrong afterwards; nothing is what must be."""

    point: Point
    course: str
    run: Run
    wrong: str


class Fleet:
    """Some workers, each busy with one job at a time."""

    def __init__(self, workers: Sequence[subprocess.Popen[str]]) -> None:
        self._pool = ThreadPoolExecutor(len(workers))
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    def script(self, operation: Operation, bug: str = "", course: str = "recover") -> Script:
        """Trace an operation; it goes another way where the network is slow."""
        told = self._ask(operation, bug, None, course)
        return Script(calls=[Traced(*call) for call in told["calls"]], answer=told["answers"][0])

    def strike(
        self, operation: Operation, script: Script, strikes: Iterable[tuple[Point, str]], bug: str = ""
    ) -> list[Strike]:
        """Run an operation once for every point and course."""
        return list(self._pool.map(partial(self._strike, operation, script, bug), strikes))

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()

    def _strike(self, operation: Operation, script: Script, bug: str, strike: tuple[Point, str]) -> Strike:
        point, course = strike
        run = Run(**self._ask(operation, bug, point, course))
        return Strike(point=point, course=course, run=run, wrong=run.violation or _difference(operation, script, run))

    def _ask(self, operation: Operation, bug: str, point: Point | None, course: str) -> Any:
        worker = self._idle.get()
        try:
            assert worker.stdin
            assert worker.stdout
            job = {
                "operation": operation.name,
                "bug": bug,
                "point": point and attrs.astuple(point),
                "course": course,
            }
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
            answer = worker.stdout.readline()
            assert answer, f"the worker ended over {job}"
            return json.loads(answer)
        finally:
            self._idle.put(worker)


def _difference(operation: Operation, script: Script, run: Run) -> str:
    """Compare a repetition's answer with the one that is given when nothing goes wrong; a checkout may as well have failed."""
    if operation.recovers or operation.effects is None:
        return ""
    expected, given = without_names(script.answer), without_names(run.answers[0])
    return "" if given == expected else f"repeated, it answers {given} and not {expected}"


@contextmanager
def fleet(number: int = os.cpu_count() or 1) -> Generator[Fleet, None, None]:
    """Start workers, and end them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    start: Callable[[], subprocess.Popen[str]] = partial(
        subprocess.Popen,
        [sys.executable, "-m", "tests.crash_injection.worker"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with ExitStack() as stack:
        workers = [stack.enter_context(start()) for _ in range(number)]
        ships = Fleet(workers)
        stack.callback(ships.close)
        yield ships
