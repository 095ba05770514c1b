"""The cost of the query for due payments grows linearly with the leased ones that it skips: counted in steps, not timed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from payports.adapters.repositories import sqlite
from payports.adapters.repositories.common import statements
from payports.adapters.repositories.common.json_codec import utc_text
from payports.ports.leases import gateway_lease, payment_lease
from payports.testing import FixedClock
from payports.testing.store_samples import NOW, a_payment, a_transaction, added

HOUR: Final = timedelta(hours=1)
STEP: Final = 10
"""Virtual machine instructions of SQLite per counted step."""


@pytest.mark.parametrize("leased", ["payments", "gateway"])
def test_leased_payments_are_skipped_in_linear_time(tmp_path: Path, leased: str) -> None:
    few, many = (steps(tmp_path / f"{number}.db", number, leased) for number in (100, 400))
    assert few > 0
    assert many < 5 * few


def steps(path: Path, number: int, leased: str) -> int:
    """Count the steps of the query for due payments when all of them are leased."""
    ids = [f"p-{nth}" for nth in range(number)]
    with closing(sqlite.connect(f"sqlite:///{path}", {"synchronous": "NORMAL"}, FixedClock(NOW))) as store:
        repository = store.of("m")
        for late, key in enumerate(ids):
            due_at = NOW - timedelta(seconds=late)
            added(repository, a_payment(key, a_transaction(f"t-{key}", due_at=due_at)))
        names = tuple(map(payment_lease, ids)) if leased == "payments" else (gateway_lease("card"),)
        assert len(repository.lease(names, "another", HOUR)) == len(names)
        assert repository.due(NOW) == ()
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def moment(_: int) -> str:
        return utc_text(NOW)

    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("moment", 1, moment)
        connection.set_progress_handler(count, STEP)
        assert connection.execute(statements.DUE, ("m", utc_text(NOW), 10)).fetchall() == []
    return counted
