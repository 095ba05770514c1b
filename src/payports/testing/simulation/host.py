"""What the host knows outside of its processes: carts, keys, answers that were given, facts that were delivered."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import attrs

from payports.application.orders import OrderReport
from payports.domain.cart import Cart
from payports.domain.checkout import CheckedOut
from payports.domain.money import Money
from payports.domain.payment import Owner, Payment
from payports.domain.transaction_report import TransactionReport
from payports.ports.store import RecordedFact
from payports.testing.simulation.violation import demand

CURRENCY = "EUR"


@attrs.define(kw_only=True)
class Basket:
    """A cart of a shopper: tenders as gateway and amount, and the attempts made so far."""

    id: str
    tenders: list[tuple[str, int]]
    attempt: int = 1
    tokens: list[str] = attrs.field(factory=list[str])
    placed: bool = False
    fulfilled: int = 0

    @property
    def owner(self) -> Owner:
        """What its payments belong to."""
        return Owner("cart", self.id)

    @property
    def cart(self) -> Cart:
        """The cart, its total what the tenders make."""
        return Cart(self.id, total=euros(sum(minor for _, minor in self.tenders)))


class Host:
    """Remembers what every process of it has in common, and what was promised to it."""

    def __init__(self) -> None:
        self.baskets: list[Basket] = []
        self.deals: list[str] = []
        self.asked: dict[str, int] = {}
        self.sources: dict[tuple[str, str], int] = {}
        self.largest: dict[str, int] = {}
        self.handed: defaultdict[str, list[int]] = defaultdict(list)
        self._answers: dict[str, object] = {}

    def seen(self, payment: Payment) -> None:
        """Keep the largest amount that a payment ever had."""
        self.largest[payment.id] = max(payment.amount.minor, self.largest.get(payment.id, 0))

    def answered(self, key: str, outcome: Any) -> None:
        """Compare an answer with what was answered under the same key before."""
        told = _essence(outcome.value_or(None))
        if told is not None:
            first = self._answers.setdefault(key, told)
            demand(first == told, f"{key} was answered with {first}, and now with {told}")

    def hand(self, recorded: RecordedFact) -> None:
        """Take a fact: at least once, and none before the one before it."""
        taken = self.handed[recorded.fact.payment_id]
        demand(recorded.sequence <= len(taken) + 1, f"{recorded.fact.payment_id} tells {recorded.sequence} too early")
        if recorded.sequence == len(taken) + 1:
            taken.append(recorded.position)


def euros(minor: int) -> Money:
    """An amount."""
    return Money(minor, CURRENCY)


def _essence(told: object) -> object:
    if isinstance(told, TransactionReport):
        return told.payment.id, sorted(transaction.id for transaction in told.transactions)
    if isinstance(told, OrderReport):
        return told.owner, sorted(transaction.id for report in told.reports for transaction in report.transactions)
    return (told.owner, told.total) if isinstance(told, CheckedOut) else None
