"""Actors that use the shop: shoppers with carts, clerks with orders, and clerks with payments outside a checkout."""

from __future__ import annotations

from typing import Any, Final

from returns.result import Failure, Success

from payports.adapters.gateways.ledger.entries import EntryState
from payports.domain.checkout import ActionRequired, CheckedOut
from payports.domain.failures import NotCovered, OperationNotAllowed, PaymentsFailed
from payports.domain.outcome import Outcome
from payports.domain.payment import NewPayment, Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.testing.simulation.background_actors import Actor
from payports.testing.simulation.host import ShopperCart, euros

MAX_CARTS: Final = 12
MAX_DIRECT_PAYMENTS: Final = 5
_CARD: Final = PaymentMethod({"token": "tok"})
_OPERATIONS: Final = (
    "authorize",
    "authorize",
    "authorize_and_capture",
    "capture",
    "capture",
    "reverse_authorization",
    "void",
    "refund",
    "refund",
    "settle",
    "credit",
)


class Shopper(Actor):
    """Fills carts, pays with one or more tenders, returns from actions, repeats, changes amounts, and leaves."""

    def act(self) -> None:
        """Do one thing with one cart."""
        carts = self.host.carts
        if len(carts) < MAX_CARTS and self.happens(0.2):
            gateways = self.random.sample(["card", "sale", "gift"], self.random.choice((1, 1, 2, 3)))
            tenders = [(name, self.random.choice((100, 250, 1_000))) for name in gateways]
            carts.append(ShopperCart(id=f"c{len(carts)}", tenders=tenders))
        if not carts:
            return
        unplaced = [cart for cart in carts if not cart.placed]
        cart = self.random.choice(unplaced[-2:] if unplaced and self.happens(0.85) else carts)
        if cart.tokens and self.happens(0.4):
            self.come_back(cart)
        elif self.happens(0.05):
            self.log("cancel", self.shop.checkout.cancel(cart.owner))
        elif self.happens(0.05) and not cart.placed:
            self.change(cart)
        else:
            self.submit(cart)

    def submit(self, cart: ShopperCart) -> None:
        """Create each payment once, and submit; after a failure try again, under a new request id or the same."""
        for number, (gateway, minor) in enumerate(cart.tenders):
            new = NewPayment(owner=cart.owner, amount=euros(minor), gateway=gateway, method=_CARD)
            created = self.shop.payments.create(new, key=f"{cart.id}-payment-{number}")
            if isinstance(created, Failure):
                return
        attempt = cart.attempt if self.happens(0.8) else self.random.randint(1, cart.attempt)
        key = f"{cart.id}-attempt-{attempt}"
        outcome = self.log(key, self.shop.checkout.submit(cart.as_cart, request_id=key))
        self.host.check_answer(key, outcome)
        self._note_outcome(cart, outcome)
        over = isinstance(outcome, Failure) and isinstance(
            outcome.failure(), PaymentsFailed | OperationNotAllowed | NotCovered
        )
        if over and attempt == cart.attempt and self.happens(0.7):
            cart.attempt += 1

    def come_back(self, cart: ShopperCart) -> None:
        """Finish, refuse or ignore the action at the bank; then return with the token."""
        bank = self.process.world.bank
        for entry in bank.unfinished(EntryState.ACTION):
            if self.happens(0.5):
                bank.finish(entry.reference, self.happens(0.8))
        params = {"callback_token": self.random.choice(cart.tokens)}
        gateway = self.random.choice(cart.tenders)[0]
        self._note_outcome(cart, self.log("resume", self.shop.checkout.resume(gateway, params)))

    def change(self, cart: ShopperCart) -> None:
        """Change the amount of a tender, and the total of the cart with it."""
        payments: tuple[Payment, ...] = self.shop.payments.of_owner(cart.owner).value_or(())
        if len(payments) != len(cart.tenders):
            return
        number = self.random.randrange(len(payments))
        minor = self.random.choice((150, 500, 1_000))
        updated = self.log("change", self.shop.payments.update(payments[number].id, amount=euros(minor)))
        if isinstance(updated, Success):
            cart.tenders[number] = (cart.tenders[number][0], minor)

    def _note_outcome(self, cart: ShopperCart, outcome: Outcome[Any, Any]) -> None:
        answer = outcome.value_or(None)
        if isinstance(answer, ActionRequired):
            cart.tokens.append(answer.callback_token)
        cart.placed = cart.placed or isinstance(answer, CheckedOut)


class OrderClerk(Actor):
    """Captures, cancels and refunds per fulfilment and return, with a key that may repeat."""

    def act(self) -> None:
        """Do one thing with one placed order."""
        placed = [cart for cart in self.host.carts if cart.placed]
        if not placed:
            return
        cart = self.random.choice(placed[-4:])
        if self.happens(0.03):
            self.log("release", self.shop.orders.release(cart.owner))
            return
        operation = self.random.choice(("capture", "capture", "cancel", "refund"))
        source, minor = f"{operation[0]}{self.random.randint(1, 3)}", self.random.choice((50, 100, 300))
        minor = self.host.sources.setdefault((cart.id, source), minor)
        key = f"{cart.id}-{source}-{self.random.randint(1, 2)}"
        method = getattr(self.shop.orders, operation)
        self.host.check_answer(key, self.log(key, method(cart.owner, source, euros(minor), key=key)))


class PaymentClerk(Actor):
    """Executes operations on payments outside a checkout, with a key that may repeat."""

    def act(self) -> None:
        """Do one thing with one payment."""
        if len(self.host.direct_payments) < MAX_DIRECT_PAYMENTS and self.happens(0.3):
            number = len(self.host.direct_payments)
            new = NewPayment(
                owner=Owner("deal", f"d{number}"),
                amount=euros(1_000),
                gateway=self.random.choice(("card", "gift")),
                method=_CARD,
            )
            created = self.shop.payments.create(new, key=f"deal-{number}")
            payment: Payment | None = created.value_or(None)
            if payment and payment.id not in self.host.direct_payments:
                self.host.direct_payments.append(payment.id)
        if not self.host.direct_payments:
            return
        payment_id = self.random.choice(self.host.direct_payments)
        if self.happens(0.1):
            self.log("refresh", self.shop.transactions.refresh(payment_id))
            return
        operation = self.random.choice(_OPERATIONS)
        key = f"{payment_id}-{operation}-{self.random.randint(1, 6)}"
        minor = self.host.requested.setdefault(key, self.random.choice((100, 400, 1_000)))
        self.host.check_answer(
            key, self.log(key, getattr(self.shop.transactions, operation)(payment_id, euros(minor), key=key))
        )
