"""A pool of workers, one a processor: they trace an operation, or run it with faults."""

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

from tests.crash_injection.harness import Run
from tests.crash_injection.operations import Operation
from tests.crash_injection.system_calls import FaultPoint, SystemCall
from tests.crash_injection.verification import Answer, without_ids

ROOT: Final = Path(__file__).resolve().parents[2]


@attrs.frozen(kw_only=True)
class Baseline:
    """A run without faults: its system calls, and the answer when the call is repeated."""

    calls: Sequence[SystemCall]
    answer: Answer

    @property
    def points(self) -> list[FaultPoint]:
        """A point to kill at before each call."""
        return [FaultPoint(call.call, call.number) for call in self.calls]


@attrs.frozen(kw_only=True)
class FaultRun:
    """A run with a fault, and what was wrong afterwards; empty if all is right."""

    point: FaultPoint
    scenario: str
    run: Run
    wrong: str


class WorkerPool:
    """Workers, each busy with one job at a time."""

    def __init__(self, workers: Sequence[subprocess.Popen[str]]) -> None:
        self._pool = ThreadPoolExecutor(len(workers))
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    def baseline(self, operation: Operation, bug: str = "", scenario: str = "recover") -> Baseline:
        """Trace an operation. With a slow network it makes other system calls."""
        traced = self._ask(operation, bug, None, scenario)
        return Baseline(calls=[SystemCall(*call) for call in traced["calls"]], answer=traced["answers"][0])

    def inject(
        self, operation: Operation, baseline: Baseline, injections: Iterable[tuple[FaultPoint, str]], bug: str = ""
    ) -> list[FaultRun]:
        """Run an operation once for every point and scenario."""
        return list(self._pool.map(partial(self._inject, operation, baseline, bug), injections))

    def close(self) -> None:
        """Wait for the jobs under way."""
        self._pool.shutdown()

    def _inject(
        self, operation: Operation, baseline: Baseline, bug: str, injection: tuple[FaultPoint, str]
    ) -> FaultRun:
        point, scenario = injection
        run = Run(**self._ask(operation, bug, point, scenario))
        return FaultRun(
            point=point, scenario=scenario, run=run, wrong=run.violation or _difference(operation, baseline, run)
        )

    def _ask(self, operation: Operation, bug: str, point: FaultPoint | None, scenario: str) -> Any:
        worker = self._idle.get()
        try:
            assert worker.stdin
            assert worker.stdout
            job = {
                "operation": operation.name,
                "bug": bug,
                "point": point and attrs.astuple(point),
                "scenario": scenario,
            }
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
            answer = worker.stdout.readline()
            assert answer, f"the worker ended over {job}"
            return json.loads(answer)
        finally:
            self._idle.put(worker)


def _difference(operation: Operation, baseline: Baseline, run: Run) -> str:
    """Compare the answer to the repeated call with the one of the baseline; not for a checkout, which may have failed."""
    if operation.recovers or operation.effects is None:
        return ""
    expected, actual = without_ids(baseline.answer), without_ids(run.repeated[0])
    return "" if actual == expected else f"repeated, it answers {actual} and not {expected}"


@contextmanager
def worker_pool(number: int = os.cpu_count() or 1) -> Generator[WorkerPool, None, None]:
    """Start the workers, and end them."""
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
        pool = WorkerPool(workers)
        stack.callback(pool.close)
        yield pool
