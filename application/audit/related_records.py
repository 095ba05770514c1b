"""A payment compared with its related records: index columns, keys, references, notifications, saved method, checkout."""

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
_MAY_BE_AWAY = (CheckoutState.ACTION_REQUIRED, CheckoutState.RUNNING)


def audit_related_records(env: Environment, payment: Payment, facts: Sequence[Fact]) -> Iterator[Finding]:
    """Find the related records that do not fit a payment; ``facts`` is its history."""
    for misfit in env.store.index_mismatches(payment.id):
        yield new_finding(FindingKind.ROWS, payment, misfit)
    yield from _references(env, payment)
    yield from _requests(env, payment)
    yield from _notifications(env, payment, facts)
    yield from _saved_method(env, payment, facts)
    record = env.store.checkout(payment.owner)
    yield from _attempts(payment, record)
    yield from _order(env, payment, record)


def _references(env: Environment, payment: Payment) -> Iterator[Finding]:
    for transaction in payment.transactions:
        if not transaction.succeeded or not transaction.gateway_reference:
            continue
        owner = env.store.payment_by_reference(payment.gateway, transaction.gateway_reference)
        if owner is None or owner.id != payment.id:
            message = f"the gateway reference {transaction.gateway_reference} does not lead to this payment alone"
            yield new_finding(FindingKind.REFERENCE, payment, message, transaction)


def _requests(env: Environment, payment: Payment) -> Iterator[Finding]:
    """A key is recorded with its first use, and no more may have moved under it than was requested then."""
    for key in dict.fromkeys(transaction.key for transaction in payment.transactions if transaction.key):
        record = env.store.request(key)
        first = payment.under_key(key)[0]
        if record is None or record.payment_id != payment.id:
            message = f"{first.type} was asked for under the key {key}, which is not recorded for this payment"
            yield new_finding(FindingKind.REQUEST, payment, message, first)
            continue
        moved = sum(
            transaction.requested.minor
            for transaction in payment.under_key(key)
            if transaction.may_have_happened and not transaction.implied_by
        )
        if not record.plan.isdecimal() or moved > int(record.plan):
            message = f"under the key {key} {moved} minor units may have moved; asked for were {record.plan or 'none'}"
            yield new_finding(FindingKind.REQUEST, payment, message, first)


def _notifications(env: Environment, payment: Payment, facts: Sequence[Fact]) -> Iterator[Finding]:
    """What a notification facts was committed with the note that it was received; somebody who was slower may have parked it again."""
    for gateway, event_id in named_notifications(facts):
        entry = env.store.inbox_entry(gateway, event_id)
        if entry is None or entry.due_at is not None:
            message = f"notification {event_id} of {gateway} was applied, and the inbox does not say so"
            yield new_finding(FindingKind.INBOX, payment, message, known=entry is not None)


def _saved_method(env: Environment, payment: Payment, facts: Sequence[Fact]) -> Iterator[Finding]:
    if payment.saved_method_id is None:
        return
    saved = env.store.saved_method(payment.saved_method_id)
    if saved is None or (saved.gateway, saved.customer) != (payment.gateway, payment.customer):
        message = "the saved method that it rests on is not there, or of another customer or gateway"
        yield new_finding(FindingKind.SAVED_METHOD, payment, message)
    elif saved.method.properties != payment.method.properties and all(fact.kind != "payment.updated" for fact in facts):
        message = "it is paid with something else than the saved method that it rests on, and nothing tells of a change"
        yield new_finding(FindingKind.SAVED_METHOD, payment, message)


def _attempts(payment: Payment, record: CheckoutRecord | None) -> Iterator[Finding]:
    """A checkout always leaves its record."""
    attempted = next((transaction for transaction in payment.transactions if transaction.attempt), None)
    if attempted and record is None and not payment.placed:
        message = (
            f"{attempted.type} was made for a checkout of {payment.owner.kind} {payment.owner.id}, and there is none"
        )
        yield new_finding(FindingKind.CHECKOUT, payment, message, attempted)
    if _AWAY in payment.restrictions and (record is None or record.state not in _MAY_BE_AWAY):
        message = f"its shopper is away at the gateway, and the checkout is {record.state if record else 'not there'}"
        yield new_finding(FindingKind.CHECKOUT, payment, message)


def _order(env: Environment, payment: Payment, record: CheckoutRecord | None) -> Iterator[Finding]:
    placed = record is not None and record.state is CheckoutState.PLACED
    if payment.placed and not placed:
        message = f"an order was placed on it, and the checkout is {record.state if record else 'not there'}"
        yield new_finding(FindingKind.CHECKOUT, payment, message)
    if record is None or not placed:
        return
    if payment.placed:
        yield from _claims(payment, record)
    yield from _cover(env, payment, record)


def _claims(payment: Payment, record: CheckoutRecord) -> Iterator[Finding]:
    """An order rests on what its own attempt has secured, for its own customer."""
    secured = [
        transaction
        for transaction in payment.transactions
        if transaction.type in INITIATING and transaction.attempt and transaction.succeeded
    ]
    attempts = {attempt for transaction in secured for attempt in (transaction.attempt, *transaction.earlier_attempts)}
    if secured and record.request_id not in attempts:
        message = f"the order was placed by attempt {record.request_id}, which has secured nothing on it"
        yield new_finding(FindingKind.CHECKOUT, payment, message, secured[0], known=_is_explained(payment))
    if payment.customer and record.customer and payment.customer != record.customer:
        message = f"it is of customer {payment.customer.id}, and the order on it of {record.customer.id}"
        yield new_finding(FindingKind.CHECKOUT, payment, message)


def _cover(env: Environment, payment: Payment, record: CheckoutRecord) -> Iterator[Finding]:
    payments = env.store.payments_of(payment.owner)
    placed = [other for other in payments if other.placed]
    if payment.id != min(other.id for other in placed or payments):
        return  # reported on one payment of the owner only
    if not placed and record.total:
        yield new_finding(FindingKind.CHECKOUT, payment, "the order is placed, and on none of its owner's payments")
    elif any(other.currency != record.total.currency for other in placed):
        yield new_finding(FindingKind.CHECKOUT, payment, "the order is in another currency than its payments")
    elif sum(other.amount.minor for other in placed) != record.total.minor:
        message = f"the order is for {record.total}, the payments that it was placed on are not"
        yield new_finding(FindingKind.CHECKOUT, payment, message)
    elif short := sum(other.amount.minor - _secured(env, other) for other in placed):
        message = f"the order was placed for {record.total}, of which {short} minor units were never secured"
        yield new_finding(FindingKind.COVER, payment, message, known=any(map(_is_explained, placed)))


def _is_explained(payment: Payment) -> bool:
    return any(is_explained(payment, transaction) for transaction in payment.transactions)


def _secured(env: Environment, payment: Payment) -> int:
    """What a payment surely held or captured for the order, whatever happened since; awaited results count where they cover."""
    counting = {TransactionStatus.SUCCEEDED}
    if payment.gateway in env.gateways.awaiting_covers():
        counting.add(TransactionStatus.AWAITING_RESULT)
    secured = sum(
        transaction.amount.minor
        for transaction in payment.transactions
        if transaction.type in INITIATING and transaction.status in counting
    )
    return min(secured, payment.amount.minor)
