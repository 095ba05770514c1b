"""A series of payments on a new store, which notes every fact at the moment when it is acknowledged. Run under strace, and the power fails.

``python -m tests.crash_injection.series FOLDER FULL|NORMAL``
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from payports import Payports
from payports.adapters.repositories.sqlite import SqliteStore
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import FixedClock, SandboxBank
from tests.crash_injection.scene import SECRET, Between, eur, open_shop, pay, with_gateways

NOTES: Final = "acknowledged"
SESSIONS: Final = 3
PAYMENTS: Final = 5

Note = Callable[[str, str], None]


def main(folder: Path, synchronous: str) -> None:
    """Open the store three times; the log is folded in now and then, by the product's own connection and whenever it is closed."""
    descriptor = os.open(folder / NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(kind: str, name: str) -> None:
        os.write(descriptor, json.dumps([kind, name]).encode())

    bank = SandboxBank(webhook_secret=SECRET)
    for session in range(SESSIONS):
        shop = open_shop(folder / "shop.db", bank, FixedClock(), f"s{session}", synchronous=synchronous)
        for number in range(PAYMENTS):
            _pay_and_refund(with_gateways(shop, _noting(note)), note)
            if number % 2:
                _fold(shop)
        shop.close()


def _pay_and_refund(shop: Payports, note: Note) -> None:
    payment = pay(shop)
    note("payment", payment.id)
    transactions = shop.transactions
    for answer in (
        transactions.authorize(payment.id),
        transactions.capture(payment.id, eur(4_000), key=f"k-{payment.id}"),
        transactions.refund(payment.id, eur(1_000)),
    ):
        (done,) = answer.unwrap().transactions
        note("done", done.id)


def _noting(note: Note) -> Any:
    """Gateways that note that they were called: from then on the intent must never be lost."""

    class Noting(Between):
        def execute(self, request: PaymentRequest) -> PaymentResponse:
            note("intent", request.transaction_id)
            return super().execute(request)

    return Noting


def _fold(shop: Payports) -> None:
    assert isinstance(shop.store, SqliteStore)
    shop.store.database.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
