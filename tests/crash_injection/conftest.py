"""What the proofs by force need: strace, and workers. ``PAYPORTS_FORCE=required`` makes a missing strace a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash_injection import figures
from tests.crash_injection.fleet import Fleet, fleet
from tests.crash_injection.tracing import why_not

REQUIRED: Final = "PAYPORTS_FORCE"


@pytest.fixture(scope="session")
def tracing() -> None:
    """Skip by name where nothing can be traced, but where that was promised."""
    reason = why_not()
    if not reason:
        return
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{REQUIRED}=required, but {reason}")
    pytest.skip(f"needs strace: {reason}")


@pytest.fixture(scope="session")
def workers(tracing: None) -> Iterator[Fleet]:  # noqa: ARG001 -- nothing is started where nothing can be traced
    with fleet() as ships:
        yield ships


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was struck, and how often."""
    if figures.lines:
        terminalreporter.section("proof by force")
        for line in figures.lines:
            terminalreporter.write_line(line)
