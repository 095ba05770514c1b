"""Eight processes write to one SQLite file as quickly as they can: each of them finishes everything, on a quick disk and on a slow one.

Source: on such a file one of eight once got 5 operations a second and another 1,319. ``--writes N``: how many payments each writer makes;
``-s`` shows the longest that an operation took.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

import pytest

from payports import connect
from payports.adapters.demonstrations.reconciliation import all_payments
from tests.concurrency.processes import PATIENCE_S, Process
from tests.concurrency.writer import ALONE, OPERATIONS, Written

WRITERS: Final = 8
SLOW_S: Final = 0.05
"""What a disk may take for a commit; all of eight have theirs in 0.4 s, if they take turns."""
PATIENCE: Final = "5s"
FEW: Final = 4


def test_every_writer_is_served(sqlite_config: dict[str, Any], pytestconfig: pytest.Config) -> None:
    payments = int(pytestconfig.getoption("writes") or 0)
    written = _race(sqlite_config, payments)
    print(f"{WRITERS} writers, {payments * OPERATIONS} operations each: the longest took {_worst(written):.2f} s")
    _all_is_there(sqlite_config, written, payments)


def test_every_writer_is_served_though_commits_take_long(hasty_config: dict[str, Any]) -> None:
    written = _race(hasty_config, FEW, SLOW_S)
    print(f"commits of {SLOW_S} s: the longest of {FEW * OPERATIONS} operations took {_worst(written):.2f} s")
    _all_is_there(hasty_config, written, FEW)


def test_that_somebody_starves_is_seen(hasty_config: dict[str, Any]) -> None:
    written = _race(hasty_config, FEW, SLOW_S, ALONE)
    assert any("busy" in writer.refusal or "unknown" in writer.refusal for writer in written), written


@pytest.fixture
def hasty_config(sqlite_config: dict[str, Any]) -> dict[str, Any]:
    return {**sqlite_config, "store": {**sqlite_config["store"], "busy_timeout": PATIENCE}}


def _race(config: dict[str, Any], payments: int, hold_s: float = 0.0, bug: str = "") -> list[Written]:
    connect(config).close()
    told = {"config": config, "payments": payments, "hold_s": hold_s, "bug": bug}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(Process("tests.concurrency.writer", {**told, "name": f"w{number}"}))
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.pipe.send("go")
        return [Written(*writer.hear(PATIENCE_S + payments)) for writer in writers]


def _worst(written: list[Written]) -> float:
    return max(report.worst_s for report in written)


def _all_is_there(config: dict[str, Any], written: list[Written], payments: int) -> None:
    assert [(report.done, report.refusal) for report in written] == [(payments * OPERATIONS, "")] * WRITERS
    with connect(config) as shop:
        ledgers = [
            [transaction.type.value for transaction in payment.transactions]
            for payment in all_payments(shop.environment.store)
        ]
    assert ledgers == [["AUTHORIZE", "CAPTURE", "CAPTURE"]] * (payments * WRITERS)
