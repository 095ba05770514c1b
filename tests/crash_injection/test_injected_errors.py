"""Every read, write and sync of the store may fail: answers stay true, what is not recorded is not sent, and recovery puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash_injection.figures import chosen, is_everything, note
from tests.crash_injection.fleet import Fleet, Script, Strike
from tests.crash_injection.judging import without_names
from tests.crash_injection.operations import BY_NAME, OPERATIONS, Operation
from tests.crash_injection.tracing import Point, Traced

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
"""Operations that are one intent: if the store is unavailable for it, nothing was sent."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_whatever_the_disk_refuses_the_answer_is_true_and_recovery_puts_it_right(
    workers: Fleet, operation: Operation
) -> None:
    script = workers.script(operation)
    every = [point for call in script.calls if call.is_on_the_store for point in _faults_at(call)]
    some = every if is_everything() or operation.name == "authorize" else chosen(every, parts=6)
    struck = workers.strike(operation, script, [(point, "recover") for point in some])
    wrong = [f"{run.point}: {said}" for run in struck if (said := run.wrong or _untrue(operation, script, run))]
    failed = sum(not run.run.told.get("ok") for run in struck)
    note(f"errors: {operation.name}: {len(some)} of {len(every)}, {failed} answered as failures, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])


def test_the_injected_errors_find_a_bug_that_was_planted(workers: Fleet) -> None:
    operation, bug = BY_NAME["authorize"], "the gateway is called before the intent is committed"
    script = workers.script(operation, bug)
    writes = [call for call in script.calls if call.is_on_the_store and call.call in ("pwrite64", "fdatasync")]
    points = [(Point(call.call, call.number, FULL, lasting=True), "recover") for call in writes]
    struck = workers.strike(operation, script, points, bug)
    found = sum(bool(run.wrong or _untrue(operation, script, run)) for run in struck)
    note(f"errors: planted: {bug}: found at {found} of {len(struck)}")
    assert found


def _faults_at(call: Traced) -> Iterator[Point]:
    """What may go wrong at a call: once, and from there on."""
    for fault in FAULTS.get(call.call, ()):
        yield Point(call.call, call.number, fault)
        if call.call in ("pwrite64", "fdatasync"):
            yield Point(call.call, call.number, fault, lasting=True)


def _untrue(operation: Operation, script: Script, struck: Strike) -> str:
    """Compare what was answered with what became of it."""
    told = struck.run.told
    if struck.run.status or not told:
        return f"the process ended with {struck.run.status}"
    if told.get("ok"):
        same = operation.effects is None or operation.recovers or without_names(told) == without_names(script.answer)
        return "" if same else f"it answered {told}"
    if told["kind"] not in HONEST:
        return f"it answered {told}"
    if told["kind"] in NOTHING_SENT and operation.name in SINGLE and struck.run.sent:
        return f"it sent {struck.run.sent}, and answered {told}"
    return ""
