"""A shop with both gateways that send webhooks, transactions that wait for them, and genuine webhooks."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from payports import Money, NewPayment, Owner, PaymentMethod, Payports, Transaction, connect
from payports.ports.gateway import WebhookReader
from payports.testing import FixedClock, SandboxBank
from tests.application.fixtures import value_of
from tests.webhooks.signature_schemes import (
    FORMER,
    SECRETS,
    UNTIL,
    Scheme,
    a_stripe_event,
    sandbox_scheme,
    stripe_scheme,
)

TEN = Money.of("10.00", "EUR")


@attrs.frozen(kw_only=True)
class WebhookFixture:
    shop: Payports
    clock: FixedClock
    folder: Path
    schemes: tuple[Scheme, ...]

    def reader(self, scheme: Scheme) -> WebhookReader:
        reader = self.shop.gateways[scheme.gateway].gateway.webhooks
        assert reader
        return reader

    def receive(self, scheme: Scheme, headers: Mapping[str, Any], body: bytes) -> tuple[int, int]:
        receipt = value_of(self.shop.webhooks.receive(scheme.gateway, headers, body))
        return receipt.status_code, receipt.applied

    def stored(self) -> dict[str, str]:
        """The digest of every file of the store, the write-ahead log included."""
        return {file.name: sha256(file.read_bytes()).hexdigest() for file in sorted(self.folder.iterdir())}


def config(folder: Path) -> dict[str, Any]:
    def signing(gateway: str) -> dict[str, Any]:
        return {
            "webhook_secret": SECRETS[gateway],
            "former_webhook_secret": FORMER[gateway],
            "former_webhook_secret_until": UNTIL,
        }

    return {
        "store": {"url": f"sqlite:///{folder / 'shop.db'}"},
        "gateways": {
            "sandbox": {"adapter": "sandbox", **signing("sandbox")},
            "card": {
                "adapter": "stripe",
                "secret_key": "sk_test_of_these_tests",
                "base_url": "http://127.0.0.1:9",
                **signing("card"),
            },
        },
    }


@contextmanager
def open_fixture(folder: Path, waiting: int = 3) -> Generator[WebhookFixture]:
    """Open the shop with some transactions at each gateway whose results are pending or unknown."""
    clock = FixedClock()
    bank = SandboxBank(webhook_secret=SECRETS["sandbox"])
    with connect(config(folder), bank=bank, clock=clock) as shop:
        events: list[bytes] = []
        for number in range(1, waiting + 1):
            bank.finish_async(_authorized(shop, "sandbox", "tok_async", number).gateway_reference)
            events.append(a_stripe_event(_authorized(shop, "card", "pm_card_visa", number).id, number))
        bodies = [body for _, body in bank.webhooks()]
        yield WebhookFixture(
            shop=shop, clock=clock, folder=folder, schemes=(sandbox_scheme(*bodies), stripe_scheme(*events))
        )


def _authorized(shop: Payports, gateway: str, token: str, number: int) -> Transaction:
    new = NewPayment(
        owner=Owner("cart", f"{gateway}-{number}"), amount=TEN, gateway=gateway, method=PaymentMethod({"token": token})
    )
    payment = value_of(shop.payments.create(new))
    shop.transactions.authorize(payment.id)
    (transaction,) = shop.payments.get(payment.id).unwrap().transactions
    return transaction


def batch_of(scheme: Scheme) -> bytes:
    """The sandbox's webhooks as one batch."""
    tables = [json.loads(body) for body in scheme.genuine]
    return json.dumps({**tables[0], "items": [item for table in tables for item in table["items"]]}).encode()


class RecordingHandler(logging.Handler):
    """Keeps every record of every logger, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def all_logs() -> Generator[list[logging.LogRecord]]:
    root, handler = logging.getLogger(), RecordingHandler()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.records
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
