"""Payments, transactions and facts as database rows: columns for what people and queries read, one JSON document for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from payports.adapters.repositories.common.json_codec import (
    Row,
    damage_as_store_failed,
    from_json,
    require_storable,
    texts_to_json,
    to_json,
    utc_text,
)
from payports.domain.attention import may_need_attention
from payports.domain.history import Fact
from payports.domain.money import Money
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.payment_method import PaymentType
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import ReversalState, TransactionType
from payports.ports.store import RecordedFact

DatabaseRow: TypeAlias = Sequence[Any]
"""A row as a database returns it. The schema enforces the types of its columns, which no type checker sees."""

PAYMENT_COLUMNS: Final = (
    *("id", "owner_kind", "owner_id", "type", "gateway", "amount_minor", "currency", "customer", "archived"),
    *("created_at", "details"),
)
TRANSACTION_COLUMNS: Final = (
    *("id", "type", "requested_minor", "currency", "parent_id", "request_key", "source_kind", "source_id", "reversal"),
    *("due_at", "created_at", "details"),
    *("payment_id", "ordinal", "gateway", "status", "amount_minor", "gateway_reference", "discrepancy"),
    "attention",
)
"""The columns after ``details`` are derived, for queries only. They are not read back."""
READ_BACK_COLUMNS: Final = TRANSACTION_COLUMNS[:12]
FACT_COLUMNS: Final = ("payment_id", "kind", "transaction_id", "at", "who", "why", "details")


def payment_row(payment: Payment) -> Row:
    """Write the columns ``PAYMENT_COLUMNS``."""
    return require_storable(
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
            utc_text(payment.created_at),
            to_json(payment),
        )
    )


@damage_as_store_failed
def read_payment(row: DatabaseRow, version: int, transactions: tuple[Transaction, ...]) -> Payment:
    """Read a payment from the columns ``PAYMENT_COLUMNS``, its version and its transactions."""
    key, owner_kind, owner_id, kind, gateway, minor, currency, customer, archived, created_at, document = row
    columns = {
        "id": key,
        "owner": Owner(owner_kind, owner_id),
        "type": PaymentType(kind),
        "gateway": gateway,
        "amount": Money(minor, currency),
        "customer": read_optional_customer(customer),
        "archived": bool(archived),
        "created_at": datetime.fromisoformat(created_at),
        "transactions": transactions,
        "version": version,
    }
    return from_json(document, Payment, columns)


def transaction_row(payment: Payment, transaction: Transaction, ordinal: int) -> Row:
    """Write the columns ``TRANSACTION_COLUMNS``."""
    judgement = transaction.judgement
    discrepancy = transaction.discrepancy
    return require_storable(
        (
            transaction.id,
            str(transaction.type),
            transaction.requested.minor,
            transaction.requested.currency.code,
            transaction.parent_id,
            transaction.key,
            transaction.source.kind if transaction.source else None,
            transaction.source.id if transaction.source else None,
            str(transaction.reversal),
            optional_utc_text(transaction.due_at),
            utc_text(transaction.created_at),
            to_json(transaction),
            payment.id,
            ordinal,
            payment.gateway,
            str(judgement.status),
            judgement.amount.minor,
            judgement.gateway_reference or None,
            str(discrepancy.kind) if discrepancy else None,
            int(may_need_attention(payment, transaction)),
        )
    )


def index_mismatches(payment: Payment, rows: Iterable[DatabaseRow], stored_facts: int, facts: int) -> tuple[str, ...]:
    """List the derived columns that disagree with the payment, and missing facts: ``stored_facts`` of ``facts`` are there."""
    stored = {row[0]: row for row in rows}
    mismatches = [
        f"transaction {transaction.id}: the column {name} does not agree with what was observed"
        for ordinal, transaction in enumerate(payment.transactions)
        for name, actual, expected in zip(
            TRANSACTION_COLUMNS,
            stored.get(transaction.id, ()),
            transaction_row(payment, transaction, ordinal),
            strict=False,
        )
        if actual != expected
        and name not in READ_BACK_COLUMNS
        and (name, actual) != ("attention", 1)  # too often is harmless
    ]
    if stored_facts != facts:
        mismatches.append(f"{facts} facts were recorded, {stored_facts} are there")
    return tuple(mismatches)


@damage_as_store_failed
def read_transaction(row: DatabaseRow) -> Transaction:
    """Read a transaction from the columns ``READ_BACK_COLUMNS``."""
    key, kind, minor, currency, parent, request, source_kind, source_id, reversal, due_at, created_at, document = row
    columns = {
        "id": key,
        "type": TransactionType(kind),
        "requested": Money(minor, currency),
        "parent_id": parent,
        "key": request,
        "source": None if source_kind is None else Source(source_kind, source_id),
        "reversal": ReversalState(reversal),
        "due_at": read_optional_time(due_at),
        "created_at": datetime.fromisoformat(created_at),
    }
    return from_json(document, Transaction, columns)


def fact_row(fact: Fact) -> Row:
    """Write the columns ``FACT_COLUMNS``."""
    return require_storable(
        (
            fact.payment_id,
            fact.kind,
            fact.transaction_id,
            utc_text(fact.at),
            fact.by,
            fact.why,
            texts_to_json(fact.detail),
        )
    )


@damage_as_store_failed
def read_fact(row: DatabaseRow) -> RecordedFact:
    """Read a fact from its position, its sequence and the columns ``FACT_COLUMNS``."""
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


def read_optional_customer(key: str | None) -> Customer | None:
    return None if key is None else Customer(key)


def optional_utc_text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)


def read_optional_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
