"""What a store keeps beside payments, looked at from its own side: does it still belong to something that is there?

A payment that was cut out with its history leaves its keys, its checkout and its notifications behind.
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
"""Nobody leases anything for nearly as long, and what is leased is left out of the work."""
_LONGEST_PARKING: Final = timedelta(days=2)
"""A parked notification is tried every day."""
_SOME: Final = 100
_OPEN: Final = (CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)


def audit_reach(env: Environment) -> Iterator[Finding]:
    """Find what no single payment shows: facts that are gone with all of their payment, and a cursor where none can be."""
    reach = env.store.history_extent()
    if reach.missing:
        said = f"of {reach.last} facts that were told {reach.missing} are not there"
        yield Finding(kind=FindingKind.HISTORY_GAP, payment_id="", message=said, record="history")
    if not 0 <= reach.delivered <= reach.last:
        said = f"facts were delivered up to {reach.delivered}, and the last one is {reach.last}"
        yield Finding(kind=FindingKind.DELIVERY, payment_id="", message=said, record="delivery")


def audit_leases(env: Environment) -> Iterator[Finding]:
    """Find leases that keep work from being done for longer than any that is taken."""
    for name in env.store.leased_beyond(_LONGEST_LEASE, _SOME):
        said = f"it ends more than {_LONGEST_LEASE} from now, and nobody may do that work until then"
        yield Finding(kind=FindingKind.LEASE, payment_id="", message=said, record=f"lease {name}")


def audit_record(env: Environment, kept: RecordSet, key: tuple[str, ...]) -> tuple[Finding, ...]:
    """Find what is wrong with one record, or that it cannot be read."""
    try:
        return tuple(_look(env, kept, key))
    except StoreFailed as failed:
        reason = str(failed)
        env.store.keys(kept, key, 1)  # if it fails over this too, it is not the record that is damaged
    said = f"it, or what it belongs to, cannot be read: {reason}"
    name = " ".join((kept.value, *key))
    return (Finding(kind=FindingKind.UNREADABLE, payment_id="", message=said, record=name),)


def _look(env: Environment, kept: RecordSet, key: tuple[str, ...]) -> Iterator[Finding]:
    match kept:
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
    """A key was recorded in the commit of what it asked for."""

    def found(payment_id: str, said: str) -> Finding:
        return Finding(kind=FindingKind.REQUEST, payment_id=payment_id, message=said, record=f"request {record.key}")

    planned = _planned(record)
    if planned is None:
        yield found("", "it names no payment, and no plan over several")
        return
    for payment_id in planned:
        payment = env.store.payment(payment_id)
        if payment is None:
            yield found(payment_id, f"it was made for payment {payment_id}, which is not there")
        elif record.payment_id and record.plan and not payment.under_key(record.key):
            yield found(payment_id, f"it asked for {record.plan} minor units, and nothing was recorded under it")


def _planned(record: RequestRecord) -> tuple[str, ...] | None:
    """The payments that a request is about: its own, or those of its plan."""
    if record.payment_id:
        return (record.payment_id,)
    try:
        return tuple(dict.fromkeys(one.payment_id for one in read_plan(record.plan)))
    except (ValueError, TypeError):
        return None


def _checkout(env: Environment, record: CheckoutRecord) -> Iterator[Finding]:
    def found(said: str, kind: FindingKind = FindingKind.CHECKOUT) -> Finding:
        return Finding(kind=kind, payment_id="", message=said, record=checkout_lease(record.owner))

    now, bounds = env.now(), AuditLimits()
    if record.total and not env.store.payments_of(record.owner):
        yield found(f"it is {record.state} for {record.total}, and its owner has no payments")
    longest = max(env.policy.lease, env.policy.abandoned_after)
    if record.state in _OPEN and _is_after(record.lease_until, now + longest + bounds.horizon):
        yield found(f"it is {record.state}, and nobody looks at it before {record.lease_until:%Y-%m-%d}")
    if record.started_at and _is_after(record.started_at, now + bounds.tolerance):
        yield found("it began in the future", FindingKind.TIME)


def _notification(env: Environment, entry: InboxEntry) -> Iterator[Finding]:
    """What was applied is among what was seen. Only our own ids are looked for: a gateway's name may have become ambiguous since."""
    name = notification_lease(entry.gateway, entry.event_id)
    if entry.due_at is not None:
        if _is_after(entry.due_at, env.now() + _LONGEST_PARKING):
            said = f"it is parked, and nobody tries it before {entry.due_at:%Y-%m-%d}"
            yield Finding(kind=FindingKind.INBOX, payment_id="", message=said, record=name)
    elif entry.seen.transaction_id:
        payment = env.store.payment_of_transaction(entry.seen.transaction_id)
        if payment is None or all(entry.seen not in one.seen for one in payment.transactions):
            said = f"it was applied to transaction {entry.seen.transaction_id}, which has not seen it or is not there"
            payment_id = payment.id if payment else ""
            yield Finding(kind=FindingKind.INBOX, payment_id=payment_id, message=said, record=name)


def _is_after(at: datetime, latest: datetime) -> bool:
    """Tell whether a time is too late, or is none because it has no zone."""
    return at.tzinfo is None or at > latest
