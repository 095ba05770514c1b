"""Audit of the ledger: whether a stored payment keeps the rules, computed mostly without the arithmetic that let the transactions in.

Only what certainly happened counts. What was made outside or is listed for attention already is marked as known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from payports.domain.audit.amounts import audit_amounts, secures_money
from payports.domain.audit.findings import AuditLimits, Finding, FindingKind, is_explained, new_finding
from payports.domain.ledger import left_of_capture, left_of_hold
from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    INITIATING,
    OBSERVED_ONLY,
    PARENTS,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import MAY_HAVE_HAPPENED, OWED, ReversalState, TransactionStatus, TransactionType


def audit_ledger(payment: Payment, now: datetime, bounds: AuditLimits) -> tuple[Finding, ...]:
    """Check a ledger against the rules of the lifecycle. A ledger that only the core has written has no findings."""
    return audit_comparability(payment) or tuple(
        chain(
            audit_amounts(payment),
            _identities(payment),
            _lineage(payment),
            _times(payment, now, bounds),
            _reversals(payment),
            _releases(payment),
            _open_work(payment, now, bounds),
            _references(payment),
        )
    )


def audit_comparability(payment: Payment) -> tuple[Finding, ...]:
    """Find what makes amounts or times incomparable: a currency other than the payment's, a time without a zone."""
    return tuple(chain(_currencies(payment), _zones(payment)))


def _currencies(payment: Payment) -> Iterator[Finding]:
    for transaction in payment.transactions:
        if transaction.requested.currency != payment.currency:
            message = f"{transaction.type} is in {transaction.requested.currency}, its payment in {payment.currency}"
            yield new_finding(FindingKind.CURRENCY, payment, message, transaction)


def _zones(payment: Payment) -> Iterator[Finding]:
    if payment.created_at.tzinfo is None:
        yield new_finding(FindingKind.TIME, payment, "the payment's time has no zone")
    for transaction in payment.transactions:
        if any(at is not None and at.tzinfo is None for at in (transaction.created_at, transaction.due_at)):
            yield new_finding(FindingKind.TIME, payment, f"a time of {transaction.type} has no zone", transaction)


def _identities(payment: Payment) -> Iterator[Finding]:
    for transaction_id, times in Counter(transaction.id for transaction in payment.transactions).items():
        if times > 1:
            message = f"{times} transactions have the id {transaction_id}"
            yield new_finding(FindingKind.IDENTITY, payment, message, payment.by_id[transaction_id])


def _lineage(payment: Payment) -> Iterator[Finding]:
    """Every transaction has a parent that the lifecycle permits."""
    met: dict[str, Transaction] = {}
    for transaction in payment.transactions:
        message = _misplaced(transaction, met.get(transaction.parent_id or ""))
        if message:
            yield new_finding(FindingKind.LIFECYCLE, payment, message, transaction)
        met[transaction.id] = transaction
    begun = [transaction for transaction in payment.transactions if secures_money(payment, transaction)]
    if len({transaction.type for transaction in begun}) > 1:
        known = any(is_explained(payment, transaction) for transaction in begun)
        message = "it was authorized, and authorized and captured, too"
        yield new_finding(FindingKind.LIFECYCLE, payment, message, begun[-1], known=known)
    for transaction in payment.transactions:
        done = [
            child for child in payment.children_of(transaction) if child.succeeded and child.type in (SETTLED, VOID)
        ]
        if len({child.type for child in done}) > 1:
            known = any(is_explained(payment, child) for child in done)
            yield new_finding(
                FindingKind.LIFECYCLE,
                payment,
                f"{transaction.type} was settled, and voided, too",
                transaction,
                known=known,
            )


def _misplaced(transaction: Transaction, parent: Transaction | None) -> str:
    allowed = PARENTS[transaction.type]
    if transaction.type in OBSERVED_ONLY and not transaction.observed_only:
        return f"{transaction.type} is only reported by gateways, but this one was requested"
    if not allowed:
        return f"{transaction.type} stands for itself, and this one names a parent" if transaction.parent_id else ""
    if parent is None:
        return f"{transaction.type} has no parent before it on the payment"
    if parent.type not in allowed:
        return f"{transaction.type} cannot be made on top of {parent.type}"
    if not transaction.observed_only and parent.status not in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED):
        return f"{transaction.type} was made on top of {parent.type}, which has not succeeded"
    return ""


def _times(payment: Payment, now: datetime, bounds: AuditLimits) -> Iterator[Finding]:
    latest = now + bounds.tolerance
    if payment.created_at > latest:
        yield new_finding(FindingKind.TIME, payment, "the payment was made in the future")
    for transaction in payment.transactions:
        before = payment.parent_of(transaction) or payment
        if transaction.created_at > latest:
            yield new_finding(FindingKind.TIME, payment, f"{transaction.type} was made in the future", transaction)
        if transaction.created_at < before.created_at - bounds.tolerance:
            yield new_finding(
                FindingKind.TIME, payment, f"{transaction.type} is older than what it was made on top of", transaction
            )


