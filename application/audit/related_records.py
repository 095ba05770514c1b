"""What is kept beside a payment, compared with it: rows for finding it, keys, references, notifications, its saved method, its checkout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from payports.application.kernel.environment import Environment
from payports.domain.audit.causes import named_notifications
from payports.domain.audit.findings import Finding, FindingKind, is_explained, new_finding
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.history import Fact
from payports.domain.lifecycle import INITIATING
from payports.domain.payment import Payment, Restriction
from payports.domain.transaction_types import TransactionStatus

_AWAY = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
_LETS_AWAY = (CheckoutState.ACTION_REQUIRED, CheckoutState.RUNNING)


def audit_related_records(env: Environment, payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    """Find what does not fit a payment in what is kept beside it; ``told`` is its history."""
    for misfit in env.store.index_mismatches(payment.id):
        yield new_finding(FindingKind.ROWS, payment, misfit)
    yield from _references(env, payment)
    yield from _requests(env, payment)
    yield from _notifications(env, payment, told)
    yield from _saved_method(env, payment, told)
    record = env.store.checkout(payment.owner)
    yield from _attempts(payment, record)
    yield from _order(env, payment, record)


def _references(env: Environment, payment: Payment) -> Iterator[Finding]:
    for one in payment.transactions:
        if not one.succeeded or not one.gateway_reference:
            continue
        owner = env.store.payment_by_reference(payment.gateway, one.gateway_reference)
        if owner is None or owner.id != payment.id:
            said = f"the gateway reference {one.gateway_reference} does not lead to this payment alone"
            yield new_finding(FindingKind.REFERENCE, payment, said, one)


def _requests(env: Environment, payment: Payment) -> Iterator[Finding]:
    """A key was recorded with its first use, and no more may have moved under it than was asked then."""
    for key in dict.fromkeys(one.key for one in payment.transactions if one.key):
        record = env.store.request(key)
        first = payment.under_key(key)[0]
        if record is None or record.payment_id != payment.id:
            said = f"{first.type} was asked for under the key {key}, which is not recorded for this payment"
            yield new_finding(FindingKind.REQUEST, payment, said, first)
            continue
        moved = sum(
            one.requested.minor for one in payment.under_key(key) if one.may_have_happened and not one.implied_by
        )
        if not record.plan.isdecimal() or moved > int(record.plan):
            said = f"under the key {key} {moved} minor units may have moved; asked for were {record.plan or 'none'}"
            yield new_finding(FindingKind.REQUEST, payment, said, first)


def _notifications(env: Environment, payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    """What a notification told was committed with the note that it was received; somebody who was slower may have parked it again."""
    for gateway, event_id in named_notifications(told):
        entry = env.store.inbox_entry(gateway, event_id)
        if entry is None or entry.due_at is not None:
            said = f"notification {event_id} of {gateway} was applied, and the inbox does not say so"
            yield new_finding(FindingKind.INBOX, payment, said, known=entry is not None)


def _saved_method(env: Environment, payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    if payment.saved_method_id is None:
        return
    saved = env.store.saved_method(payment.saved_method_id)
    if saved is None or (saved.gateway, saved.customer) != (payment.gateway, payment.customer):
        said = "the saved method that it rests on is not there, or of another customer or gateway"
        yield new_finding(FindingKind.SAVED_METHOD, payment, said)
    elif saved.method.properties != payment.method.properties and all(one.kind != "payment.updated" for one in told):
        said = "it is paid with something else than the saved method that it rests on, and nothing tells of a change"
        yield new_finding(FindingKind.SAVED_METHOD, payment, said)


def _attempts(payment: Payment, record: CheckoutRecord | None) -> Iterator[Finding]:
    """A checkout leaves its record, which stays."""
    tried = next((one for one in payment.transactions if one.attempt), None)
    if tried and record is None and not payment.placed:
        said = f"{tried.type} was made for a checkout of {payment.owner.kind} {payment.owner.id}, and there is none"
        yield new_finding(FindingKind.CHECKOUT, payment, said, tried)
    if _AWAY in payment.restrictions and (record is None or record.state not in _LETS_AWAY):
        said = f"its shopper is away at the gateway, and the checkout is {record.state if record else 'not there'}"
        yield new_finding(FindingKind.CHECKOUT, payment, said)


def _order(env: Environment, payment: Payment, record: CheckoutRecord | None) -> Iterator[Finding]:
    placed = record is not None and record.state is CheckoutState.PLACED
    if payment.placed and not placed:
        said = f"an order was placed on it, and the checkout is {record.state if record else 'not there'}"
        yield new_finding(FindingKind.CHECKOUT, payment, said)
    if record is None or not placed:
        return
    if payment.placed:
        yield from _claims(payment, record)
    yield from _cover(env, payment, record)


def _claims(payment: Payment, record: CheckoutRecord) -> Iterator[Finding]:
    """An order rests on what its own attempt has secured, for its own customer."""
    won = [one for one in payment.transactions if one.type in INITIATING and one.attempt and one.succeeded]
    if won and all(record.request_id not in (one.attempt, *one.earlier_attempts) for one in won):
        said = f"the order was placed by attempt {record.request_id}, which has secured nothing on it"
        yield new_finding(FindingKind.CHECKOUT, payment, said, won[0], known=_is_known(payment))
    if payment.customer and record.customer and payment.customer != record.customer:
        said = f"it is of customer {payment.customer.id}, and the order on it of {record.customer.id}"
        yield new_finding(FindingKind.CHECKOUT, payment, said)


def _cover(env: Environment, payment: Payment, record: CheckoutRecord) -> Iterator[Finding]:
    payments = env.store.payments_of(payment.owner)
    on_it = [one for one in payments if one.placed]
    if payment.id != min(one.id for one in on_it or payments):
        return  # told of one payment of the owner only
    if not on_it and record.total:
        yield new_finding(FindingKind.CHECKOUT, payment, "the order is placed, and on none of its owner's payments")
    elif any(one.currency != record.total.currency for one in on_it):
        yield new_finding(FindingKind.CHECKOUT, payment, "the order is in another currency than its payments")
    elif sum(one.amount.minor for one in on_it) != record.total.minor:
        said = f"the order is for {record.total}, the payments that it was placed on are not"
        yield new_finding(FindingKind.CHECKOUT, payment, said)
    elif short := sum(one.amount.minor - _secured(env, one) for one in on_it):
        said = f"the order was placed for {record.total}, of which {short} minor units were never secured"
        yield new_finding(FindingKind.COVER, payment, said, known=any(map(_is_known, on_it)))


def _is_known(payment: Payment) -> bool:
    return any(is_explained(payment, one) for one in payment.transactions)


def _secured(env: Environment, payment: Payment) -> int:
    """What a payment surely held or took for the order, whatever became of it since; promises count where they cover."""
    good = {TransactionStatus.SUCCEEDED}
    if payment.gateway in env.gateways.awaiting_covers():
        good.add(TransactionStatus.AWAITING_RESULT)
    secured = sum(one.amount.minor for one in payment.transactions if one.type in INITIATING and one.status in good)
    return min(secured, payment.amount.minor)
