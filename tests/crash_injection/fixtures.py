"""A shop on an SQLite file that behaves the same in every run, and what an operation needs from its preparation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from payports import Cart, Money, NewPayment, Owner, Payment, PaymentMethod, Payports, connect
from payports.application.kernel.policy import ConfiguredGateway
from payports.domain.capabilities import Capabilities
from payports.ports.clock import Ids
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse, TransactionGateway
from payports.ports.store import Store
from payports.testing import FixedClock, RemoteSandboxBank, SandboxBank

SECRET: Final = "whsec_of_the_tests_0123456789"
OWNER: Final = Owner("cart", "c-1")
WHOLE: Final = 5_990


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@attrs.define(kw_only=True)
class Fixture:
    """What the preparation made, for the operation to use."""

    payment_id: str = ""
    cart: Cart = attrs.field(factory=lambda: Cart(OWNER.id, total=eur(WHOLE)))
    body: bytes = b""
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])


class SequentialIds(Ids):
    """Sequential ids; each process has its own letter."""

    def __init__(self, letter: str) -> None:
        self._letter = letter
        self._last = 0

    def new(self) -> str:
        self._last += 1
        return f"{self._letter}-{self._last:08d}"

    def token(self) -> str:
        return f"token-{self.new()}-{'x' * 20}"


def open_shop(
    database: Path,
    bank: SandboxBank | RemoteSandboxBank,
    clock: FixedClock,
    letter: str,
    *,
    immediate: bool = False,
    synchronous: str = "FULL",
) -> Payports:
    """Connect a shop with two gateways at the bank: ``card`` authorizes at checkout, ``sale`` captures at once."""
    config: dict[str, Any] = {
        "store": {"url": f"sqlite:///{database}", "synchronous": synchronous},
        "gateways": {
            "card": {"adapter": "sandbox", "account": "card", "detached_credit": True},
            "sale": {"adapter": "sandbox", "account": "sale", "perform_authorize_and_capture": True},
        },
        "checkout": {"rollback": "immediate" if immediate else "deferred", "abandoned_after": "3h"},
    }
    return connect(config, bank=bank, clock=clock, ids=SequentialIds(letter))


def pay(shop: Payports, minor: int = WHOLE, gateway: str = "card", token: str = "tok_approved") -> Payment:
    new = NewPayment(owner=OWNER, amount=eur(minor), gateway=gateway, method=PaymentMethod({"token": token}))
    return shop.payments.create(new).unwrap()


class GatewayProxy(TransactionGateway):
    """A gateway that forwards to another one. Subclasses override a method to plant a bug."""

    def __init__(self, inner: TransactionGateway) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:
        observed: object | NotFoundYet = self.inner.look_up(request, fence=fence)
        return observed


def with_gateways(shop: Payports, wrap: Callable[[TransactionGateway], TransactionGateway]) -> Payports:
    """Wrap each gateway of a shop."""

    def wrapped(configured: ConfiguredGateway) -> ConfiguredGateway:
        return attrs.evolve(
            configured, gateway=attrs.evolve(configured.gateway, transactions=wrap(configured.gateway.transactions))
        )

    return attrs.evolve(shop, gateways={name: wrapped(configured) for name, configured in shop.gateways.items()})


def with_store(shop: Payports, store: Store) -> Payports:
    """Give a shop another store."""
    return attrs.evolve(shop, store=store)
