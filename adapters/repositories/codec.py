"""Values as rows and back: columns for what people and queries look at, one JSON document for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from payports.adapters.repositories.documents import Row, from_json, instant, storable, to_json
from payports.domain.history import Fact
from payports.domain.method import PaymentType
from payports.domain.money import Money
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.domain.transaction import Observation, ReversalState, Source, Transaction, TransactionType
from payports.ports.store import CheckoutRecord, CheckoutState, InboxEntry, RecordedFact, RequestRecord

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
)
"""The last seven say where it belongs and what its observations amount to; they are for queries and not read back."""
READ_BACK: Final = TRANSACTION[:12]
SAVED_METHOD: Final = ("id", "customer", "gateway", "type", "name", "status", "created_at", "details")
CHECKOUT: Final = (
    *("owner_kind", "owner_id", "request_id", "fingerprint", "total_minor", "currency", "state", "lease_until"),
    *("cart_version", "customer", "callback_token", "started_at"),
)
INBOX: Final = ("gateway", "event_id", "received_at", "due_at", "tries", "details")
REQUEST: Final = ("key", "fingerprint", "payment_id", "plan")
FACT: Final = ("payment_id", "kind", "transaction_id", "at", "who", "why", "details")


def payment_row(payment: Payment) -> Row:
    """The columns ``PAYMENT``."""
    return storable(
        (
            payment.id,
            payment.owner.kind,
            payment.owner.id,
            payment.type.value,
            payment.gateway,
            payment.amount.minor,
            payment.amount.currency.code,
            payment.customer.id if payment.customer else None,
            int(payment.archived),
            instant(payment.created_at),
            to_json(payment),
        )
    )


def read_payment(row: Read, version: int, transactions: tuple[Transaction, ...]) -> Payment:
    """A payment from the columns ``PAYMENT``, its version and its transactions."""
    key, owner_kind, owner_id, kind, gateway, minor, currency, customer, archived, created_at, document = row
    columns = {
        "id": key,
        "owner": Owner(owner_kind, owner_id),
        "type": PaymentType(kind),
        "gateway": gateway,
        "amount": Money(minor, currency),
        "customer": _customer(customer),
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
            one.type.value,
            one.requested.minor,
            one.requested.currency.code,
            one.parent_id,
            one.key,
            one.source.kind if one.source else None,
            one.source.id if one.source else None,
            one.reversal.value,
            _instant(one.due_at),
            instant(one.created_at),
            to_json(one),
            payment.id,
            ordinal,
            payment.gateway,
            judged.status.value,
            judged.amount.minor,
            judged.gateway_reference or None,
            discrepancy.kind.value if discrepancy else None,
        )
    )


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
        "due_at": _time(due_at),
        "created_at": datetime.fromisoformat(created_at),
    }
    return from_json(document, Transaction, columns)


def saved_method_row(saved: SavedMethod) -> Row:
    """The columns ``SAVED_METHOD``."""
    return storable(
        (
            saved.id,
            saved.customer.id,
            saved.gateway,
            saved.type.value,
            saved.name,
            saved.status.value,
            instant(saved.created_at),
            to_json(saved),
        )
    )


def read_saved_method(row: Read) -> SavedMethod:
    """A saved method from the columns ``SAVED_METHOD`` and its version."""
    key, customer, gateway, kind, name, status, created_at, document, version = row
    columns = {
        "id": key,
        "customer": Customer(customer),
        "gateway": gateway,
        "type": PaymentType(kind),
        "name": name,
        "status": SavedMethodStatus(status),
        "created_at": datetime.fromisoformat(created_at),
        "version": version,
    }
    return from_json(document, SavedMethod, columns)


def checkout_row(record: CheckoutRecord) -> Row:
    """The columns ``CHECKOUT``."""
    return storable(
        (
            record.owner.kind,
            record.owner.id,
            record.request_id,
            record.fingerprint,
            record.total.minor,
            record.total.currency.code,
            record.state.value,
            instant(record.lease_until),
            record.cart_version,
            record.customer.id if record.customer else None,
            record.callback_token or None,
            _instant(record.started_at),
        )
    )


def read_checkout(row: Read) -> CheckoutRecord:
    """A checkout from the columns ``CHECKOUT`` and its version."""
    kind, key, request, fingerprint, minor, currency, state, lease, cart_version, customer, token, started, version = (
        row
    )
    return CheckoutRecord(
        owner=Owner(kind, key),
        request_id=request,
        fingerprint=fingerprint,
        total=Money(minor, currency),
        state=CheckoutState(state),
        lease_until=datetime.fromisoformat(lease),
        cart_version=cart_version,
        customer=_customer(customer),
        callback_token=token or "",
        started_at=_time(started),
        version=version,
    )


def inbox_row(entry: InboxEntry) -> Row:
    """The columns ``INBOX``."""
    return storable(
        (
            entry.gateway,
            entry.event_id,
            instant(entry.received_at),
            _instant(entry.due_at),
            entry.tries,
            to_json(entry.seen),
        )
    )


def read_inbox_entry(row: Read) -> InboxEntry:
    """A notification from the columns ``INBOX``."""
    gateway, event_id, received_at, due_at, tries, document = row
    return InboxEntry(
        gateway=gateway,
        event_id=event_id,
        received_at=datetime.fromisoformat(received_at),
        seen=from_json(document, Observation),
        due_at=_time(due_at),
        tries=tries,
    )


def request_row(record: RequestRecord) -> Row:
    """The columns ``REQUEST``."""
    return storable((record.key, record.fingerprint, record.payment_id, record.plan))


def read_request(row: Read) -> RequestRecord:
    """An idempotency record from the columns ``REQUEST``."""
    key, fingerprint, payment_id, plan = row
    return RequestRecord(key=key, fingerprint=fingerprint, payment_id=payment_id, plan=plan)


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
            to_json(dict(fact.detail)),
        )
    )


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


def _customer(key: str | None) -> Customer | None:
    return None if key is None else Customer(key)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
