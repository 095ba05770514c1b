"""A million steps of a whole shop with all faults break no promise; runs are reproducible, and planted bugs are found."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest
from click.testing import CliRunner

from payports.adapters.command_line.program import program
from payports.adapters.demonstrations.simulation import again
from payports.testing.simulation import PLANTED_BUGS, Settings, simulate

STEPS: Final = int(os.environ.get("PAYPORTS_SIMULATED_STEPS", "1000000"))
"""Service steps of the long run."""

FOUND_WITHIN: Final = {
    "call-before-intent": 5,
    "new-key-on-retry": 5,
    "cursor-before-handler": 5,
    "unknown-frees-money": 5,
}
"""The number of seeds within which a planted bug is found; the others need more."""

HIDDEN: Final = 150


def in_a_process_of_its_own(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a separate process, without coverage or tracing."""
    command = [sys.executable, "-c", "from payports.adapters.command_line import main; main()", "simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_a_million_steps_break_no_promise() -> None:
    done = in_a_process_of_its_own("--steps", str(STEPS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 runs broke a promise" in done.stdout


def test_a_seed_is_a_run_whatever_the_hash_seed_and_the_store() -> None:
    memory = simulate(7, Settings(steps=600))
    told = {
        in_a_process_of_its_own(
            "--seed", "7", "--storm", "600", "--store", store, PYTHONHASHSEED=hashed
        ).stdout.partition(" steps, ")[2][:40]
        for store, hashed in (("memory", "1"), ("memory", "2"), ("sqlite", "3"))
    }
    assert len(told) == 1, told
    assert memory.digest in told.pop()


def test_another_seed_is_another_run() -> None:
    assert simulate(7, Settings(steps=300)).digest != simulate(8, Settings(steps=300)).digest


def test_the_runs_are_full_of_trouble_and_of_money() -> None:
    """A shop that refuses everything breaks no promise either."""
    lines: list[str] = []
    effects = sum(simulate(seed, Settings(show=lines.append)).effects for seed in range(8))
    trace = "\n".join(lines)
    assert effects > 300
    for happened in (
        "PLACED",
        "the process dies",
        "nothing is there",
        "all is there",
        "stale",
        "could not be reached",
        "answered UNKNOWN",
        "answered DECLINED",
        "answered REQUIRES_ACTION",
        "answered AWAITING_RESULT",
        "and fence",
        "found NOT_EXECUTED",
        "REVERSED",
        "OrderReport",
        "the clock is",
    ):
        assert happened in trace, happened


@pytest.mark.parametrize("plant", list(PLANTED_BUGS))
def test_a_planted_bug_is_found(plant: str) -> None:
    within = FOUND_WITHIN.get(plant, HIDDEN)
    done = in_a_process_of_its_own("--seeds", f"0..{within - 1}", "--plant", plant, "--first")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"--plant {plant}" in done.stdout


def test_a_failure_is_told_with_the_command_that_does_it_again() -> None:
    settings = Settings(steps=1_500, plant="unknown-frees-money")
    run = next(run for seed in range(20) if (run := simulate(seed, settings)).violation)
    command = again(run, settings).split()[1:]
    assert command[:3] == ["simulate", "--seed", str(run.seed)]
    printed = CliRunner().invoke(program, command)
    assert printed.exit_code == 1
    assert run.digest in printed.output
    assert simulate(run.seed, settings) == run


@pytest.mark.parametrize("arguments", [["--seeds", "9..2"], ["--seeds", "x"], ["--plant", "nothing"]])
def test_what_cannot_be_run_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(program, ["simulate", *arguments]).exit_code == 2
