"""What a racer can do, by name, and what it tells of it: plain values, as they pass through a pipe."""

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
    """What came of an act: the name of the answer's class, what it says, and the transactions that it promises."""

    kind: str
    text: str = ""
    transactions: tuple[str, ...] = ()

    @property
    def is_busy(self) -> bool:
        """True for an answer that asks to come again."""
        return self.kind == BUSY or (self.kind == "StoreUnavailable" and "busy" in self.text)

    @property
    def succeeded(self) -> bool:
        return self.kind in ("TransactionReport", "CheckedOut", "OrderReport", "tuple")


def move(shop: Payports, _: RemoteSandboxBank, operation: str, payment: str, minor: int, **rest: Any) -> Answer:
    """Move money on one payment."""
    return _told(getattr(shop.transactions, operation)(payment, Money(minor, "EUR"), **rest))


def fulfil(shop: Payports, _: RemoteSandboxBank, cart: str, fulfilment: str, minor: int, key: str) -> Answer:
    """Capture for a fulfilment."""
    return _told(shop.orders.capture(Owner("cart", cart), fulfilment, Money(minor, "EUR"), key=key))


def submit(shop: Payports, _: RemoteSandboxBank, cart: str, minor: int, request_id: str) -> Answer:
    """Check a cart out."""
    return _told(shop.checkout.submit(Cart(cart, total=Money(minor, "EUR")), request_id=request_id))


def cancel(shop: Payports, _: RemoteSandboxBank, cart: str) -> Answer:
    """Give a cart's checkout up."""
    return _told(shop.checkout.cancel(Owner("cart", cart)))


def refresh(shop: Payports, _: RemoteSandboxBank, payment: str) -> Answer:
    """Ask the bank about a payment."""
    return _told(shop.transactions.refresh(payment))


def hear(shop: Payports, bank: RemoteSandboxBank) -> Answer:
    """Take what the bank has to tell, and tell it to the shop as the bank would: again until it is taken."""
    heard = bank.webhooks()
    if not all(_takes(shop, headers, body) for headers, body in heard):
        return Answer("Untaken")
    return Answer("heard") if heard else Answer(NOTHING)


def _takes(shop: Payports, headers: Mapping[str, str], body: bytes) -> bool:
    for _ in range(10):
        received = shop.webhooks.receive(json.loads(body)["account"], headers, body)
        if received.map(lambda receipt: receipt.status_code).value_or(503) == 200:
            return True
    return False


def maintain(shop: Payports, _: RemoteSandboxBank) -> Answer:
    """Make a pass of maintenance."""
    return _told(shop.maintenance.run())


def deliver(shop: Payports, _: RemoteSandboxBank, log: str, who: str, raises_at: int) -> Answer:
    """Hand facts over to a handler that writes them down, and raises once after so many."""
    taken = 0

    def handle(recorded: RecordedFact) -> None:
        nonlocal taken
        taken += 1
        if taken == raises_at:
            raise RuntimeError("the host stumbles")
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps([recorded.fact.payment_id, recorded.sequence, who]) + "\n")

    return _told(shop.events.deliver(handle))


ACTS: Final[Mapping[str, Callable[..., Answer]]] = {
    action.__name__: action for action in (move, fulfil, submit, cancel, refresh, hear, maintain, deliver)
}


def _told(outcome: Outcome[Any, Any]) -> Answer:
    if isinstance(outcome, Failure):
        problem = outcome.failure()
        return Answer(type(problem).__name__, problem.message)
    value = outcome.unwrap()
    match value:
        case TransactionReport():
            made = tuple(transaction.id for transaction in value.transactions)
        case CheckedOut():
            made = tuple(transaction_id for receipt in value.receipts for transaction_id in receipt.transaction_ids)
        case OrderReport():
            made = tuple(transaction.id for report in value.reports for transaction in report.transactions)
        case MaintenanceReport(looked_up=0, reversed=0, notifications_applied=0, checkouts_concluded=0):
            return Answer(NOTHING)
        case Delivery(delivered=0, stopped_at=None):
            return Answer(NOTHING)
        case _:
            made = ()
    return Answer(type(value).__name__, "", made)
