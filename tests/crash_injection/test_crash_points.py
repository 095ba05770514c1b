"""A process may die at any system call of any operation; after recovery nothing is lost, doubled or unknown.

The kernel kills the process right before one of its system calls, from the first access to the store to the end of the process, while the
bank lives on in another process. A new process then recovers from the disk, and the bank's own ledger is the judge.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.crash_injection.harness import RECOVERY_SCENARIOS
from tests.crash_injection.operations import BY_NAME, OPERATIONS, Operation
from tests.crash_injection.sampling import is_exhaustive, report, sample
from tests.crash_injection.system_calls import FaultPoint
from tests.crash_injection.worker_pool import Baseline, WorkerPool

CALL_BEFORE_INTENT: Final = "the gateway is called before the intent is committed"
NOT_FOUND_IS_FAILURE: Final = "not found is taken for a failure without a fence"
KILLED: Final = -9


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_wherever_a_process_is_killed_both_ledgers_are_equal_after_recovery(
    workers: WorkerPool, operation: Operation
) -> None:
    baseline, slow = workers.baseline(operation), workers.baseline(operation, scenario="late")
    assert len(baseline.calls) > 150, "a commit or two take at least this many calls"
    runs = workers.inject(operation, baseline, _injections(operation, baseline, slow))
    wrong = [f"{fault_run.point} ({fault_run.scenario}): {fault_run.wrong}" for fault_run in runs if fault_run.wrong]
    points = len({fault_run.point for fault_run in runs})
    report(f"crash points: {operation.name}: {points} of {len(baseline.calls)}, {len(runs)} runs, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])
    survived = [f"{fault_run.point} ({fault_run.scenario})" for fault_run in runs if fault_run.run.status != KILLED]
    few = len(runs) // 100  # with a slow network the number of calls differs a little from run to run
    assert len(survived) <= few, f"not killed at {', '.join(survived)}"


@pytest.mark.parametrize(("bug", "scenario"), [(CALL_BEFORE_INTENT, "recover"), (NOT_FOUND_IS_FAILURE, "late")])
def test_the_crash_points_find_a_bug_that_was_planted(workers: WorkerPool, bug: str, scenario: str) -> None:
    operation = BY_NAME["authorize"]
    baseline = workers.baseline(operation, bug)
    points = [(point, scenario) for point in sample(baseline.points)]
    runs = workers.inject(operation, baseline, points, bug)
    wrong = [fault_run.wrong for fault_run in runs if fault_run.wrong]
    report(f"crash points: planted: {bug}: found at {len(wrong)} of {len(runs)}")
    assert wrong


def _injections(operation: Operation, baseline: Baseline, slow: Baseline) -> list[tuple[FaultPoint, str]]:
    """All points of an authorization; of other operations a sample, each in one scenario, unless the run is exhaustive."""
    per_scenario = [
        [(point, scenario) for point in (slow if scenario == "late" else baseline).points]
        for scenario in RECOVERY_SCENARIOS
    ]
    if is_exhaustive():
        return [injection for injections in per_scenario for injection in injections]
    if operation.name == "authorize":
        return [*per_scenario[0], *sample(per_scenario[1]), *sample(per_scenario[2])]
    return [
        injection
        for part, injections in enumerate(per_scenario)
        for injection in sample(injections, part, len(RECOVERY_SCENARIOS))
    ]
