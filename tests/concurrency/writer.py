"""A writer: a process with a shop and a bank of its own on a file that others write to as well, as quickly as all of them can.

``hold_s``: how long its disk takes for a commit. A plant: it leaves the waiting to SQLite, as the library once did.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

from payports import Failure, Money, NewPayment, Outcome, Owner, PaymentMethod, Payports, connect
from payports.adapters.repositories.sqlite import store as sqlite_store
from payports.adapters.repositories.sqlite.database import Database
from payports.testing import SandboxBank
from tests.concurrency.bank import SECRET
from tests.concurrency.processes import inherited

ALONE: Final = "alone"
"""SQLite's own way to wait."""
OPERATIONS: Final = 4
"""For each payment."""


@attrs.frozen
class Written:
    """What became of a writer's operations: how many were done, the longest that one took, and why it gave up."""

    done: int
    worst_s: float
    refusal: str


class SlowDisk(Database):
    """A file on a disk that takes its time."""

    hold_s = 0.0

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def slowly(connection: sqlite3.Connection) -> None:
            work(connection)
            time.sleep(self.hold_s)  # this is the slowness

        super().write(slowly)


class _Alone(SlowDisk):
    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute(f"PRAGMA busy_timeout = {round(self.options.busy_timeout.total_seconds() * 1_000)}")
        return connection


def main() -> None:
    pipe = inherited()
    told = pipe.recv()
    sqlite_store.Database = _Alone if told["bug"] == ALONE else SlowDisk  # type: ignore[attr-defined]  # a slow disk is put in
    SlowDisk.hold_s = told["hold_s"]
    bank = SandboxBank(webhook_secret=SECRET)
    shop = connect(told["config"], bank=bank)
    pipe.send("ready")
    pipe.recv()
    pipe.send(attrs.astuple(_write(shop, told["name"], told["payments"])))
    shop.close()
    bank.close()


def _write(shop: Payports, name: str, payments: int) -> Written:
    done, worst_s = 0, 0.0

    def timed(operation: Callable[..., Outcome[Any, Any]], *told: Any) -> Any:
        nonlocal done, worst_s
        began = time.monotonic()
        outcome = operation(*told)
        worst_s = max(worst_s, time.monotonic() - began)
        if isinstance(outcome, Failure):
            raise _Refused(outcome.failure().message)
        done += 1
        return outcome.unwrap()

    try:
        for number in range(payments):
            payment = timed(shop.payments.create, _new(f"{name}-{number}"))
            timed(shop.transactions.authorize, payment.id)
            timed(shop.transactions.capture, payment.id, Money(400, "EUR"))
            timed(shop.transactions.capture, payment.id, Money(600, "EUR"))
    except _Refused as refused:
        return Written(done, worst_s, str(refused))
    return Written(done, worst_s, "")


class _Refused(Exception):
    """An operation was not done."""


def _new(cart: str) -> NewPayment:
    method = PaymentMethod({"token": "tok_approved"})
    return NewPayment(owner=Owner("cart", cart), amount=Money(1000, "EUR"), gateway="card", method=method)


if __name__ == "__main__":
    main()