def _reversals(payment: Payment) -> Iterator[Finding]:
    """The reversal state follows from the reversals that were made."""
    for transaction in payment.transactions:
        if transaction.type not in INITIATING and transaction.type is not CAPTURE:
            if transaction.reversal is not ReversalState.NONE:
                message = f"{transaction.type} is none that can be reversed, and its reversal is {transaction.reversal}"
                yield new_finding(FindingKind.REVERSAL, payment, message, transaction)
            continue
        must = _due_states(payment, transaction)
        if transaction.reversal not in must:
            message = (
                f"the reversal of {transaction.type} is {transaction.reversal}, and must be {' or '.join(sorted(must))}"
            )
            yield new_finding(FindingKind.REVERSAL, payment, message, transaction)


def _due_states(payment: Payment, transaction: Transaction) -> frozenset[ReversalState]:
    reversals = [child for child in payment.children_of(transaction) if child.reverses]
    left = (
        left_of_hold(payment, transaction) if transaction.type is AUTHORIZE else left_of_capture(payment, transaction)
    )
    if any(child.may_have_happened and not child.succeeded for child in reversals):
        return frozenset({ReversalState.REVERSAL_IN_PROGRESS})
    if reversals:
        return frozenset({ReversalState.FAILED_REVERSAL if left else ReversalState.REVERSED})
    never = {ReversalState.REVERSAL_IN_PROGRESS} | ({ReversalState.REVERSED} if left else set[ReversalState]())
    return frozenset(ReversalState) - never


def _releases(payment: Payment) -> Iterator[Finding]:
    """An implied release has the status of the capture that implied it."""
    for transaction in payment.transactions:
        if transaction.implied_by is None:
            continue
        capture = payment.by_id.get(transaction.implied_by)
        if capture is None or capture.type is not CAPTURE or transaction.type is not REVERSE_AUTH:
            yield new_finding(
                FindingKind.RELEASE, payment, f"{transaction.type} is implied by no capture of the payment", transaction
            )
            continue
        went = TransactionStatus.SUCCEEDED if capture.status is TransactionStatus.REVOKED else capture.status
        if capture.parent_id != transaction.parent_id:
            yield new_finding(
                FindingKind.RELEASE, payment, "it frees another hold than its capture took from", transaction
            )
        elif transaction.status is not went:
            message = f"it is {transaction.status}, and the capture that implied it is {capture.status}"
            yield new_finding(
                FindingKind.RELEASE, payment, message, transaction, known=is_explained(payment, transaction)
            )


def _open_work(payment: Payment, now: datetime, bounds: AuditLimits) -> Iterator[Finding]:
    """Every open transaction has a due date, or is listed for attention."""
    for transaction in payment.transactions:
        if not _is_open(transaction) or transaction.implied_by or is_explained(payment, transaction):
            continue
        if transaction.due_at is None:
            message = (
                f"{transaction.type} is {_open_as(transaction)}, without a date for the next look and shown to nobody"
            )
            yield new_finding(FindingKind.ORPHAN, payment, message, transaction)
        elif transaction.due_at > now + bounds.horizon:
            message = (
                f"{transaction.type} is {_open_as(transaction)}, and nobody looks before {transaction.due_at:%Y-%m-%d}"
            )
            yield new_finding(FindingKind.ORPHAN, payment, message, transaction)


def _is_open(transaction: Transaction) -> bool:
    return transaction.status in MAY_HAVE_HAPPENED and (not transaction.succeeded or transaction.reversal in OWED)


def _open_as(transaction: Transaction) -> str:
    return f"owed back ({transaction.reversal})" if transaction.succeeded else transaction.status


def _references(payment: Payment) -> Iterator[Finding]:
    """Every success has a gateway reference that no other of its type has, but for types that gateways name after the hold."""
    named: dict[tuple[TransactionType, str], list[Transaction]] = {}
    for transaction in payment.transactions:
        if not transaction.succeeded or transaction.implied_by:
            continue
        if transaction.gateway_reference:
            named.setdefault((transaction.type, transaction.gateway_reference), []).append(transaction)
        elif not transaction.judgement.ruled:
            yield new_finding(
                FindingKind.REFERENCE, payment, f"{transaction.type} succeeded without a gateway reference", transaction
            )
    for (kind, reference), sharing in named.items():
        of_one_hold = kind in _NAMED_AFTER_THE_HOLD and len({transaction.parent_id for transaction in sharing}) == 1
        if len(sharing) > 1 and not of_one_hold:
            message = f"{len(sharing)} transactions of type {kind} share the gateway reference {reference}"
            known = any(is_explained(payment, transaction) for transaction in sharing)
            yield new_finding(FindingKind.REFERENCE, payment, message, sharing[-1], known=known)


_NAMED_AFTER_THE_HOLD: Final = frozenset({CAPTURE, REVERSE_AUTH})
