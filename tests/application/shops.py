"""What the tests of the services share: a shop with a bank, and gateways and stores that watch, fail or lie on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
from payports.application.kernel.policy import ConfiguredGateway
from payports.domain.capabilities import Capabilities
from payports.domain.observation import Channel, Observation
from payports.ports.commit import Commit
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse, TransactionGateway
from payports.ports.store import PaymentRepository, Store, StoreFailed
from payports.testing import FixedClock, SandboxBank

MEMORY: Final[Mapping[str, Any]] = {"store": {"url": "memory:"}}
SECRET: Final = "whsec_of_the_tests_0123456789"
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


class Spy(TransactionGateway):
    """Stands before a gateway: notes every call, and lets a test act while one is under way (``during``) or answer itself (``instead``)."""

    def __init__(self, inner: TransactionGateway) -> None:
        self.inner = inner
        self.executed: list[PaymentRequest] = []
        self.looked_up: list[PaymentRequest] = []
        self.during: Callable[[PaymentRequest], object] | None = None
        self.instead: Callable[[PaymentRequest], Any] | None = None
        self.on_look_up: Callable[[PaymentRequest], Any] | None = None

    @property
    def calls(self) -> int:
        return len(self.executed) + len(self.looked_up)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        self.executed.append(request)
        if self.during:
            self.during(request)
        if self.instead:
            answer: PaymentResponse = self.instead(request)
            return answer
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        self.looked_up.append(request)
        if self.on_look_up:
            answer: Observation | NotFoundYet = self.on_look_up(request)
            return answer
        return self.inner.look_up(request, fence=fence)


class Capable(TransactionGateway):
    """Stands before a gateway with other capabilities; calls go on to the gateway."""

    def __init__(self, inner: TransactionGateway, **changes: Any) -> None:
        self.inner = inner
        self._capabilities: Capabilities = attrs.evolve(inner.capabilities, **changes)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        return self.inner.look_up(request, fence=fence)


class WatchedStore(Store):
    """Stands before a store: counts commits, and fails where a test wants it to (``before_commit`` may raise)."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.commits: list[Commit] = []
        self.before_commit: Callable[[Commit], object] | None = None
        self.after_commit: Callable[[Commit], object] | None = None

    def of(self, merchant: str) -> PaymentRepository:
        return watched(self, self.inner.of(merchant))

    def check(self) -> Mapping[str, str]:
        return self.inner.check()

    def close(self) -> None:
        self.inner.close()


def watched(store: WatchedStore, inner: PaymentRepository) -> PaymentRepository:
    """The repository of a watched store: all of the inner one's methods but ``commit``, which is watched."""

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def commit(self, commit: Commit) -> Any:
            if store.before_commit:
                store.before_commit(commit)
            done = inner.commit(commit)
            if isinstance(done, Success):
                store.commits.append(commit)
            if store.after_commit:
                store.after_commit(commit)
            return done

    repository: Any = Watched()
    found: PaymentRepository = repository
    return found


def spoil(repository: object, name: str, instead: Callable[[Any], Any] | Callable[[Any, Any], Any]) -> None:
    """Let a method of a watched store's repository say something else."""
    setattr(repository, name, instead)


def fail(reason: str = "the disk is full") -> Callable[[object], None]:
    def failing(_: object) -> None:
        raise StoreFailed(reason)

    return failing


@attrs.frozen(kw_only=True)
class Bench:
    """A shop on the bench: its bank, its clock, its store under watch, and a spy before each sandbox gateway, by name."""

    shop: Payports
    bank: SandboxBank
    clock: FixedClock
    store: WatchedStore
    spies: Mapping[str, Spy]

    @property
    def spy(self) -> Spy:
        return self.spies["sandbox"]

    def pay(self, cart: str = "c-1", minor: int = 5_990, token: str = "tok_approved", **rest: Any) -> Payment:
        """Create a payment of a cart."""
        return self.shop.payments.create(new_payment(cart, minor, token, **rest)).unwrap()

    def submit(self, cart: str = "c-1", minor: int = 5_990, request_id: str = "attempt-1", **rest: Any) -> Any:
        """Submit a cart's checkout."""
        return self.shop.checkout.submit(Cart(cart, total=eur(minor), **rest), request_id=request_id)

    def again(self, payment: Payment) -> Payment:
        """The payment as it is stored now."""
        return self.shop.payments.get(payment.id).unwrap()

    def deliver(self) -> None:
        """Deliver every notification that the bank has."""
        for headers, body in self.bank.webhooks():
            self.receive(headers, body)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Any:
        return self.shop.webhooks.receive("sandbox", headers, body)

    def settle_down(self, seconds: float = HOUR, passes: int = 60) -> None:
        """Let time pass and maintenance run until nothing is due any more."""
        for _ in range(passes):
            self.clock.advance(seconds)
            self.shop.maintenance.run().unwrap()

    def effects(self, kind: TransactionType | None = None) -> list[tuple[str, int]]:
        """What the bank did: type and minor units."""
        return [(one.type.value, one.amount.minor) for one in self.bank.effects() if kind in (None, one.type)]


