"""A lane: a shop on one store, with its own bank, clock and ids that behave the same in every lane. It runs commands one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from payports import (
    Cart,
    Customer,
    NewPayment,
    Outcome,
    Owner,
    Payment,
    PaymentMethod,
    Payports,
    Secret,
    Success,
    TransactionStatus,
    connect,
)
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.adapters.gateways.stored_value.gateway import StoredValueGateway
from payports.adapters.gateways.stored_value.ledger import StoredValueLedger
from payports.application.kernel.policy import ConfiguredGateway
from payports.domain.observation import Channel, Observation
from payports.ports.clock import Ids
from payports.ports.gateway import MethodVault, PaymentRequest, PaymentResponse
from payports.ports.store import Store
from payports.testing import SandboxBank
from payports.testing.clock import START, FixedClock
from tests.application.fixtures import SECRET, eur
from tests.application.stubs import Spy
from tests.differential.commands import CARTS, CUSTOMERS, Command

GATEWAYS: Final[Mapping[str, Any]] = {
    "card": {"adapter": "sandbox", "account": "card", "detached_credit": True},
    "sale": {"adapter": "sandbox", "account": "sale", "perform_authorize_and_capture": True},
    "gift": {"adapter": "stored_value", "url": "memory:"},
}
FAR: Final = timedelta(days=3_650)


class SequentialIds(Ids):
    """Sequential ids, the same in every lane, and different in every sequence."""

    def __init__(self) -> None:
        self.sequence = ""
        self._last = 0

    def begin(self, sequence: str) -> None:
        self.sequence, self._last = sequence, 0

    def new(self) -> str:
        self._last += 1
        return f"{self.sequence}-{self._last:04}"

    def token(self) -> str:
        return f"token-{self.new()}-{'x' * 20}"


class FlakyGateway(Spy):
    """A gateway that fails once when ``fault`` is set."""

    fault: str | None = None

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        fault, self.fault = self.fault, None
        if fault is None:
            return self.inner.execute(request)
        if fault == "lost_after":
            self.inner.execute(request)
        status = TransactionStatus.NOT_EXECUTED if fault == "not_sent" else TransactionStatus.UNKNOWN
        seen = Observation(status=status, channel=Channel.ANSWER, transaction_id=request.transaction_id, message=fault)
        return PaymentResponse(seen=seen)


class PlainVault(MethodVault):
    """A vault that returns the token itself as the multi-use token, not a random one."""

    def keep(self, customer: Customer, method: PaymentMethod) -> Success[PaymentMethod]:  # noqa: ARG002 -- the port asks for it
        return Success(attrs.evolve(method, single_use=False))

    def methods_of(self, customer: Customer) -> Success[tuple[PaymentMethod, ...]]:  # noqa: ARG002 -- the port asks for it
        return Success(())

    def forget(self, customer: Customer, method: PaymentMethod) -> Success[None]:  # noqa: ARG002 -- the port asks for it
        return Success(None)


@attrs.define
class Lane:
    """One store, and what happened on it."""

    name: str
    whole: Payports
    bank: SandboxBank
    gifts: StoredValueLedger
    clock: FixedClock
    ids: SequentialIds
    flaky_gateways: tuple[FlakyGateway, ...]
    shop: Payports = attrs.field(init=False)
    webhooks: list[tuple[dict[str, str], bytes]] = attrs.field(factory=list[tuple[dict[str, str], bytes]])
    tokens: dict[str, str] = attrs.field(factory=dict[str, str])
    made: list[Payment] = attrs.field(factory=list[Payment])
    keys: set[str] = attrs.field(factory=set[str])
    position: int = 0

    def run(self, sequence: str, commands: list[Command]) -> list[object]:
        """Run commands for a new merchant; return every answer, and at the end the whole state."""
        self.shop = self.whole.merchant(sequence)
        self.ids.begin(sequence)
        self.clock.advance((START - self.clock.now()).total_seconds())
        self.webhooks, self.tokens, self.made, self.keys = [], {}, [], set()
        answers = [self._run(command) for command in commands]
        for flaky in self.flaky_gateways:
            flaky.fault = None
        self.bank.webhooks()
        return [*answers, *self._everything()]

    def close(self) -> None:
        self.whole.close()
        self.bank.close()

    def _run(self, command: Command) -> object:
        name, *told = command
        return getattr(self, f"do_{name}")(*told)

    # --- what shoppers and hosts do ---

    def do_create(self, cart: str, way: str, token: str, minor: int, customer: str | None) -> object:
        number = f"gift-{self.ids.sequence}"
        if way == "gift":
            self.gifts.issue(number, eur(600), key=number)
        new = NewPayment(
            owner=Owner("cart", cart),
            amount=eur(minor),
            gateway=way,
            method=PaymentMethod({"token": number if way == "gift" else token}),
            customer=Customer(customer) if customer else None,
        )
        return self._noted(self.shop.payments.create(new))

    def do_update(self, choice: int, minor: int, token: str | None) -> object:
        return self._on_payment(choice, lambda payment: self._updated(payment, minor, token))

    def _updated(self, payment: Payment, minor: int, token: str | None) -> object:
        method = PaymentMethod({"token": token}) if token and payment.gateway != "gift" else None
        return self.shop.payments.update(payment.id, amount=eur(minor), method=method)

    def do_archive(self, choice: int) -> object:
        return self._on_payment(choice, lambda payment: self.shop.payments.archive(payment.id))

    def do_submit(self, cart: str, request_id: str, wrong: bool) -> object:
        there = self.shop.payments.of_owner(Owner("cart", cart)).value_or(())
        planned = [payment.amount.minor for payment in there if not payment.archived]
        whole = Cart(cart, total=eur(sum(planned) + wrong or 1))
        answer = self.shop.checkout.submit(whole, request_id=request_id, return_url="https://shop.test/back")
        self.tokens[cart] = getattr(answer.value_or(None), "callback_token", self.tokens.get(cart, ""))
        return answer

    def do_resume(self, cart: str) -> object:
        return self.shop.checkout.resume("card", {"callback_token": self.tokens.get(cart) or "none"})

    def do_cancel(self, cart: str) -> object:
        return self.shop.checkout.cancel(Owner("cart", cart))

    def do_move(self, operation: str, choice: int, minor: int | None, key: str | None) -> object:
        self.keys.update([key] if key else [])

        def move(payment: Payment) -> object:
            service = getattr(self.shop.transactions, operation)
            amount = None if minor is None else eur(minor)
            return service(payment.id, amount or eur(1) if operation == "credit" else amount, key=key)

        return self._on_payment(choice, move)

    def do_faulty(self, fault: str, *told: Any) -> object:
        for flaky in self.flaky_gateways:
            flaky.fault = fault
        return self.do_move(*told)

    def do_order(self, what: str, cart: str, source: str, minor: int, key: str) -> object:
        self.keys.add(key)
        return getattr(self.shop.orders, what)(Owner("cart", cart), source, eur(minor), key=key)

    def do_release(self, cart: str) -> object:
        return self.shop.orders.release(Owner("cart", cart))

    def do_refresh(self, choice: int) -> object:
        return self._on_payment(choice, lambda payment: self.shop.transactions.refresh(payment.id))

    def do_save(self, customer: str, token: str) -> object:
        return self.shop.saved_methods.save(Customer(customer), "card", PaymentMethod({"token": token}))

    def do_use(self, choice: int, customer: str, cart: str, minor: int) -> object:
        def use(saved: str) -> object:
            owner, payer = Owner("cart", cart), Customer(customer)
            return self._noted(self.shop.saved_methods.use(saved, customer=payer, owner=owner, amount=eur(minor)))

        return self._on_method(choice, use)

    def do_remove(self, choice: int, customer: str) -> object:
        remove = self.shop.saved_methods.remove
        return self._on_method(choice, lambda saved: remove(saved, customer=Customer(customer)))

    def do_resolve(self, choice: int, status: str) -> object:
        made = [transaction.id for payment in self._payments() for transaction in payment.transactions]
        if not made:
            return "no transaction"
        return self.shop.maintenance.resolve(
            made[choice % len(made)], TransactionStatus(status), operator="anna", reason="seen at the bank"
        )

    # --- what banks, networks and time do ---

    def do_finish(self, choice: int, succeed: bool) -> object:
        return self._at_the_bank(
            TransactionStatus.AWAITING_RESULT,
            choice,
            lambda reference: self.bank.finish_async(reference, succeed=succeed),
        )

    def do_act(self, choice: int, approve: bool) -> object:
        return self._at_the_bank(
            TransactionStatus.REQUIRES_ACTION,
            choice,
            lambda reference: self.bank.complete_action(reference, approve=approve),
        )

    def do_revoke(self, choice: int) -> object:
        return self._at_the_bank(TransactionStatus.SUCCEEDED, choice, self.bank.revoke)

    def do_dashboard(self, kind: str, choice: int, minor: int) -> object:
        return self._at_the_bank(
            TransactionStatus.SUCCEEDED, choice, lambda reference: self.bank.dashboard(kind, reference, eur(minor))
        )

    def do_hear(self, again: bool) -> object:
        """Deliver the new webhooks; or all of them so far, in reverse order."""
        fresh = self.bank.webhooks()
        self.webhooks += fresh
        now = int(self.clock.now().timestamp())
        told = self.webhooks[::-1] if again else fresh
        return [
            self.shop.webhooks.receive(
                json.loads(body)["account"], {**headers, **signed_headers(Secret(SECRET), body, now)}, body
            )
            for headers, body in told
        ]

    def do_wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def do_maintain(self, limit: int) -> object:
        return self.shop.maintenance.run(limit)

    def do_deliver(self, limit: int) -> object:
        taken: list[object] = []
        return self.shop.events.deliver(lambda fact: taken.append(_told(fact)), limit), taken

    # --- helpers ---

    def _payments(self) -> tuple[Payment, ...]:
        return self.shop.environment.store.payments(limit=1_000)

    def _on_payment(self, choice: int, act: Callable[[Payment], object]) -> object:
        """Do something with a payment as it was created: reading it again would make the test slow."""
        return act(self.made[choice % len(self.made)]) if self.made else "no payment"

    def _noted(self, answer: Outcome[Payment, Any]) -> object:
        if isinstance(answer, Success):
            self.made.append(answer.unwrap())
        return answer

    def _on_method(self, choice: int, act: Callable[[str], object]) -> object:
        store = self.shop.environment.store
        saved = [saved.id for customer in CUSTOMERS for saved in store.saved_methods_of(Customer(customer))]
        return act(saved[choice % len(saved)]) if saved else "no method"

    def _at_the_bank(self, status: TransactionStatus, choice: int, act: Callable[[str], object]) -> object:
        references = [
            transaction.gateway_reference
            for payment in self._payments()
            if payment.gateway != "gift"
            for transaction in payment.transactions
            if transaction.status is status and transaction.gateway_reference
        ]
        if not references:
            return "nothing there"
        try:
            return act(references[choice % len(references)])
        except ValueError as error:
            return str(error)

    def _everything(self) -> list[object]:
        """Everything that can be asked about the merchant, and the effects at the bank."""
        store, payments = self.shop.environment.store, self._payments()
        effects = tuple(self.bank.iter_effects(self.position))
        self.position = effects[-1].position if effects else self.position
        far = self.clock.now() + FAR
        return [
            payments,
            [[_told(fact) for fact in store.history(payment.id)] for payment in payments],
            [store.checkout(Owner("cart", cart)) for cart in CARTS],
            self.shop.payments.coverage(Cart("c-1", total=eur(500))),
            self.shop.maintenance.needs_attention(),
            store.due(far, 1_000),
            store.parked(far, 1_000),
            store.open_checkouts(far, 1_000),
            [_told(fact) for fact in store.undelivered(1_000)],
            [store.request(key) for key in sorted(self.keys)],
            [store.saved_methods_of(Customer(customer)) for customer in CUSTOMERS],
            effects,
        ]


def _told(recorded: Any) -> tuple[object, ...]:
    """A fact without its position, which may have gaps."""
    return recorded.sequence, recorded.fact


def open_lane(name: str, store: Mapping[str, Any], through: Callable[[Store], Store] = lambda store: store) -> Lane:
    """Open a lane; ``through`` may wrap its store."""
    clock, ids = FixedClock(), SequentialIds()
    bank = SandboxBank(clock=clock, webhook_secret=SECRET)
    shop = connect({"store": store, "gateways": GATEWAYS}, bank=bank, clock=clock, ids=ids)
    gateways: dict[str, ConfiguredGateway] = {}
    flaky_gateways: dict[str, FlakyGateway] = {}
    for key, configured in shop.gateways.items():
        flaky_gateways[key] = FlakyGateway(configured.gateway.transactions)
        ports = attrs.evolve(configured.gateway, transactions=flaky_gateways[key], vault=PlainVault())
        gateways[key] = attrs.evolve(configured, gateway=ports)
    gift = flaky_gateways["gift"].inner
    assert isinstance(gift, StoredValueGateway)
    whole = attrs.evolve(shop, store=through(shop.store), gateways=gateways)
    return Lane(name, whole, bank, gift.ledger, clock, ids, tuple(flaky_gateways.values()))
