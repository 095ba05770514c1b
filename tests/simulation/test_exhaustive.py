"""No life of a payment takes more than was allowed: an exhaustive search up to a depth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from payports import Payment, Transaction
from tests.simulation.exhaustive import Search

ROOT: Final = Path(__file__).parents[2]
DEPTH: Final = os.environ.get("PAYPORTS_SEARCHED_DEPTH", "11")
"""The number of events in a row."""

ROWS: Final = os.environ.get("PAYPORTS_SEARCHED_ROWS", "5")
"""The number of transactions of a payment."""


def test_every_life_of_a_payment_keeps_the_limits() -> None:
    """Search in a separate process, without coverage; it prints the number of states."""
    command = [sys.executable, "-m", "tests.simulation.exhaustive", DEPTH, ROWS]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    states, found = done.stdout.split(" states, ")
    assert found == "0 violations\n", found
    assert int(states) >= 389_000 or int(DEPTH) < 11


def test_a_rule_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let unknown results not count."""
    monkeypatch.setattr(Transaction, "may_have_happened", property(lambda transaction: transaction.succeeded))
    (found,) = Search().run(5).violations
    assert "may be held" in found


def test_a_reversal_that_does_not_count_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(_: Payment, hold: Transaction) -> int:
        return hold.amount.minor

    monkeypatch.setattr("payports.domain.availability.left_of_hold", all_of_it)
    (found,) = Search().run(7).violations
    assert "may go from authorization" in found


def test_all_that_a_payment_should_take_is_taken() -> None:
    """A core that refuses everything breaks no limit; so every type must succeed in some life."""
    search = Search(rows=3)
    search.run(9)
    kinds = {
        transaction.type for payment in search.payments for transaction in payment.transactions if transaction.succeeded
    }
    assert kinds == {"AUTHORIZE", "AUTHORIZE_AND_CAPTURE", "CAPTURE", "REVERSE_AUTH", "VOID", "REFUND"}
