"""Concurrent processes on one payment, cart or fact: nothing happens twice or is lost, and no process starves.

Each race runs on both stores in three modes: as the machine schedules it, with all workers at each gate together, and one step at a time.
``--races N`` is the number of runs of each race on each store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.concurrency.coordinator import Coordinator
from tests.concurrency.scenarios import SCENARIOS
from tests.concurrency.verification import MODES, RaceVerifier


def test_no_race_breaks_a_promise(config: dict[str, Any], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    wrong: list[str] = []
    runs = int(pytestconfig.getoption("races") or 0)
    with Coordinator(config) as coordinator:
        verifier = RaceVerifier(coordinator, tmp_path)
        for scenario in SCENARIOS:
            for number in range(runs):
                name, mode = f"{scenario.__name__}/{number}", MODES[number % len(MODES)]
                wrong += [f"{name}, {mode}: {problem}" for problem in verifier.run(scenario, name, mode, seed=name)]
    assert not wrong, "\n".join(wrong[:20])
