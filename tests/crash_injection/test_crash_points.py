"""Every system call of every operation is a place to die; afterwards nothing is lost, doubled or in doubt.

The product is killed by the kernel right before one of its system calls, from the first touch of the store to the end of the process, while
the bank lives on in another process. A new process then recovers on what is on the disk, and the bank's own ledger judges.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.crash_injection.figures import chosen, is_everything, note
from tests.crash_injection.fleet import Fleet, Script
from tests.crash_injection.operations import BY_NAME, OPERATIONS, Operation
from tests.crash_injection.stage import COURSES
from tests.crash_injection.tracing import Point

EARLY: Final = "the gateway is called before the intent is committed"
HASTY: Final = "not found is taken for a failure without a fence"
KILLED: Final = -9


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_wherever_a_process_is_killed_both_ledgers_are_equal_after_recovery(
    workers: Fleet, operation: Operation
) -> None:
    script, slow = workers.script(operation), workers.script(operation, course="late")
    assert len(script.calls) > 150, "so much is done at least for a commit or two"
    struck = workers.strike(operation, script, _strikes(operation, script, slow))
    wrong = [f"{run.point} ({run.course}): {run.wrong}" for run in struck if run.wrong]
    points = len({run.point for run in struck})
    note(f"crash points: {operation.name}: {points} of {len(script.calls)}, {len(struck)} runs, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])
    spared = [f"{run.point} ({run.course})" for run in struck if run.run.status != KILLED]
    few = len(struck) // 100  # on a slow line one run calls the system a little more often than another
    assert len(spared) <= few, f"not killed at {', '.join(spared)}"


@pytest.mark.parametrize(("bug", "course"), [(EARLY, "recover"), (HASTY, "late")])
def test_the_crash_points_find_a_bug_that_was_planted(workers: Fleet, bug: str, course: str) -> None:
    operation = BY_NAME["authorize"]
    script = workers.script(operation, bug)
    points = [(point, course) for point in chosen(script.points)]
    struck = workers.strike(operation, script, points, bug)
    wrong = [run.wrong for run in struck if run.wrong]
    note(f"crash points: planted: {bug}: found at {len(wrong)} of {len(struck)}")
    assert wrong


def _strikes(operation: Operation, script: Script, slow: Script) -> list[tuple[Point, str]]:
    """All points of an authorization; of the others a share, each in one of the courses, unless everything is asked for."""
    every = [[(point, course) for point in (slow if course == "late" else script).points] for course in COURSES]
    if is_everything():
        return [strike for course in every for strike in course]
    if operation.name == "authorize":
        return [*every[0], *chosen(every[1]), *chosen(every[2])]
    return [strike for part, course in enumerate(every) for strike in chosen(course, part, len(COURSES))]
