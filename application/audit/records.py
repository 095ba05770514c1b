"""The records beside payments, audited from their own side: each must belong to a payment that is there.

A payment that was deleted with its history leaves its keys, its checkout and its notifications behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from payports.application.kernel.environment import Environment
from payports.application.orders import read_plan
from payports.domain.audit.findings import AuditLimits, Finding, FindingKind
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.payment import Owner
from payports.ports.commit import InboxEntry, RequestRecord
from payports.ports.leases import checkout_lease, notification_lease
from payports.ports.store import RecordSet, StoreFailed

_LONGEST_LEASE: Final = timedelta(hours=1)
"""No lease is taken for nearly as long; what is leased is left out of the work."""
_LONGEST_PARKING: Final = timedelta(days=2)
"""A parked notification is retried at least every day."""
_MOST_LEASES: Final = 100
_OPEN: Final = (CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)


def audit_reach(env: Environment) -> Iterator[Finding]:
    """Find what no single payment shows: facts that are missing with their whole payment, and an impossible delivery cursor."""
    reach = env.store.history_extent()
    if reach.missing:
        message = f"{reach.missing} of {reach.last} facts are not there"
        yield Finding(kind=FindingKind.HISTORY_GAP, payment_id="", message=message, record="history")
    if not 0 <= reach.delivered <= reach.last:
        message = f"facts were delivered up to {reach.delivered}, and the last one is {reach.last}"
        yield Finding(kind=FindingKind.DELIVERY, payment_id="", message=message, record="delivery")


def audit_leases(env: Environment) -> Iterator[Finding]:
    """Find leases that last longer than any that is taken, and so keep work from being done."""
    for name in env.store.leased_beyond(_LONGEST_LEASE, _MOST_LEASES):
        message = f"it ends more than {_LONGEST_LEASE} from now, and nobody may do that work until then"
        yield Finding(kind=FindingKind.LEASE, payment_id="", message=message, record=f"lease {name}")


def audit_record(env: Environment, record_set: RecordSet, key: tuple[str, ...]) -> tuple[Finding, ...]:
    """Find what is wrong with one record, or that it cannot be read."""
    try:
        return tuple(_findings(env, record_set, key))
    except StoreFailed as failed:
        reason = str(failed)
        env.store.keys(record_set, key, 1)  # if this fails too, the record is not what is damaged
    message = f"it, or what it belongs to, cannot be read: {reason}"
    name = " ".join((record_set.value, *key))
    return (Finding(kind=FindingKind.UNREADABLE, payment_id="", message=message, record=name),)


def _findings(env: Environment, record_set: RecordSet, key: tuple[str, ...]) -> Iterator[Finding]:
    match record_set:
        case RecordSet.REQUESTS:
            if request := env.store.request(*key):
                yield from _request(env, request)
        case RecordSet.CHECKOUTS:
            if checkout := env.store.checkout(Owner(*key)):
                yield from _checkout(env, checkout)
        case RecordSet.INBOX:
            if entry := env.store.inbox_entry(*key):
                yield from _notification(env, entry)


def _request(env: Environment, record: RequestRecord) -> Iterator[Finding]:
    """A key is recorded in the commit of what it requested."""

    def problem(payment_id: str, message: str) -> Finding:
        return Finding(kind=FindingKind.REQUEST, payment_id=payment_id, message=message, record=f"request {record.key}")

    planned = _planned(record)
    if planned is None:
        yield problem("", "it names no payment, and no plan over several")
        return
    for payment_id in planned:
        payment = env.store.payment(payment_id)
        if payment is None:
            yield problem(payment_id, f"it was made for payment {payment_id}, which is not there")
        elif record.payment_id and record.plan and not payment.under_key(record.key):
            yield problem(payment_id, f"it asked for {record.plan} minor units, and nothing was recorded under it")


def _planned(record: RequestRecord) -> tuple[str, ...] | None:
    """The payments that a request is about: its own, or those of its plan."""
    if record.payment_id:
        return (record.payment_id,)
    try:
        return tuple(dict.fromkeys(part.payment_id for part in read_plan(record.plan)))
    except (ValueError, TypeError):
        return None


def _checkout(env: Environment, record: CheckoutRecord) -> Iterator[Finding]:
    def problem(message: str, kind: FindingKind = FindingKind.CHECKOUT) -> Finding:
        return Finding(kind=kind, payment_id="", message=message, record=checkout_lease(record.owner))

    now, bounds = env.now(), AuditLimits()
    if record.total and not env.store.payments_of(record.owner):
        yield problem(f"it is {record.state} for {record.total}, and its owner has no payments")
    longest = max(env.policy.lease, env.policy.abandoned_after)
    if record.state in _OPEN and _is_after(record.lease_until, now + longest + bounds.horizon):
        yield problem(f"it is {record.state}, and nobody looks at it before {record.lease_until:%Y-%m-%d}")
    if record.started_at and _is_after(record.started_at, now + bounds.tolerance):
        yield problem("it began in the future", FindingKind.TIME)


def _notification(env: Environment, entry: InboxEntry) -> Iterator[Finding]:
    """A notification that was applied is among the observations of its transaction. Only our own ids are checked: a gateway's reference may
    have become ambiguous since."""
    name = notification_lease(entry.gateway, entry.event_id)
    if entry.due_at is not None:
        if _is_after(entry.due_at, env.now() + _LONGEST_PARKING):
            message = f"it is parked, and nobody tries it before {entry.due_at:%Y-%m-%d}"
            yield Finding(kind=FindingKind.INBOX, payment_id="", message=message, record=name)
    elif entry.seen.transaction_id:
        payment = env.store.payment_of_transaction(entry.seen.transaction_id)
        if payment is None or all(entry.seen not in transaction.seen for transaction in payment.transactions):
            message = (
                f"it was applied to transaction {entry.seen.transaction_id}, which has not seen it or is not there"
            )
            payment_id = payment.id if payment else ""
            yield Finding(kind=FindingKind.INBOX, payment_id=payment_id, message=message, record=name)


def _is_after(at: datetime, latest: datetime) -> bool:
    """Tell whether a time is too late, or has no zone."""
    return at.tzinfo is None or at > latest