def new_payment(cart: str = "c-1", minor: int = 5_990, token: str = "tok_approved", **rest: Any) -> NewPayment:
    known: dict[str, Any] = {
        "owner": Owner("cart", cart),
        "amount": eur(minor),
        "gateway": "sandbox",
        "method": PaymentMethod({"token": token}),
    }
    return NewPayment(**(known | rest))


def bench(config: Mapping[str, Any] = MEMORY, **rest: Any) -> Bench:
    """Set a shop up; every gateway with a bank behind it gets a spy."""
    clock, bank = FixedClock(), SandboxBank(webhook_secret=SECRET)
    shop = connect({**MEMORY, **config}, bank=bank, clock=clock, **rest)
    return watch(shop, bank, clock)


def watch(shop: Payports, bank: SandboxBank, clock: FixedClock) -> Bench:
    spies = {name: Spy(one.gateway.transactions) for name, one in shop.gateways.items()}
    gateways = {
        name: attrs.evolve(one, gateway=attrs.evolve(one.gateway, transactions=spies[name]))
        for name, one in shop.gateways.items()
    }
    store = WatchedStore(shop.store)
    return Bench(
        shop=attrs.evolve(shop, store=store, gateways=gateways), bank=bank, clock=clock, store=store, spies=spies
    )


def with_gateway(bench: Bench, name: str = "sandbox", **ports: Any) -> Bench:
    """The same shop with some ports of a gateway replaced."""
    configured = bench.shop.gateways[name]
    replaced: ConfiguredGateway = attrs.evolve(configured, gateway=attrs.evolve(configured.gateway, **ports))
    return attrs.evolve(bench, shop=attrs.evolve(bench.shop, gateways={**bench.shop.gateways, name: replaced}))


def with_capabilities(bench: Bench, **changes: Any) -> Bench:
    """The same shop, whose gateway has other capabilities."""
    transactions: Any = Capable(bench.spy, **changes)
    return with_gateway(bench, transactions=transactions)


def without_gateway(bench: Bench, name: str = "sandbox") -> Bench:
    """The same shop after a gateway was taken out of its configuration."""
    left = {other: one for other, one in bench.shop.gateways.items() if other != name}
    return attrs.evolve(bench, shop=attrs.evolve(bench.shop, gateways=left))


def problem(outcome: Success[Any] | Failure[Any]) -> Any:
    """What an outcome failed with; an assertion fails if it did not."""
    assert isinstance(outcome, Failure), outcome
    return outcome.failure()


def told(outcome: Success[Any] | Failure[Any]) -> Any:
    """What an outcome gave; an assertion fails if it failed."""
    assert isinstance(outcome, Success), outcome
    return outcome.unwrap()


def only(payment: Payment, kind: TransactionType) -> Transaction:
    """The one transaction of a type."""
    (found,) = [one for one in payment.transactions if one.type is kind]
    return found


def seen(status: TransactionStatus, **rest: Any) -> Observation:
    known: dict[str, Any] = {"channel": Channel.WEBHOOK}
    return Observation(status=status, **(known | rest))


def next_reference(outcome: Any) -> str:
    """The bank's name for what the shopper must do first."""
    action = outcome.next_actions[0]
    found: str = action.reference
    return found


def snapshot(bench: Bench, merchant: str = "default") -> str:
    """All that the store holds of a merchant, as text: equal snapshots mean that nothing was changed."""
    store = bench.shop.store.of(merchant)
    payments = store.payments(limit=10_000)
    far = datetime.max.replace(tzinfo=bench.clock.now().tzinfo)
    kept: list[object] = [
        payments,
        [store.history(one.id) for one in payments],
        [store.checkout(one.owner) for one in payments],
        store.parked(far, 10_000),
        store.undelivered(100_000),
        [store.saved_methods_of(customer) for customer in (CUSTOMER, OTHER)],
    ]
    return json.dumps([repr(one) for one in kept])


CUSTOMER: Final = Customer("cu-1")
OTHER: Final = Customer("cu-2")
