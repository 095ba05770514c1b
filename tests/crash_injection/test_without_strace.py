"""Where nothing can be traced, the proofs by force are skipped and say why; where they were promised, they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash_injection.conftest import REQUIRED
from tests.crash_injection.system_calls import reason_not_traceable
from tests.crash_injection.worker_pool import ROOT

POWER_LOSS = "tests/crash_injection/test_power_loss.py"


def test_the_reason_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reason_not_traceable() == "strace is not installed"


def test_the_reason_says_that_tracing_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _forbidding(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "may not trace here" in reason_not_traceable()
    assert "Operation not permitted" in reason_not_traceable()


@pytest.mark.parametrize(("promised", "outcome"), [("", "2 skipped"), ("required", "2 errors")])
def test_what_cannot_be_traced_is_skipped_or_fails(tmp_path: Path, promised: str, outcome: str) -> None:
    _forbidding(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", POWER_LOSS],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", REQUIRED: promised},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in ran.stdout, ran.stdout
    assert "may not trace here" in ran.stdout


def _forbidding(folder: Path) -> None:
    """An strace as in a container without ptrace."""
    strace = folder / "strace"
    strace.write_text("#!/bin/sh\necho 'strace: ptrace(PTRACE_TRACEME): Operation not permitted' >&2\nexit 1\n")
    strace.chmod(0o755)
