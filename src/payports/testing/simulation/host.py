"""The state that the host's processes share: carts, keys, answers, and delivered facts."""

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
from payports.testing.simulation.violation import require

CURRENCY = "EUR"


@attrs.define(kw_only=True)
class ShopperCart:
    """A shopper's cart: its tenders as (gateway, amount), and the number of attempts."""

    id: str
    tenders: list[tuple[str, int]]
    attempt: int = 1
    tokens: list[str] = attrs.field(factory=list[str])
    placed: bool = False
    fulfilled: int = 0

    @property
    def owner(self) -> Owner:
        """The owner of its payments."""
        return Owner("cart", self.id)

    @property
    def as_cart(self) -> Cart:
        """The cart to check out; its total is the sum of the tenders."""
        return Cart(self.id, total=euros(sum(minor for _, minor in self.tenders)))


class Host:
    """Remembers what the services promised to any of its processes."""

    def __init__(self) -> None:
        self.carts: list[ShopperCart] = []
        self.direct_payments: list[str] = []
        self.requested: dict[str, int] = {}
        self.sources: dict[tuple[str, str], int] = {}
        self.largest_amounts: dict[str, int] = {}
        self.delivered_positions: defaultdict[str, list[int]] = defaultdict(list)
        self._answers: dict[str, object] = {}

    def note_amount(self, payment: Payment) -> None:
        """Keep the largest amount that a payment ever had."""
        self.largest_amounts[payment.id] = max(payment.amount.minor, self.largest_amounts.get(payment.id, 0))

    def check_answer(self, key: str, outcome: Any) -> None:
        """Require the same answer as before under the same key."""
        summary = _summary(outcome.value_or(None))
        if summary is not None:
            first = self._answers.setdefault(key, summary)
            require(first == summary, f"{key} was answered with {first}, and now with {summary}")

    def take_fact(self, recorded: RecordedFact) -> None:
        """Take a fact: at least once, and in order."""
        taken = self.delivered_positions[recorded.fact.payment_id]
        require(
            recorded.sequence <= len(taken) + 1,
            f"{recorded.fact.payment_id} delivered fact {recorded.sequence} too early",
        )
        if recorded.sequence == len(taken) + 1:
            taken.append(recorded.position)


def euros(minor: int) -> Money:
    """An amount in the currency of the simulation."""
    return Money(minor, CURRENCY)


def _summary(answer: object) -> object:
    if isinstance(answer, TransactionReport):
        return answer.payment.id, sorted(transaction.id for transaction in answer.transactions)
    if isinstance(answer, OrderReport):
        return answer.owner, sorted(transaction.id for report in answer.reports for transaction in report.transactions)
    return (answer.owner, answer.total) if isinstance(answer, CheckedOut) else None
