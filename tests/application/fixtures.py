"""The shop that the tests of the services share: connected to a sandbox bank, with a clock to set, a watched store and spies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from payports import (
    Cart,
    Customer,
    Failure,
    Money,
    NewPayment,
    Owner,
    Payment,
    PaymentMethod,
    Payports,
    Success,
    Transaction,
    TransactionStatus,
    TransactionType,
    connect,
)
from payports.application.audit.service import Audit
from payports.application.checkout.service import Checkout
from payports.application.events import Events
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.maintenance.service import Maintenance
from payports.application.orders import Orders
from payports.application.payments.options import Options
from payports.application.payments.payments import Payments
from payports.application.payments.saved_methods import SavedMethods
from payports.application.payments.tokenization import Tokenization
from payports.application.payments.transactions import Transactions
from payports.application.webhooks.service import Webhooks
from payports.domain.observation import Channel, Observation
from payports.ports.store import PaymentRepository
from payports.testing import FixedClock, SandboxBank
from tests.application.stubs import Capable, Spy, WatchedStore

MEMORY: Final[Mapping[str, Any]] = {"store": {"url": "memory:"}}
SECRET: Final = "whsec_of_the_tests_0123456789"
CUSTOMER: Final = Customer("cu-1")
OTHER: Final = Customer("cu-2")
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


@attrs.frozen(kw_only=True)
class ShopFixture:
    """A shop under test: the library, its bank, its clock, its store under watch, and a spy before each gateway, by name."""

    payports: Payports
    bank: SandboxBank
    clock: FixedClock
    store: WatchedStore
    spies: Mapping[str, Spy]

    @property
    def spy(self) -> Spy:
        return self.spies["sandbox"]

    @property
    def repository(self) -> PaymentRepository:
        """The store's repository of the default merchant, under watch."""
        return self.payports.store.of("default")

    def pay(self, cart: str = "c-1", minor: int = 5_990, token: str = "tok_approved", **rest: Any) -> Payment:
        """Create a payment of a cart; no money moves yet."""
        return self.payments.create(new_payment(cart, minor, token, **rest)).unwrap()

    def submit(self, cart: str = "c-1", minor: int = 5_990, request_id: str = "attempt-1", **rest: Any) -> Any:
        """Submit a cart's checkout."""
        return self.checkout.submit(Cart(cart, total=eur(minor), **rest), request_id=request_id)

    def reload(self, payment: Payment) -> Payment:
        """The payment as it is stored now."""
        return self.payments.get(payment.id).unwrap()

    def deliver_webhooks(self) -> None:
        """Deliver every notification that the bank has."""
        for headers, body in self.bank.webhooks():
            self.receive_webhook(headers, body)

    def receive_webhook(self, headers: Mapping[str, str], body: bytes) -> Any:
        return self.webhooks.receive("sandbox", headers, body)

    def let_time_pass(self, seconds: float = HOUR, passes: int = 60) -> None:
        """Advance the clock and run maintenance, ``passes`` times: by default until nothing is due any more."""
        for _ in range(passes):
            self.clock.advance(seconds)
            self.maintenance.run().unwrap()

    def effects(self, kind: TransactionType | None = None) -> list[tuple[str, int]]:
        """What the bank did: type and minor units."""
        return [
            (effect.type.value, effect.amount.minor) for effect in self.bank.effects() if kind in (None, effect.type)
        ]

    @property
    def environment(self) -> Environment:
        return self.payports.environment

    @property
    def gateways(self) -> Mapping[str, ConfiguredGateway]:
        return self.payports.gateways

    @property
    def options(self) -> Options:
        return self.payports.options

    @property
    def payments(self) -> Payments:
        return self.payports.payments

    @property
    def transactions(self) -> Transactions:
        return self.payports.transactions

    @property
    def checkout(self) -> Checkout:
        return self.payports.checkout

    @property
    def orders(self) -> Orders:
        return self.payports.orders

    @property
    def saved_methods(self) -> SavedMethods:
        return self.payports.saved_methods

    @property
    def tokenization(self) -> Tokenization:
        return self.payports.tokenization

    @property
    def webhooks(self) -> Webhooks:
        return self.payports.webhooks

    @property
    def maintenance(self) -> Maintenance:
        return self.payports.maintenance

    @property
    def audit(self) -> Audit:
        return self.payports.audit

    @property
    def events(self) -> Events:
        return self.payports.events


