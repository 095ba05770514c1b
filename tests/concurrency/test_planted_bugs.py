"""The races find planted bugs: each race finds one in the store of its workers within a few runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.concurrency import scenarios
from tests.concurrency.coordinator import Coordinator
from tests.concurrency.planted_bugs import ALWAYS_STALE, CURSOR_BEFORE_HANDLER, IGNORES_VERSIONS, PRIVATE_CACHE
from tests.concurrency.scenarios import Scenario, ScenarioBuilder
from tests.concurrency.verification import MODES, RaceVerifier

RUNS = 30

LIMITS = (
    scenarios.capture_and_capture,
    scenarios.captures_that_fit,
    scenarios.capture_and_reverse,
    scenarios.void_and_refund,
    scenarios.refund_and_refund,
    scenarios.refunds_that_fit,
    scenarios.checkouts_of_one_request,
)
TRUTH = (
    scenarios.the_same_capture_twice,
    scenarios.one_fulfilment_under_two_keys,
    scenarios.checkouts_of_two_requests,
    scenarios.checkout_and_cancel,
    scenarios.answer_webhook_and_recovery,
    scenarios.polls_and_webhook,
    scenarios.maintenance_twice,
)


@pytest.mark.parametrize(
    ("bug", "finders"),
    [
        (IGNORES_VERSIONS, LIMITS),
        (PRIVATE_CACHE, TRUTH),
        (CURSOR_BEFORE_HANDLER, (scenarios.delivery_twice,)),
        (ALWAYS_STALE, (scenarios.refund_and_refund,)),
    ],
)
def test_a_planted_bug_is_found(
    sqlite_config: dict[str, Any], tmp_path: Path, bug: str, finders: tuple[Callable[[ScenarioBuilder], Scenario], ...]
) -> None:
    with Coordinator(sqlite_config, bug) as coordinator:
        verifier = RaceVerifier(coordinator, tmp_path)
        for scenario in finders:
            names = [f"{scenario.__name__}/{number}" for number in range(RUNS)]
            runs = (verifier.run(scenario, name, MODES[number % 3], seed=name) for number, name in enumerate(names))
            assert any(runs), scenario.__name__


def test_every_race_is_known_to_find_something() -> None:
    assert {*LIMITS, *TRUTH, scenarios.delivery_twice} == set(scenarios.SCENARIOS)
