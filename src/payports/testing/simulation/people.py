"""The host's people: shoppers with carts, clerks with orders, and dealers with payments of no cart."""

from __future__ import annotations

from typing import Any, Final

from returns.result import Failure, Success

from payports.adapters.gateways.book.entries import EntryState
from payports.domain.checkout import ActionRequired, CheckedOut
from payports.domain.failures import NotCovered, OperationNotAllowed, PaymentsFailed
from payports.domain.outcome import Outcome
from payports.domain.payment import NewPayment, Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.testing.simulation.actors import Actor
from payports.testing.simulation.host import Basket, euros

MOST_BASKETS: Final = 12
MOST_DEALS: Final = 5
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
    """Fills carts, pays them with one or more tenders, comes back, repeats, changes their mind, and goes away."""

    def act(self) -> None:
        """Do one thing with one cart."""
        baskets = self.host.baskets
        if len(baskets) < MOST_BASKETS and self.chance(0.2):
            gateways = self.random.sample(["card", "sale", "gift"], self.random.choice((1, 1, 2, 3)))
            tenders = [(name, self.random.choice((100, 250, 1_000))) for name in gateways]
            baskets.append(Basket(id=f"c{len(baskets)}", tenders=tenders))
        if not baskets:
            return
        unplaced = [basket for basket in baskets if not basket.placed]
        basket = self.random.choice(unplaced[-2:] if unplaced and self.chance(0.85) else baskets)
        if basket.tokens and self.chance(0.4):
            self.come_back(basket)
        elif self.chance(0.05):
            self.tell("cancel", self.shop.checkout.cancel(basket.owner))
        elif self.chance(0.05) and not basket.placed:
            self.change(basket)
        else:
            self.submit(basket)

    def submit(self, basket: Basket) -> None:
        """Create the payments, each once, and submit; on failure try again under another name next time, or under the same."""
        for number, (gateway, minor) in enumerate(basket.tenders):
            new = NewPayment(owner=basket.owner, amount=euros(minor), gateway=gateway, method=_CARD)
            created = self.shop.payments.create(new, key=f"{basket.id}-payment-{number}")
            if isinstance(created, Failure):
                return
        attempt = basket.attempt if self.chance(0.8) else self.random.randint(1, basket.attempt)
        key = f"{basket.id}-attempt-{attempt}"
        outcome = self.tell(key, self.shop.checkout.submit(basket.cart, request_id=key))
        self.host.answered(key, outcome)
        self._learn(basket, outcome)
        over = isinstance(outcome, Failure) and isinstance(
            outcome.failure(), PaymentsFailed | OperationNotAllowed | NotCovered
        )
        if over and attempt == basket.attempt and self.chance(0.7):
            basket.attempt += 1

    def come_back(self, basket: Basket) -> None:
        """Do at the bank what is to be done, or refuse, or do nothing; then come back with the token."""
        bank = self.process.around.bank
        for entry in bank.unfinished(EntryState.ACTION):
            if self.chance(0.5):
                bank.finish(entry.reference, self.chance(0.8))
        params = {"callback_token": self.random.choice(basket.tokens)}
        gateway = self.random.choice(basket.tenders)[0]
        self._learn(basket, self.tell("resume", self.shop.checkout.resume(gateway, params)))

    def change(self, basket: Basket) -> None:
        """Pay another amount with a tender; the cart has that total from now on."""
        found: tuple[Payment, ...] = self.shop.payments.of_owner(basket.owner).value_or(())
        if len(found) != len(basket.tenders):
            return
        number = self.random.randrange(len(found))
        minor = self.random.choice((150, 500, 1_000))
        updated = self.tell("change", self.shop.payments.update(found[number].id, amount=euros(minor)))
        if isinstance(updated, Success):
            basket.tenders[number] = (basket.tenders[number][0], minor)

    def _learn(self, basket: Basket, outcome: Outcome[Any, Any]) -> None:
        found = outcome.value_or(None)
        if isinstance(found, ActionRequired):
            basket.tokens.append(found.callback_token)
        basket.placed = basket.placed or isinstance(found, CheckedOut)


class Clerk(Actor):
    """Captures, cancels and refunds per fulfilment and return; every request has a key, and some come twice."""

    def act(self) -> None:
        """Do one thing with one placed order."""
        placed = [basket for basket in self.host.baskets if basket.placed]
        if not placed:
            return
        basket = self.random.choice(placed[-4:])
        if self.chance(0.03):
            self.tell("release", self.shop.orders.release(basket.owner))
            return
        operation = self.random.choice(("capture", "capture", "cancel", "refund"))
        source, minor = f"{operation[0]}{self.random.randint(1, 3)}", self.random.choice((50, 100, 300))
        minor = self.host.sources.setdefault((basket.id, source), minor)
        key = f"{basket.id}-{source}-{self.random.randint(1, 2)}"
        method = getattr(self.shop.orders, operation)
        self.host.answered(key, self.tell(key, method(basket.owner, source, euros(minor), key=key)))


class Dealer(Actor):
    """Moves money on payments that no checkout knows, each request under a key that may come again."""

    def act(self) -> None:
        """Do one thing with one payment."""
        if len(self.host.deals) < MOST_DEALS and self.chance(0.3):
            number = len(self.host.deals)
            new = NewPayment(
                owner=Owner("deal", f"d{number}"),
                amount=euros(1_000),
                gateway=self.random.choice(("card", "gift")),
                method=_CARD,
            )
            created = self.shop.payments.create(new, key=f"deal-{number}")
            made: Payment | None = created.value_or(None)
            if made and made.id not in self.host.deals:
                self.host.deals.append(made.id)
        if not self.host.deals:
            return
        payment_id = self.random.choice(self.host.deals)
        if self.chance(0.1):
            self.tell("refresh", self.shop.transactions.refresh(payment_id))
            return
        operation = self.random.choice(_OPERATIONS)
        key = f"{payment_id}-{operation}-{self.random.randint(1, 6)}"
        minor = self.host.asked.setdefault(key, self.random.choice((100, 400, 1_000)))
        self.host.answered(
            key, self.tell(key, getattr(self.shop.transactions, operation)(payment_id, euros(minor), key=key))
        )
