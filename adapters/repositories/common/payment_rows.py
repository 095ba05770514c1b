"""Payments, transactions and facts as rows and back: columns for what people and queries look at, one JSON document for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from payports.adapters.repositories.common.json_codec import (
    Row,
    from_json,
    instant,
    legible,
    storable,
    texts_to_json,
    to_json,
)
from payports.domain.attention import may_need_attention
from payports.domain.history import Fact
from payports.domain.money import Money
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.payment_method import PaymentType
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import ReversalState, TransactionType
from payports.ports.store import RecordedFact

Read: TypeAlias = Sequence[Any]
"""A row as a database gives it; the schema holds its columns to their types, which no type checker sees."""

PAYMENT: Final = (
    *("id", "owner_kind", "owner_id", "type", "gateway", "amount_minor", "currency", "customer", "archived"),
    *("created_at", "details"),
)
TRANSACTION: Final = (
    *("id", "type", "requested_minor", "currency", "parent_id", "request_key", "source_kind", "source_id", "reversal"),
    *("due_at", "created_at", "details"),
    *("payment_id", "ordinal", "gateway", "status", "amount_minor", "gateway_reference", "discrepancy"),
    "attention",
)
"""What follows ``details`` says where it belongs and what its observations amount to; it is for queries and not read back."""
READ_BACK: Final = TRANSACTION[:12]
FACT: Final = ("payment_id", "kind", "transaction_id", "at", "who", "why", "details")


def payment_row(payment: Payment) -> Row:
    """The columns ``PAYMENT``."""
    return storable(
        (
            payment.id,
            payment.owner.kind,
            payment.owner.id,
            str(payment.type),
            payment.gateway,
            payment.amount.minor,
            payment.amount.currency.code,
            payment.customer.id if payment.customer else None,
            int(payment.archived),
            instant(payment.created_at),
            to_json(payment),
        )
    )


@legible
def read_payment(row: Read, version: int, transactions: tuple[Transaction, ...]) -> Payment:
    """A payment from the columns ``PAYMENT``, its version and its transactions."""
    key, owner_kind, owner_id, kind, gateway, minor, currency, customer, archived, created_at, document = row
    columns = {
        "id": key,
        "owner": Owner(owner_kind, owner_id),
        "type": PaymentType(kind),
        "gateway": gateway,
        "amount": Money(minor, currency),
        "customer": read_customer(customer),
        "archived": bool(archived),
        "created_at": datetime.fromisoformat(created_at),
        "transactions": transactions,
        "version": version,
    }
    return from_json(document, Payment, columns)


def transaction_row(payment: Payment, one: Transaction, ordinal: int) -> Row:
    """The columns ``TRANSACTION``."""
    judged = one.judgement
    discrepancy = one.discrepancy
    return storable(
        (
            one.id,
            str(one.type),
            one.requested.minor,
            one.requested.currency.code,
            one.parent_id,
            one.key,
            one.source.kind if one.source else None,
            one.source.id if one.source else None,
            str(one.reversal),
            maybe_instant(one.due_at),
            instant(one.created_at),
            to_json(one),
            payment.id,
            ordinal,
            payment.gateway,
            str(judged.status),
            judged.amount.minor,
            judged.gateway_reference or None,
            str(discrepancy.kind) if discrepancy else None,
            int(may_need_attention(payment, one)),
        )
    )


def index_mismatches(payment: Payment, rows: Iterable[Read], told: int, facts: int) -> tuple[str, ...]:
    """What of the rows ``TRANSACTION`` of a payment does not say what it holds; ``told`` of ``facts`` of its facts are there."""
    stored = {row[0]: row for row in rows}
    found = [
        f"transaction {one.id}: the column {name} does not say what was seen"
        for ordinal, one in enumerate(payment.transactions)
        for name, is_, must in zip(
            TRANSACTION, stored.get(one.id, ()), transaction_row(payment, one, ordinal), strict=False
        )
        if is_ != must and name not in READ_BACK and (name, is_) != ("attention", 1)  # too often does no harm
    ]
    if told != facts:
        found.append(f"{facts} facts were told, {told} are there")
    return tuple(found)


@legible
def read_transaction(row: Read) -> Transaction:
    """A transaction from the columns ``READ_BACK``."""
    key, kind, minor, currency, parent, request, source_kind, source_id, reversal, due_at, created_at, document = row
    columns = {
        "id": key,
        "type": TransactionType(kind),
        "requested": Money(minor, currency),
        "parent_id": parent,
        "key": request,
        "source": None if source_kind is None else Source(source_kind, source_id),
        "reversal": ReversalState(reversal),
        "due_at": read_time(due_at),
        "created_at": datetime.fromisoformat(created_at),
    }
    return from_json(document, Transaction, columns)


def fact_row(fact: Fact) -> Row:
    """The columns ``FACT``."""
    return storable(
        (
            fact.payment_id,
            fact.kind,
            fact.transaction_id,
            instant(fact.at),
            fact.by,
            fact.why,
            texts_to_json(fact.detail),
        )
    )


@legible
def read_fact(row: Read) -> RecordedFact:
    """A fact from its position, its sequence and the columns ``FACT``."""
    position, sequence, payment_id, kind, transaction_id, at, who, why, document = row
    fact = Fact(
        kind=kind,
        payment_id=payment_id,
        at=datetime.fromisoformat(at),
        by=who,
        why=why,
        transaction_id=transaction_id,
        detail=from_json(document, dict[str, str]),
    )
    return RecordedFact(position=position, sequence=sequence, fact=fact)


def read_customer(key: str | None) -> Customer | None:
    return None if key is None else Customer(key)


def maybe_instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
