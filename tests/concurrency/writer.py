"""A writer process: a shop and a bank of its own, writing as fast as it can to an SQLite file that it shares with other writers.

``commit_s`` is the time that the disk takes for a commit. The planted bug leaves the waiting to SQLite, as the library once did.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

from payports import Failure, Money, NewPayment, Outcome, Owner, PaymentMethod, Payports, connect
from payports.adapters.repositories.sqlite import store as sqlite_store
from payports.adapters.repositories.sqlite.database import SqliteDatabase
from payports.testing import SandboxBank
from tests.concurrency.bank import SECRET
from tests.concurrency.processes import inherited_pipe

SQLITE_BUSY_HANDLER: Final = "sqlite busy handler"
"""Wait with SQLite's own busy handler."""
OPERATIONS: Final = 4
"""Operations per payment."""


@attrs.frozen
class Written:
    """The result of a writer: the number of operations done, the longest one, and the error that ended it."""

    done: int
    longest_s: float
    refusal: str


class SlowDisk(SqliteDatabase):
    """A file on a slow disk."""

    commit_s = 0.0

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def slowly(connection: sqlite3.Connection) -> None:
            work(connection)
            time.sleep(self.commit_s)  # this is the slowness

        super().write(slowly)


class _BusyHandlerDatabase(SlowDisk):
    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute(f"PRAGMA busy_timeout = {round(self.options.busy_timeout.total_seconds() * 1_000)}")
        return connection


def main() -> None:
    pipe = inherited_pipe()
    settings = pipe.recv()
    sqlite_store.SqliteDatabase = _BusyHandlerDatabase if settings["bug"] == SQLITE_BUSY_HANDLER else SlowDisk  # type: ignore[attr-defined]  # patched to slow the disk down
    SlowDisk.commit_s = settings["commit_s"]
    bank = SandboxBank(webhook_secret=SECRET)
    shop = connect(settings["config"], bank=bank)
    pipe.send("ready")
    pipe.recv()
    pipe.send(attrs.astuple(_write(shop, settings["name"], settings["payments"])))
    shop.close()
    bank.close()


def _write(shop: Payports, name: str, payments: int) -> Written:
    done, longest_s = 0, 0.0

    def timed(operation: Callable[..., Outcome[Any, Any]], *arguments: Any) -> Any:
        nonlocal done, longest_s
        began = time.monotonic()
        outcome = operation(*arguments)
        longest_s = max(longest_s, time.monotonic() - began)
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
        return Written(done, longest_s, str(refused))
    return Written(done, longest_s, "")


class _Refused(Exception):
    """An operation failed."""


def _new(cart: str) -> NewPayment:
    method = PaymentMethod({"token": "tok_approved"})
    return NewPayment(owner=Owner("cart", cart), amount=Money(1000, "EUR"), gateway="card", method=method)


if __name__ == "__main__":
    main()
