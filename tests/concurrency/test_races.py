"""Whoever meets on a payment, a cart or a fact, in processes of their own: nothing is done twice or lost, and everybody is served.

Each race is run on both stores in three modes: as the machine schedules it, with all racers at each gate together, and one step at a time.
``--races N`` says how often each race is run on each store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.concurrency.judging import MODES, Judge
from tests.concurrency.referee import Referee
from tests.concurrency.scenes import SCENES


def test_no_race_breaks_a_promise(config: dict[str, Any], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    wrong: list[str] = []
    runs = int(pytestconfig.getoption("races") or 0)
    with Referee(config) as referee:
        judge = Judge(referee, tmp_path)
        for scene in SCENES:
            for number in range(runs):
                name, mode = f"{scene.__name__}/{number}", MODES[number % len(MODES)]
                wrong += [f"{name}, {mode}: {problem}" for problem in judge.run(scene, name, mode, seed=name)]
    assert not wrong, "\n".join(wrong[:20])
