"""Any read, write and sync of the store may fail: answers stay true, nothing is sent without a record, and recovery repairs the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash_injection.operations import BY_NAME, OPERATIONS, Operation
from tests.crash_injection.sampling import is_exhaustive, report, sample
from tests.crash_injection.system_calls import FaultPoint, SystemCall
from tests.crash_injection.verification import without_ids
from tests.crash_injection.worker_pool import Baseline, FaultRun, WorkerPool

EIO: Final = "error=EIO"
FULL: Final = "error=ENOSPC"
FAULTS: Final = {
    "pread64": (EIO,),
    "read": (EIO,),
    "openat": (EIO, FULL),
    "pwrite64": (EIO, FULL),
    "write": (EIO, FULL),
    "ftruncate": (EIO, FULL),
    "fallocate": (EIO, FULL),
    "fdatasync": (EIO, FULL),
    "fsync": (EIO, FULL),
}
NOTHING_SENT: Final = frozenset({"StoreUnavailable", "ConfigurationError"})
HONEST: Final = NOTHING_SENT | {"ResultUnknown", "PaymentsFailed"}
SINGLE: Final = frozenset(
    {"authorize", "reverse_auth", "capture", "authorize_and_capture", "settled", "void", "refund", "detached_credit"}
)
"""Operations with a single intent: if the store is unavailable for it, nothing was sent."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_whatever_the_disk_refuses_the_answer_is_true_and_recovery_puts_it_right(
    workers: WorkerPool, operation: Operation
) -> None:
    baseline = workers.baseline(operation)
    points = [point for call in baseline.calls if call.is_on_the_store for point in _faults_at(call)]
    sampled = points if is_exhaustive() or operation.name == "authorize" else sample(points, parts=6)
    runs = workers.inject(operation, baseline, [(point, "recover") for point in sampled])
    problems = ((run.point, run.wrong or _untrue(operation, baseline, run)) for run in runs)
    wrong = [f"{point}: {problem}" for point, problem in problems if problem]
    failed = sum(not fault_run.run.answer.get("ok") for fault_run in runs)
    report(
        f"errors: {operation.name}: {len(sampled)} of {len(points)}, {failed} answered as failures, {len(wrong)} wrong"
    )
    assert not wrong, "\n".join(wrong[:5])


def test_the_injected_errors_find_a_bug_that_was_planted(workers: WorkerPool) -> None:
    operation, bug = BY_NAME["authorize"], "the gateway is called before the intent is committed"
    baseline = workers.baseline(operation, bug)
    writes = [call for call in baseline.calls if call.is_on_the_store and call.call in ("pwrite64", "fdatasync")]
    injections = [(FaultPoint(call.call, call.number, FULL, lasting=True), "recover") for call in writes]
    runs = workers.inject(operation, baseline, injections, bug)
    found = sum(bool(fault_run.wrong or _untrue(operation, baseline, fault_run)) for fault_run in runs)
    report(f"errors: planted: {bug}: found at {found} of {len(runs)}")
    assert found


def _faults_at(call: SystemCall) -> Iterator[FaultPoint]:
    """Yield the faults of a call: once, and from this call on."""
    for fault in FAULTS.get(call.call, ()):
        yield FaultPoint(call.call, call.number, fault)
        if call.call in ("pwrite64", "fdatasync"):
            yield FaultPoint(call.call, call.number, fault, lasting=True)


def _untrue(operation: Operation, baseline: Baseline, fault_run: FaultRun) -> str:
    """Compare the answer with what really happened; return what is wrong."""
    answer = fault_run.run.answer
    if fault_run.run.status or not answer:
        return f"the process ended with {fault_run.run.status}"
    if answer.get("ok"):
        same = operation.effects is None or operation.recovers or without_ids(answer) == without_ids(baseline.answer)
        return "" if same else f"it answered {answer}"
    if answer["kind"] not in HONEST:
        return f"it answered {answer}"
    if answer["kind"] in NOTHING_SENT and operation.name in SINGLE and fault_run.run.sent:
        return f"it sent {fault_run.run.sent}, and answered {answer}"
    return ""
