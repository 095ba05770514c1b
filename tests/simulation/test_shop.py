"""A whole shop driven by hypothesis, with the bank's own ledger as the judge.

Shoppers, the host, the bank and the network do as they please; after every step the bank must have done nothing forbidden, and once the
bank is honest for a while the shop must know the truth to the cent.
"""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import ForgetsKeysShop, SendsTwiceShop, ShopMachine, UnknownIsFailedShop

THOROUGH = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def test_whatever_happens_the_bank_does_nothing_forbidden_and_in_the_end_the_shop_knows_the_truth() -> None:
    run_state_machine_as_test(ShopMachine, settings=THOROUGH)


@pytest.mark.parametrize("planted", [SendsTwiceShop, ForgetsKeysShop, UnknownIsFailedShop])
def test_the_simulation_finds_a_bug_that_was_planted(planted: type[ShopMachine]) -> None:
    """A gateway that executes twice, a store that forgets keys, an adapter that reports unknown as failed."""
    searching = settings(
        THOROUGH,
        max_examples=1_000,
        derandomize=True,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate],
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(planted, settings=searching)
