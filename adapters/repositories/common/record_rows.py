"""Saved methods, checkouts, notifications and idempotency records as database rows."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from payports.adapters.repositories.common.json_codec import (
    Row,
    damage_as_store_failed,
    from_json,
    require_storable,
    to_json,
    utc_text,
)
from payports.adapters.repositories.common.payment_rows import (
    DatabaseRow,
    optional_utc_text,
    read_optional_customer,
    read_optional_time,
)
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Customer, Owner
from payports.domain.payment_method import PaymentType
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.ports.commit import InboxEntry, RequestRecord

SAVED_METHOD_COLUMNS: Final = ("id", "customer", "gateway", "type", "name", "status", "created_at", "details")
CHECKOUT_COLUMNS: Final = (
    *("owner_kind", "owner_id", "request_id", "fingerprint", "total_minor", "currency", "state", "lease_until"),
    *("cart_version", "customer", "callback_token", "started_at"),
)
INBOX_COLUMNS: Final = ("gateway", "event_id", "received_at", "due_at", "tries", "details")
REQUEST_COLUMNS: Final = ("key", "fingerprint", "payment_id", "plan")


def saved_method_row(saved: SavedMethod) -> Row:
    """Write the columns ``SAVED_METHOD_COLUMNS``."""
    return require_storable(
        (
            saved.id,
            saved.customer.id,
            saved.gateway,
            saved.type.value,
            saved.name,
            saved.status.value,
            utc_text(saved.created_at),
            to_json(saved),
        )
    )


@damage_as_store_failed
def read_saved_method(row: DatabaseRow) -> SavedMethod:
    """Read a saved method from the columns ``SAVED_METHOD_COLUMNS`` and its version."""
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
    """Write the columns ``CHECKOUT_COLUMNS``."""
    return require_storable(
        (
            record.owner.kind,
            record.owner.id,
            record.request_id,
            record.fingerprint,
            record.total.minor,
            record.total.currency.code,
            record.state.value,
            utc_text(record.lease_until),
            record.cart_version,
            record.customer.id if record.customer else None,
            record.callback_token or None,
            optional_utc_text(record.started_at),
        )
    )


@damage_as_store_failed
def read_checkout(row: DatabaseRow) -> CheckoutRecord:
    """Read a checkout from the columns ``CHECKOUT_COLUMNS`` and its version."""
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
        customer=read_optional_customer(customer),
        callback_token=token or "",
        started_at=read_optional_time(started),
        version=version,
    )


def inbox_row(entry: InboxEntry) -> Row:
    """Write the columns ``INBOX_COLUMNS``."""
    return require_storable(
        (
            entry.gateway,
            entry.event_id,
            utc_text(entry.received_at),
            optional_utc_text(entry.due_at),
            entry.tries,
            to_json(entry.seen),
        )
    )


@damage_as_store_failed
def read_inbox_entry(row: DatabaseRow) -> InboxEntry:
    """Read a notification from the columns ``INBOX_COLUMNS``."""
    gateway, event_id, received_at, due_at, tries, document = row
    return InboxEntry(
        gateway=gateway,
        event_id=event_id,
        received_at=datetime.fromisoformat(received_at),
        seen=from_json(document, Observation),
        due_at=read_optional_time(due_at),
        tries=tries,
    )


def request_row(record: RequestRecord) -> Row:
    """Write the columns ``REQUEST_COLUMNS``."""
    return require_storable((record.key, record.fingerprint, record.payment_id, record.plan))


@damage_as_store_failed
def read_request(row: DatabaseRow) -> RequestRecord:
    """Read an idempotency record from the columns ``REQUEST_COLUMNS``."""
    key, fingerprint, payment_id, plan = row
    return RequestRecord(key=key, fingerprint=fingerprint, payment_id=payment_id, plan=plan)
