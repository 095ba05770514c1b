"""A workload of payments on a new store that logs every fact when it is acknowledged. It runs under strace, for the power failures.

``python -m tests.crash_injection.workload FOLDER FULL|NORMAL``
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
from tests.crash_injection.fixtures import SECRET, GatewayProxy, eur, open_shop, pay, with_gateways

ACKNOWLEDGED: Final = "acknowledged"
SESSIONS: Final = 3
PAYMENTS: Final = 5

Acknowledge = Callable[[str, str], None]


def main(folder: Path, synchronous: str) -> None:
    """Open the store three times, with checkpoints now and then and on close."""
    descriptor = os.open(folder / ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def acknowledge(kind: str, name: str) -> None:
        os.write(descriptor, json.dumps([kind, name]).encode())

    bank = SandboxBank(webhook_secret=SECRET)
    for session in range(SESSIONS):
        shop = open_shop(folder / "shop.db", bank, FixedClock(), f"s{session}", synchronous=synchronous)
        for number in range(PAYMENTS):
            _pay_and_refund(with_gateways(shop, _acknowledging(acknowledge)), acknowledge)
            if number % 2:
                _checkpoint(shop)
        shop.close()


def _pay_and_refund(shop: Payports, acknowledge: Acknowledge) -> None:
    payment = pay(shop)
    acknowledge("payment", payment.id)
    transactions = shop.transactions
    for answer in (
        transactions.authorize(payment.id),
        transactions.capture(payment.id, eur(4_000), key=f"k-{payment.id}"),
        transactions.refund(payment.id, eur(1_000)),
    ):
        (done,) = answer.unwrap().transactions
        acknowledge("done", done.id)


def _acknowledging(acknowledge: Acknowledge) -> Any:
    """Build a gateway class that logs each request before it is sent: from then on the intent must not be lost."""

    class Acknowledging(GatewayProxy):
        def execute(self, request: PaymentRequest) -> PaymentResponse:
            acknowledge("intent", request.transaction_id)
            return super().execute(request)

    return Acknowledging


def _checkpoint(shop: Payports) -> None:
    assert isinstance(shop.store, SqliteStore)
    shop.store.database.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
