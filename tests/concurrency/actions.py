"""The actions of a worker by name, and their answers as plain values that pass through a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from payports import (
    Cart,
    CheckedOut,
    Delivery,
    Failure,
    MaintenanceReport,
    Money,
    OrderReport,
    Outcome,
    Owner,
    Payports,
    RecordedFact,
    TransactionReport,
)
from payports.testing import RemoteSandboxBank

BUSY: Final = "Busy"
NOTHING: Final = "nothing to do"


@attrs.frozen
class Answer:
    """The answer to an action: the name of its class, its message, and the transactions that it reports as successful."""

    kind: str
    text: str = ""
    transactions: tuple[str, ...] = ()

    @property
    def is_busy(self) -> bool:
        """Whether the answer asks to try again."""
        return self.kind == BUSY or (self.kind == "StoreUnavailable" and "busy" in self.text)

    @property
    def succeeded(self) -> bool:
        return self.kind in ("TransactionReport", "CheckedOut", "OrderReport", "tuple")


def move(shop: Payports, _: RemoteSandboxBank, operation: str, payment: str, minor: int, **rest: Any) -> Answer:
    """Execute an operation on a payment."""
    return _answer(getattr(shop.transactions, operation)(payment, Money(minor, "EUR"), **rest))


def fulfil(shop: Payports, _: RemoteSandboxBank, cart: str, fulfilment: str, minor: int, key: str) -> Answer:
    """Capture for a fulfilment."""
    return _answer(shop.orders.capture(Owner("cart", cart), fulfilment, Money(minor, "EUR"), key=key))


def submit(shop: Payports, _: RemoteSandboxBank, cart: str, minor: int, request_id: str) -> Answer:
    """Submit a checkout."""
    return _answer(shop.checkout.submit(Cart(cart, total=Money(minor, "EUR")), request_id=request_id))


def cancel(shop: Payports, _: RemoteSandboxBank, cart: str) -> Answer:
    """Cancel a checkout."""
    return _answer(shop.checkout.cancel(Owner("cart", cart)))


def refresh(shop: Payports, _: RemoteSandboxBank, payment: str) -> Answer:
    """Refresh a payment from the bank."""
    return _answer(shop.transactions.refresh(payment))


def receive_webhooks(shop: Payports, bank: RemoteSandboxBank) -> Answer:
    """Deliver the bank's notifications to the shop, each again until it is accepted."""
    notifications = bank.webhooks()
    if not all(_is_taken(shop, headers, body) for headers, body in notifications):
        return Answer("NotTaken")
    return Answer("received") if notifications else Answer(NOTHING)


def _is_taken(shop: Payports, headers: Mapping[str, str], body: bytes) -> bool:
    for _ in range(10):
        received = shop.webhooks.receive(json.loads(body)["account"], headers, body)
        if received.map(lambda receipt: receipt.status_code).value_or(503) == 200:
            return True
    return False


def maintain(shop: Payports, _: RemoteSandboxBank) -> Answer:
    """Run one maintenance pass."""
    return _answer(shop.maintenance.run())


def deliver(shop: Payports, _: RemoteSandboxBank, log: str, worker: str, raises_at: int) -> Answer:
    """Deliver facts to a handler that logs them, and raises once at the ``raises_at``-th."""
    taken = 0

    def handle(recorded: RecordedFact) -> None:
        nonlocal taken
        taken += 1
        if taken == raises_at:
            raise RuntimeError("the handler fails")
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps([recorded.fact.payment_id, recorded.sequence, worker]) + "\n")

    return _answer(shop.events.deliver(handle))


ACTIONS: Final[Mapping[str, Callable[..., Answer]]] = {
    action.__name__: action for action in (move, fulfil, submit, cancel, refresh, receive_webhooks, maintain, deliver)
}


def _answer(outcome: Outcome[Any, Any]) -> Answer:
    if isinstance(outcome, Failure):
        problem = outcome.failure()
        return Answer(type(problem).__name__, problem.message)
    value = outcome.unwrap()
    match value:
        case TransactionReport():
            transaction_ids = tuple(transaction.id for transaction in value.transactions)
        case CheckedOut():
            transaction_ids = tuple(
                transaction_id for receipt in value.receipts for transaction_id in receipt.transaction_ids
            )
        case OrderReport():
            transaction_ids = tuple(transaction.id for report in value.reports for transaction in report.transactions)
        case MaintenanceReport(looked_up=0, reversed=0, notifications_applied=0, checkouts_concluded=0):
            return Answer(NOTHING)
        case Delivery(delivered=0, stopped_at=None):
            return Answer(NOTHING)
        case _:
            transaction_ids = ()
    return Answer(type(value).__name__, "", transaction_ids)
