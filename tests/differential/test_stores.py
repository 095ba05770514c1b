"""Any sequence of calls gives the same result on memory, SQLite and PostgreSQL: answers, ledgers, facts, coverage, attention, what is due,
and the effects at the bank.

``--sequences N`` is the number of sequences. A difference is shown with its seed S and a minimal list of commands; ``--first-sequence S
--sequences 1`` runs it again.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.concurrency.processes import Process
from tests.differential.commands import sequence
from tests.differential.planted_bugs import PLANTED_BUGS

TIMEOUT_S = 3_600.0
FEW = 600


def differences(folder: Path, postgres: str | None, seeds: range, plants: dict[str, str]) -> tuple[int, list[str]]:
    """Compare the stores on some seeds, on all cores; return how many sequences were equal, and the differences."""
    processes = min(os.cpu_count() or 1, 4)
    with ExitStack() as stack:
        running: list[Process] = []
        for number in range(processes):
            stores: dict[str, Any] = {
                "memory": {"url": "memory:"},
                "sqlite": {"url": f"sqlite:///{folder}/{number}.db", "synchronous": "NORMAL"},
            }
            if postgres:
                stores["postgresql"] = {"url": f"{postgres}{'&' if '?' in postgres else '?'}{NOT_DURABLE}"}
            told = {"stores": stores, "seeds": seeds[number::processes], "plants": plants}
            running.append(stack.enter_context(Process("tests.differential.runner", told)))
        answers = [process.receive(TIMEOUT_S) for process in running]
    return sum(same for same, _ in answers), [found for _, found in answers if found]


NOT_DURABLE = "options=-c%20synchronous_commit%3Doff"


def test_all_stores_come_to_the_same(tmp_path: Path, database_url: str, pytestconfig: pytest.Config) -> None:
    number = int(pytestconfig.getoption("sequences") or 0)
    first = int(pytestconfig.getoption("first_sequence") or 0)
    same, found = differences(tmp_path, database_url, range(first, first + number), {})
    assert (same, found) == (number, []), found[0]


@pytest.mark.parametrize("plant", PLANTED_BUGS)
def test_a_store_that_is_nearly_right_is_found_out(tmp_path: Path, plant: str) -> None:
    _, found = differences(tmp_path, None, range(FEW), {"sqlite": plant})
    assert found
    assert min(difference.count("\n  (") for difference in found) <= 5, found


def test_a_seed_gives_the_same_commands_again() -> None:
    assert [sequence(seed) for seed in range(20)] == [sequence(seed) for seed in range(20)]
