"""The facts of a payment, for the host and the timeline: derived from a change, never written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import attrs

from payports.domain.frozen_mapping import frozen
from payports.domain.ledger import left_of_hold
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction


@attrs.frozen(kw_only=True)
class Fact:
    """One thing that happened to a payment.

    ``kind``: ``payment.created``, ``payment.updated``, ``payment.archived``, ``payment.placed``, ``payment.allocated``,
    ``payment.unallocated``, ``transaction.recorded``, ``transaction.observed``, ``transaction.discrepancy``, ``transaction.expiring`` or
    ``transaction.reversal``. ``by``: who caused it (host, checkout, webhook, recovery, an operator's name); ``why``: the reason, if one
    was given. ``detail`` holds nothing secret.
    """

    kind: str
    payment_id: str
    at: datetime
    by: str
    why: str = ""
    transaction_id: str = ""
    detail: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)


@attrs.frozen
class Cause:
    """Who caused a change and why."""

    by: str
    why: str = ""


WEBHOOK_PREFIX: Final = "webhook of "
OPERATOR_PREFIX: Final = "operator "
EVENT_PREFIX: Final = "event "


def webhook_cause(gateway: str, event_id: str) -> Cause:
    """Name a notification as the cause of a change. The audit then expects its entry in the inbox."""
    return Cause(WEBHOOK_PREFIX + gateway, EVENT_PREFIX + event_id)


def derive_facts(before: Payment | None, after: Payment, cause: Cause, now: datetime) -> tuple[Fact, ...]:
    """Derive the facts of a change, in the order of the history."""
    new_facts = [*_payment_facts(before, after), *_transaction_facts(before, after)]
    return tuple(
        Fact(
            kind=kind,
            payment_id=after.id,
            at=now,
            by=cause.by,
            why=cause.why,
            transaction_id=transaction_id,
            detail=detail,
        )
        for kind, transaction_id, detail in new_facts
    )


_NewFact = tuple[str, str, dict[str, str]]


def _payment_facts(before: Payment | None, after: Payment) -> Iterator[_NewFact]:
    if before is None:
        owner = f"{after.owner.kind} {after.owner.id}"
        yield "payment.created", "", {"amount": str(after.amount), "gateway": after.gateway, "owner": owner}
        return
    if (before.amount, before.method) != (
        after.amount,
        after.method,
    ):  # tuples compare identity first, and most are identical
        yield "payment.updated", "", {"amount": str(after.amount)}
    if after.archived and not before.archived:
        yield "payment.archived", "", {}
    if after.placed and not before.placed:
        yield "payment.placed", "", {"amount": str(after.amount)}
    if after.allocations is not before.allocations:
        yield from _allocation_facts(before, after)


def _allocation_facts(before: Payment, after: Payment) -> Iterator[_NewFact]:
    was, now = allocated_minor(before), allocated_minor(after)
    for share in {**was, **now}:
        more = now.get(share, 0) - was.get(share, 0)
        source, kind = share
        detail = {"for": source, "amount": str(Money(abs(more), after.currency)), "as": kind}
        if more:
            yield "payment.allocated" if more > 0 else "payment.unallocated", "", detail


def allocated_minor(payment: Payment) -> dict[tuple[str, str], int]:
    """Sum the allocations of a payment, in minor units, by source and kind."""
    minor_by_share: dict[tuple[str, str], int] = {}
    for allocation in payment.allocations:
        share = (f"{allocation.source.kind} {allocation.source.id}", str(allocation.kind))
        minor_by_share[share] = minor_by_share.get(share, 0) + allocation.amount.minor
    return minor_by_share


def _transaction_facts(before: Payment | None, after: Payment) -> Iterator[_NewFact]:
    old = before.by_id if before else dict[str, Transaction]()
    for new in after.transactions:
        earlier = old.get(new.id)
        if earlier is new:
            continue
        if earlier is None:
            yield "transaction.recorded", new.id, _intent(new)
        for observation in new.seen:
            if earlier is None or observation not in earlier.seen:
                yield "transaction.observed", new.id, _observed(new, observation)
        if new.discrepancy and (earlier is None or earlier.discrepancy != new.discrepancy):
            yield "transaction.discrepancy", new.id, {"kind": new.discrepancy.kind, "says": new.discrepancy.message}
        if new.expiring and not (earlier and earlier.expiring):
            held = Money(left_of_hold(after, new), after.currency)
            yield "transaction.expiring", new.id, {"type": str(new.type), "held": str(held)}
        if earlier is not None and earlier.reversal is not new.reversal:
            yield "transaction.reversal", new.id, {"state": new.reversal}


def _intent(new: Transaction) -> dict[str, str]:
    detail = {"type": str(new.type), "amount": str(new.requested), "status": str(new.status)}
    if new.parent_id:
        detail["parent"] = new.parent_id
    if new.source:
        detail["for"] = f"{new.source.kind} {new.source.id}"
    return detail


def _observed(new: Transaction, observation: Observation) -> dict[str, str]:
    detail = {
        "type": str(new.type),
        "status": str(new.status),
        "amount": str(new.amount),
        "channel": str(observation.channel),
        "says": str(observation.status),
    }
    optional = {
        "reference": observation.gateway_reference,
        "code": observation.code,
        "failure": str(observation.failure_type or ""),
        "message": observation.message,
        "operator": observation.operator,
    }
    return detail | {name: value for name, value in optional.items() if value}
