"""Eight processes write to one SQLite file as fast as they can: every writer finishes, on a fast disk and on a slow one.

Source: on such a file one of eight writers once got 5 operations a second and another 1,319. ``--writes N``: payments per writer; ``-s``
shows the longest operation.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

import pytest

from payports import connect
from payports.adapters.demonstrations.reconciliation import all_payments
from tests.concurrency.processes import RESPONSE_TIMEOUT_S, Process
from tests.concurrency.writer import OPERATIONS, SQLITE_BUSY_HANDLER, Written

WRITERS: Final = 8
SLOW_S: Final = 0.05
"""The time of a commit on a slow disk; eight writers need 0.4 s if they take turns."""
SHORT_TIMEOUT: Final = "5s"
FEW: Final = 4


def test_every_writer_is_served(sqlite_config: dict[str, Any], pytestconfig: pytest.Config) -> None:
    payments = int(pytestconfig.getoption("writes") or 0)
    written = _race(sqlite_config, payments)
    print(f"{WRITERS} writers, {payments * OPERATIONS} operations each: the longest took {_longest(written):.2f} s")
    _check_ledger(sqlite_config, written, payments)


def test_every_writer_is_served_though_commits_take_long(short_timeout_config: dict[str, Any]) -> None:
    written = _race(short_timeout_config, FEW, SLOW_S)
    print(f"commits of {SLOW_S} s: the longest of {FEW * OPERATIONS} operations took {_longest(written):.2f} s")
    _check_ledger(short_timeout_config, written, FEW)


def test_that_somebody_starves_is_seen(short_timeout_config: dict[str, Any]) -> None:
    written = _race(short_timeout_config, FEW, SLOW_S, SQLITE_BUSY_HANDLER)
    assert any("busy" in writer.refusal or "unknown" in writer.refusal for writer in written), written


@pytest.fixture
def short_timeout_config(sqlite_config: dict[str, Any]) -> dict[str, Any]:
    return {**sqlite_config, "store": {**sqlite_config["store"], "busy_timeout": SHORT_TIMEOUT}}


def _race(config: dict[str, Any], payments: int, commit_s: float = 0.0, bug: str = "") -> list[Written]:
    connect(config).close()
    settings = {"config": config, "payments": payments, "commit_s": commit_s, "bug": bug}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(Process("tests.concurrency.writer", {**settings, "name": f"w{number}"}))
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.pipe.send("go")
        return [Written(*writer.receive(RESPONSE_TIMEOUT_S + payments)) for writer in writers]


def _longest(written: list[Written]) -> float:
    return max(report.longest_s for report in written)


def _check_ledger(config: dict[str, Any], written: list[Written], payments: int) -> None:
    assert [(report.done, report.refusal) for report in written] == [(payments * OPERATIONS, "")] * WRITERS
    with connect(config) as shop:
        ledgers = [
            [transaction.type.value for transaction in payment.transactions]
            for payment in all_payments(shop.environment.store)
        ]
    assert ledgers == [["AUTHORIZE", "CAPTURE", "CAPTURE"]] * (payments * WRITERS)
