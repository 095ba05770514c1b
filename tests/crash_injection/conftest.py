"""Fixtures of the crash injection: strace, and a pool of workers. ``PAYPORTS_FORCE=required`` makes a missing strace a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash_injection import sampling
from tests.crash_injection.system_calls import reason_not_traceable
from tests.crash_injection.worker_pool import WorkerPool, worker_pool

REQUIRED: Final = "PAYPORTS_FORCE"


@pytest.fixture(scope="session")
def tracing() -> None:
    """Skip where nothing can be traced; fail if ``PAYPORTS_FORCE`` requires it."""
    reason = reason_not_traceable()
    if not reason:
        return
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{REQUIRED}=required, but {reason}")
    pytest.skip(f"needs strace: {reason}")


@pytest.fixture(scope="session")
def workers(tracing: None) -> Iterator[WorkerPool]:  # noqa: ARG001 -- nothing is started where nothing can be traced
    with worker_pool() as pool:
        yield pool


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults were injected."""
    if sampling.lines:
        terminalreporter.section("proof by force")
        for line in sampling.lines:
            terminalreporter.write_line(line)
