"""Sample records for tests of stores, and assertions that work under ``-O``, which drops ``assert``."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import attrs
from returns.result import Failure, Success

from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.history import Fact
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.commit import Change, Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
EUR: Final = Money(1_000, "EUR")
CARD: Final = PaymentMethod({"token": "tok_1"}, {"brand": "visa"})
CART: Final = Owner("cart", "c-1")

_merchants: Final = count()


def fresh(store: Store) -> PaymentRepository:
    """Give the repository of a new merchant."""
    return store.of(f"merchant-{next(_merchants)}")


def same(actual: object, expected: object) -> None:
    """Fail unless two values are equal."""
    if actual != expected:
        raise AssertionError(f"\nactual   {actual!r}\nexpected {expected!r}")


def a_payment(key: str = "p-1", *transactions: Transaction, at: datetime = NOW, owner: Owner = CART) -> Payment:
    """Build a payment."""
    return Payment(
        id=key, owner=owner, amount=EUR, gateway="card", method=CARD, created_at=at, transactions=transactions
    )


def a_transaction(key: str = "t-1", *observations: Observation, due_at: datetime | None = None) -> Transaction:
    """Build an authorization."""
    return Transaction(
        id=key, type=TransactionType.AUTHORIZE, requested=EUR, created_at=NOW, due_at=due_at, seen=observations
    )


def an_observation(status: TransactionStatus = TransactionStatus.SUCCEEDED, reference: str = "r-1") -> Observation:
    """Build an observation of a gateway's answer."""
    return Observation(status=status, channel=Channel.ANSWER, gateway_reference=reference)


def a_fact(payment_id: str = "p-1", kind: str = "payment.updated") -> Fact:
    """Build a fact."""
    return Fact(kind=kind, payment_id=payment_id, at=NOW, by="host")


def a_checkout(key: str = "c-1", **changes: Any) -> CheckoutRecord:
    """Build the record of a running checkout."""
    plain = CheckoutRecord(
        owner=Owner("cart", key),
        request_id="attempt-1",
        fingerprint="f",
        total=EUR,
        state=CheckoutState.RUNNING,
        lease_until=NOW,
    )
    return attrs.evolve(plain, **changes)


def changed(before: Payment | None, after: Payment, *facts: Fact) -> Commit:
    """Build a commit of one change."""
    return Commit(changes=(Change(before=before, after=after, facts=facts),))


def added(repository: PaymentRepository, payment: Payment, *facts: Fact) -> Payment:
    """Commit a new payment, and load it."""
    same(repository.commit(changed(None, payment, *facts)), Success(None))
    return loaded(repository, payment.id)


def loaded(repository: PaymentRepository, payment_id: str = "p-1") -> Payment:
    """Load a payment that must exist."""
    payment = repository.payment(payment_id)
    if payment is None:
        raise AssertionError(f"payment {payment_id} does not exist")
    return payment


def stale(outcome: Outcome[None, Stale], kind: RecordKind, record_id: str) -> None:
    """Fail unless a commit was refused because of one stale record."""
    same(outcome, Failure(Stale(kind, record_id)))
