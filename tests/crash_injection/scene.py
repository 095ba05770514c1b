"""The scene of an operation: a shop on an SQLite file, with everything about it the same in every run."""

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
class Scene:
    """What was prepared, and what an operation needs to know of it."""

    payment_id: str = ""
    cart: Cart = attrs.field(factory=lambda: Cart(OWNER.id, total=eur(WHOLE)))
    body: bytes = b""
    params: Mapping[str, str] = attrs.field(factory=dict[str, str])


class CountedIds(Ids):
    """Ids that are the same in every run; each process has a letter of its own."""

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
    """Connect a shop with two ways to the bank: ``card`` authorizes at checkout, ``sale`` captures at once."""
    config: dict[str, Any] = {
        "store": {"url": f"sqlite:///{database}", "synchronous": synchronous},
        "gateways": {
            "card": {"adapter": "sandbox", "account": "card", "detached_credit": True},
            "sale": {"adapter": "sandbox", "account": "sale", "perform_authorize_and_capture": True},
        },
        "checkout": {"rollback": "immediate" if immediate else "deferred", "abandoned_after": "3h"},
    }
    return connect(config, bank=bank, clock=clock, ids=CountedIds(letter))


def pay(shop: Payports, minor: int = WHOLE, gateway: str = "card", token: str = "tok_approved") -> Payment:
    new = NewPayment(owner=OWNER, amount=eur(minor), gateway=gateway, method=PaymentMethod({"token": token}))
    return shop.payments.create(new).unwrap()


class Between(TransactionGateway):
    """Stands before a gateway and acts as another one; whoever plants something overrides a method."""

    def __init__(self, inner: TransactionGateway) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:
        found: object | NotFoundYet = self.inner.look_up(request, fence=fence)
        return found


def with_gateways(shop: Payports, wrap: Callable[[TransactionGateway], TransactionGateway]) -> Payports:
    """The same shop with something before each of its gateways."""

    def wrapped(configured: ConfiguredGateway) -> ConfiguredGateway:
        return attrs.evolve(
            configured, gateway=attrs.evolve(configured.gateway, transactions=wrap(configured.gateway.transactions))
        )

    return attrs.evolve(shop, gateways={name: wrapped(configured) for name, configured in shop.gateways.items()})


def with_store(shop: Payports, store: Store) -> Payports:
    """The same shop on another store."""
    return attrs.evolve(shop, store=store)
