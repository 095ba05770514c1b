"""Plain payments and what goes with them, and how a suite of a store compares: without ``assert``, which ``-O`` would drop."""

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
    """The repository of a merchant that nobody has used."""
    return store.of(f"merchant-{next(_merchants)}")


def same(found: object, expected: object) -> None:
    """Fail unless what was found is what was expected."""
    if found != expected:
        raise AssertionError(f"\nfound    {found!r}\nexpected {expected!r}")


def a_payment(key: str = "p-1", *made: Transaction, at: datetime = NOW, owner: Owner = CART) -> Payment:
    """A plain payment."""
    return Payment(id=key, owner=owner, amount=EUR, gateway="card", method=CARD, created_at=at, transactions=made)


def a_transaction(key: str = "t-1", *seen: Observation, due_at: datetime | None = None) -> Transaction:
    """A plain authorization."""
    return Transaction(id=key, type=TransactionType.AUTHORIZE, requested=EUR, created_at=NOW, due_at=due_at, seen=seen)


def an_observation(status: TransactionStatus = TransactionStatus.SUCCEEDED, reference: str = "r-1") -> Observation:
    """An answer of the gateway."""
    return Observation(status=status, channel=Channel.ANSWER, gateway_reference=reference)


def a_fact(payment_id: str = "p-1", kind: str = "payment.updated") -> Fact:
    """A plain fact."""
    return Fact(kind=kind, payment_id=payment_id, at=NOW, by="host")


def a_checkout(key: str = "c-1", **changes: Any) -> CheckoutRecord:
    """A running checkout."""
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
    """A commit of one change."""
    return Commit(changes=(Change(before=before, after=after, facts=facts),))


def added(repository: PaymentRepository, payment: Payment, *facts: Fact) -> Payment:
    """Commit a new payment, and load it."""
    same(repository.commit(changed(None, payment, *facts)), Success(None))
    return loaded(repository, payment.id)


def loaded(repository: PaymentRepository, payment_id: str = "p-1") -> Payment:
    """Load a payment that must be there."""
    found = repository.payment(payment_id)
    if found is None:
        raise AssertionError(f"payment {payment_id} is not there")
    return found


def stale(outcome: Outcome[None, Stale], kind: RecordKind, record_id: str) -> None:
    """Fail unless a commit was refused because of a record."""
    same(outcome, Failure(Stale(kind, record_id)))
