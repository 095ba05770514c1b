"""What is kept beside payments, as rows and back: saved methods, checkouts, notifications, idempotency records."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from payports.adapters.repositories.common.json_codec import Row, from_json, instant, legible, storable, to_json
from payports.adapters.repositories.common.payment_rows import Read, maybe_instant, read_customer, read_time
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Customer, Owner
from payports.domain.payment_method import PaymentType
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.ports.commit import InboxEntry, RequestRecord

SAVED_METHOD: Final = ("id", "customer", "gateway", "type", "name", "status", "created_at", "details")
CHECKOUT: Final = (
    *("owner_kind", "owner_id", "request_id", "fingerprint", "total_minor", "currency", "state", "lease_until"),
    *("cart_version", "customer", "callback_token", "started_at"),
)
INBOX: Final = ("gateway", "event_id", "received_at", "due_at", "tries", "details")
REQUEST: Final = ("key", "fingerprint", "payment_id", "plan")


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


@legible
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
            maybe_instant(record.started_at),
        )
    )


@legible
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
        customer=read_customer(customer),
        callback_token=token or "",
        started_at=read_time(started),
        version=version,
    )


def inbox_row(entry: InboxEntry) -> Row:
    """The columns ``INBOX``."""
    return storable(
        (
            entry.gateway,
            entry.event_id,
            instant(entry.received_at),
            maybe_instant(entry.due_at),
            entry.tries,
            to_json(entry.seen),
        )
    )


@legible
def read_inbox_entry(row: Read) -> InboxEntry:
    """A notification from the columns ``INBOX``."""
    gateway, event_id, received_at, due_at, tries, document = row
    return InboxEntry(
        gateway=gateway,
        event_id=event_id,
        received_at=datetime.fromisoformat(received_at),
        seen=from_json(document, Observation),
        due_at=read_time(due_at),
        tries=tries,
    )


def request_row(record: RequestRecord) -> Row:
    """The columns ``REQUEST``."""
    return storable((record.key, record.fingerprint, record.payment_id, record.plan))


@legible
def read_request(row: Read) -> RequestRecord:
    """An idempotency record from the columns ``REQUEST``."""
    key, fingerprint, payment_id, plan = row
    return RequestRecord(key=key, fingerprint=fingerprint, payment_id=payment_id, plan=plan)
