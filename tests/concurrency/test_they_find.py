"""The races can fail: each finds what was planted into the store of its racers, in few runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.concurrency import scenes
from tests.concurrency.judging import MODES, Judge
from tests.concurrency.planted import APART, BLIND, HASTY, STUBBORN
from tests.concurrency.referee import Referee
from tests.concurrency.scenes import Scene, Setter

RUNS = 30

LIMITS = (
    scenes.capture_and_capture,
    scenes.captures_that_fit,
    scenes.capture_and_reverse,
    scenes.void_and_refund,
    scenes.refund_and_refund,
    scenes.refunds_that_fit,
    scenes.checkouts_of_one_request,
)
TRUTH = (
    scenes.the_same_capture_twice,
    scenes.one_fulfilment_under_two_keys,
    scenes.checkouts_of_two_requests,
    scenes.checkout_and_cancel,
    scenes.answer_webhook_and_recovery,
    scenes.polls_and_webhook,
    scenes.maintenance_twice,
)


@pytest.mark.parametrize(
    ("bug", "finders"),
    [(BLIND, LIMITS), (APART, TRUTH), (HASTY, (scenes.delivery_twice,)), (STUBBORN, (scenes.refund_and_refund,))],
)
def test_a_planted_bug_is_found(
    sqlite_config: dict[str, Any], tmp_path: Path, bug: str, finders: tuple[Callable[[Setter], Scene], ...]
) -> None:
    with Referee(sqlite_config, bug) as referee:
        judge = Judge(referee, tmp_path)
        for scene in finders:
            names = [f"{scene.__name__}/{number}" for number in range(RUNS)]
            runs = (judge.run(scene, name, MODES[number % 3], seed=name) for number, name in enumerate(names))
            assert any(runs), scene.__name__


def test_every_race_is_known_to_find_something() -> None:
    assert {*LIMITS, *TRUTH, scenes.delivery_twice} == set(scenes.SCENES)
