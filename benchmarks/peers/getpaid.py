"""python-getpaid-core: a state engine for payments with exchangeable stores; two are measured.

*Django*: the store that the same project ships in django-getpaid, called without its threads. *Bare*: one row and one statement per commit
over ``sqlite3``, the least that a host could write.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.db import models
from getpaid.abstracts import AbstractOrder, AbstractPayment
from getpaid.repository import DjangoPaymentRepository
from getpaid_core.backends.dummy import DummyProcessor
from getpaid_core.flow import PaymentFlow
from getpaid_core.registry import registry

from benchmarks.peers.setting import PRAGMAS, create_tables

TOTAL: Final = Decimal("59.90")


class Order(AbstractOrder):
    """The host's order, which a payment of django-getpaid must refer to."""

    number = models.IntegerField(unique=True)

    class Meta:
        app_label = "peers"

    def get_total_amount(self) -> Decimal:
        return TOTAL

    def get_currency(self) -> str:
        return "EUR"

    def get_description(self) -> str:
        return f"cart c-{self.number}"


class GetpaidPayment(AbstractPayment):
    """The project's own model."""

    class Meta(AbstractPayment.Meta):
        app_label = "peers"


class DjangoStore(DjangoPaymentRepository):
    """The project's own store with its blocking methods, without the cost of a thread per call."""

    async def get_by_id(self, payment_id: object) -> Any:
        return self._get_by_id(payment_id)

    async def create(self, **kwargs: object) -> Any:
        return self._create(**kwargs)

    async def save(self, payment: Any) -> Any:
        return self._save(payment)


_COLUMNS: Final = (
    *("id", "order_id", "amount_required", "currency", "status", "backend", "external_id", "description"),
    *("amount_paid", "amount_locked", "amount_refunded", "fraud_status", "fraud_message", "provider_data"),
)


class BarePayment:
    """The fields that the core's protocol names."""

    def __init__(self, **values: Any) -> None:
        self.id = str(uuid.uuid4())
        self.status = "new"
        self.external_id, self.fraud_status, self.fraud_message = None, "unknown", ""
        self.amount_paid = self.amount_locked = self.amount_refunded = Decimal(0)
        self.__dict__.update(values)

    def row(self) -> list[object]:
        values = {**self.__dict__, "provider_data": json.dumps(self.provider_data)}
        return [str(value) if isinstance(value, Decimal) else value for value in (values[name] for name in _COLUMNS)]


class BareStore:
    """One row per payment; each save is one statement and one commit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(PRAGMAS)
        self._connection.execute(f"CREATE TABLE payment ({', '.join(_COLUMNS)}, PRIMARY KEY (id))")

    async def get_by_id(self, payment_id: object) -> BarePayment:
        row = self._connection.execute("SELECT * FROM payment WHERE id = ?", (payment_id,)).fetchone()
        values = dict(zip(_COLUMNS, row, strict=True))
        amounts = {name: Decimal(value) for name, value in values.items() if name.startswith("amount_")}
        return BarePayment(**{**values, **amounts, "provider_data": json.loads(values["provider_data"])})

    async def create(self, *, order: Any, **values: Any) -> BarePayment:
        payment = BarePayment(order_id=order.number, **values)
        marks = ", ".join("?" for _ in _COLUMNS)
        self._connection.execute(f"INSERT INTO payment VALUES ({marks})", payment.row())
        return payment

    async def save(self, payment: BarePayment) -> BarePayment:
        settings = ", ".join(f"{name} = ?" for name in _COLUMNS)
        self._connection.execute(f"UPDATE payment SET {settings} WHERE id = ?", [*payment.row(), payment.id])
        return payment


class Selling:
    """The whole sale over one of the stores; each step loads its payment, as a separate request does."""

    def __init__(self, store: Any, *, keeps_orders: bool) -> None:
        registry.register(DummyProcessor)
        self._flow = PaymentFlow(store, {"dummy": {}})
        self._keeps_orders = keeps_orders

    def __call__(self, number: int) -> None:
        order = Order(number=number)
        if self._keeps_orders:
            order.save()
        _run(self._sell(order))

    async def _sell(self, order: Order) -> None:
        flow = self._flow
        key = (await flow.create_payment(order, "dummy")).id
        authorized = await flow.repository.get_by_id(key)
        await flow.prepare(authorized)
        await flow.handle_callback(authorized, {"event": "payment_locked"}, {})
        await flow.charge(await flow.repository.get_by_id(key))
        refunded = await flow.repository.get_by_id(key)
        await flow.start_refund(refunded)
        await flow.handle_callback(refunded, {"event": "refund_confirmed"}, {})


def _run(flow: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits, without an event loop and its cost."""
    try:
        flow.send(None)
    except StopIteration:
        return
    raise RuntimeError("something waits")


def over_django() -> Selling:
    """The flow over the store that the project ships."""
    create_tables(Order, GetpaidPayment)
    return Selling(DjangoStore(GetpaidPayment), keeps_orders=True)


def over_bare_rows(path: Path) -> Selling:
    """The flow over the least that a host could write."""
    return Selling(BareStore(path), keeps_orders=False)