# --- shops ---


def open_shop(config: Mapping[str, Any] = MEMORY, **rest: Any) -> ShopFixture:
    """Connect a shop to a bank of its own; every gateway with a bank behind it gets a spy."""
    clock, bank = FixedClock(), SandboxBank(webhook_secret=SECRET)
    return watch(connect({**MEMORY, **config}, bank=bank, clock=clock, **rest), bank, clock)


def watch(payports: Payports, bank: SandboxBank, clock: FixedClock) -> ShopFixture:
    """Put a spy before each gateway, and watch the store."""
    spies = {name: Spy(configured.gateway.transactions) for name, configured in payports.gateways.items()}
    gateways = {
        name: attrs.evolve(configured, gateway=attrs.evolve(configured.gateway, transactions=spies[name]))
        for name, configured in payports.gateways.items()
    }
    store = WatchedStore(payports.store)
    watched = attrs.evolve(payports, store=store, gateways=gateways)
    return ShopFixture(payports=watched, bank=bank, clock=clock, store=store, spies=spies)


def with_gateway(shop: ShopFixture, name: str = "sandbox", **ports: Any) -> ShopFixture:
    """The same shop with some ports of a gateway replaced."""
    configured = shop.gateways[name]
    replaced = attrs.evolve(configured, gateway=attrs.evolve(configured.gateway, **ports))
    return _with_gateways(shop, {**shop.gateways, name: replaced})


def with_capabilities(shop: ShopFixture, **changes: Any) -> ShopFixture:
    """The same shop, whose gateway has other capabilities."""
    return with_gateway(shop, transactions=Capable(shop.spy, **changes))


def without_gateway(shop: ShopFixture, name: str = "sandbox") -> ShopFixture:
    """The same shop after a gateway was taken out of its configuration."""
    return _with_gateways(shop, {other: kept for other, kept in shop.gateways.items() if other != name})


def _with_gateways(shop: ShopFixture, gateways: Mapping[str, ConfiguredGateway]) -> ShopFixture:
    return attrs.evolve(shop, payports=attrs.evolve(shop.payports, gateways=gateways))


# --- values ---


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def new_payment(cart: str = "c-1", minor: int = 5_990, token: str = "tok_approved", **rest: Any) -> NewPayment:
    known: dict[str, Any] = {
        "owner": Owner("cart", cart),
        "amount": eur(minor),
        "gateway": "sandbox",
        "method": PaymentMethod({"token": token}),
    }
    return NewPayment(**(known | rest))


def observation(status: TransactionStatus, **rest: Any) -> Observation:
    known: dict[str, Any] = {"channel": Channel.WEBHOOK}
    return Observation(status=status, **(known | rest))


# --- outcomes ---


def value_of(outcome: Success[Any] | Failure[Any]) -> Any:
    """The value of a success; an assertion fails if it is a failure."""
    assert isinstance(outcome, Success), outcome
    return outcome.unwrap()


def problem(outcome: Success[Any] | Failure[Any]) -> Any:
    """The problem of a failure; an assertion fails if it is a success."""
    assert isinstance(outcome, Failure), outcome
    return outcome.failure()


def only(payment: Payment, kind: TransactionType) -> Transaction:
    """The only transaction of a type."""
    (transaction,) = [transaction for transaction in payment.transactions if transaction.type is kind]
    return transaction


def action_reference(outcome: Any) -> str:
    """The bank's reference of what the shopper must do first."""
    reference: str = outcome.next_actions[0].reference
    return reference


def snapshot(shop: ShopFixture, merchant: str = "default") -> str:
    """All that the store holds of a merchant, as text: equal snapshots mean that nothing was changed."""
    store = shop.payports.store.of(merchant)
    payments = store.payments(limit=10_000)
    far = datetime.max.replace(tzinfo=shop.clock.now().tzinfo)
    contents: list[object] = [
        payments,
        [store.history(payment.id) for payment in payments],
        [store.checkout(payment.owner) for payment in payments],
        store.parked(far, 10_000),
        store.undelivered(100_000),
        [store.saved_methods_of(customer) for customer in (CUSTOMER, OTHER)],
    ]
    return json.dumps([repr(content) for content in contents])
