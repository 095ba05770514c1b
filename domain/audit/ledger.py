"""Whether a ledger at rest keeps the rules. Computed from the transactions alone, mostly without the arithmetic that let them in.

Only what surely happened counts. What was made outside, or is shown to a person already, is told apart as known.
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
    """Check one ledger against the rules of the lifecycle; nothing is found in what the core alone has made."""
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
    """Tell what makes a ledger one that cannot be reckoned with: another currency than its payment's, a time without a zone."""
    return tuple(chain(_currencies(payment), _zones(payment)))


def _currencies(payment: Payment) -> Iterator[Finding]:
    for one in payment.transactions:
        if one.requested.currency != payment.currency:
            said = f"{one.type} is in {one.requested.currency}, its payment in {payment.currency}"
            yield new_finding(FindingKind.CURRENCY, payment, said, one)


def _zones(payment: Payment) -> Iterator[Finding]:
    if payment.created_at.tzinfo is None:
        yield new_finding(FindingKind.TIME, payment, "the payment's time has no zone")
    for one in payment.transactions:
        if any(at is not None and at.tzinfo is None for at in (one.created_at, one.due_at)):
            yield new_finding(FindingKind.TIME, payment, f"a time of {one.type} has no zone", one)


def _identities(payment: Payment) -> Iterator[Finding]:
    for transaction_id, times in Counter(one.id for one in payment.transactions).items():
        if times > 1:
            said = f"{times} transactions have the id {transaction_id}"
            yield new_finding(FindingKind.IDENTITY, payment, said, payment.by_id[transaction_id])


def _lineage(payment: Payment) -> Iterator[Finding]:
    """Every transaction stands where the table of the lifecycle lets it stand."""
    met: dict[str, Transaction] = {}
    for one in payment.transactions:
        said = _misplaced(one, met.get(one.parent_id or ""))
        if said:
            yield new_finding(FindingKind.LIFECYCLE, payment, said, one)
        met[one.id] = one
    begun = [one for one in payment.transactions if secures_money(payment, one)]
    if len({one.type for one in begun}) > 1:
        known = any(is_explained(payment, one) for one in begun)
        said = "it was authorized, and authorized and captured, too"
        yield new_finding(FindingKind.LIFECYCLE, payment, said, begun[-1], known=known)
    for one in payment.transactions:
        done = [child for child in payment.children_of(one) if child.succeeded and child.type in (SETTLED, VOID)]
        if len({child.type for child in done}) > 1:
            known = any(is_explained(payment, child) for child in done)
            yield new_finding(
                FindingKind.LIFECYCLE, payment, f"{one.type} was settled, and voided, too", one, known=known
            )


def _misplaced(one: Transaction, parent: Transaction | None) -> str:
    allowed = PARENTS[one.type]
    if one.type in OBSERVED_ONLY and not one.observed_only:
        return f"{one.type} is told by gateways, and this one was commanded"
    if not allowed:
        return f"{one.type} stands for itself, and this one names a parent" if one.parent_id else ""
    if parent is None:
        return f"{one.type} has no parent before it on the payment"
    if parent.type not in allowed:
        return f"{one.type} cannot be made on top of {parent.type}"
    if not one.observed_only and parent.status not in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED):
        return f"{one.type} was made on top of {parent.type}, which has not succeeded"
    return ""


def _times(payment: Payment, now: datetime, bounds: AuditLimits) -> Iterator[Finding]:
    latest = now + bounds.tolerance
    if payment.created_at > latest:
        yield new_finding(FindingKind.TIME, payment, "the payment was made in the future")
    for one in payment.transactions:
        before = payment.parent_of(one) or payment
        if one.created_at > latest:
            yield new_finding(FindingKind.TIME, payment, f"{one.type} was made in the future", one)
        if one.created_at < before.created_at - bounds.tolerance:
            yield new_finding(FindingKind.TIME, payment, f"{one.type} is older than what it was made on top of", one)


def _reversals(payment: Payment) -> Iterator[Finding]:
    """A reversal's state follows from the reversals that were made."""
    for one in payment.transactions:
        if one.type not in INITIATING and one.type is not CAPTURE:
            if one.reversal is not ReversalState.NONE:
                said = f"{one.type} is none that can be reversed, and its reversal is {one.reversal}"
                yield new_finding(FindingKind.REVERSAL, payment, said, one)
            continue
        must = _due_states(payment, one)
        if one.reversal not in must:
            said = f"the reversal of {one.type} is {one.reversal}, and must be {' or '.join(sorted(must))}"
            yield new_finding(FindingKind.REVERSAL, payment, said, one)


def _due_states(payment: Payment, one: Transaction) -> frozenset[ReversalState]:
    reversals = [child for child in payment.children_of(one) if child.reverses]
    left = left_of_hold(payment, one) if one.type is AUTHORIZE else left_of_capture(payment, one)
    if any(child.may_have_happened and not child.succeeded for child in reversals):
        return frozenset({ReversalState.REVERSAL_IN_PROGRESS})
    if reversals:
        return frozenset({ReversalState.FAILED_REVERSAL if left else ReversalState.REVERSED})
    never = {ReversalState.REVERSAL_IN_PROGRESS} | ({ReversalState.REVERSED} if left else set[ReversalState]())
    return frozenset(ReversalState) - never


def _releases(payment: Payment) -> Iterator[Finding]:
    """What a partial capture released went the way of the capture."""
    for one in payment.transactions:
        if one.implied_by is None:
            continue
        capture = payment.by_id.get(one.implied_by)
        if capture is None or capture.type is not CAPTURE or one.type is not REVERSE_AUTH:
            yield new_finding(FindingKind.RELEASE, payment, f"{one.type} is implied by no capture of the payment", one)
            continue
        went = TransactionStatus.SUCCEEDED if capture.status is TransactionStatus.REVOKED else capture.status
        if capture.parent_id != one.parent_id:
            yield new_finding(FindingKind.RELEASE, payment, "it frees another hold than its capture took from", one)
        elif one.status is not went:
            said = f"it is {one.status}, and the capture that implied it is {capture.status}"
            yield new_finding(FindingKind.RELEASE, payment, said, one, known=is_explained(payment, one))


def _open_work(payment: Payment, now: datetime, bounds: AuditLimits) -> Iterator[Finding]:
    """Nothing is left to chance: what is open has a date at which somebody looks, or a person is shown it."""
    for one in payment.transactions:
        if not _is_open(one) or one.implied_by or is_explained(payment, one):
            continue
        if one.due_at is None:
            said = f"{one.type} is {_open_as(one)}, without a date for the next look and shown to nobody"
            yield new_finding(FindingKind.ORPHAN, payment, said, one)
        elif one.due_at > now + bounds.horizon:
            said = f"{one.type} is {_open_as(one)}, and nobody looks before {one.due_at:%Y-%m-%d}"
            yield new_finding(FindingKind.ORPHAN, payment, said, one)


def _is_open(one: Transaction) -> bool:
    return one.status in MAY_HAVE_HAPPENED and (not one.succeeded or one.reversal in OWED)


def _open_as(one: Transaction) -> str:
    return f"owed back ({one.reversal})" if one.succeeded else one.status


def _references(payment: Payment) -> Iterator[Finding]:
    """What succeeded has the gateway's name, and shares it with none of its type: but for what gateways name after the hold."""
    named: dict[tuple[TransactionType, str], list[Transaction]] = {}
    for one in payment.transactions:
        if not one.succeeded or one.implied_by:
            continue
        if one.gateway_reference:
            named.setdefault((one.type, one.gateway_reference), []).append(one)
        elif not one.judgement.ruled:
            yield new_finding(FindingKind.REFERENCE, payment, f"{one.type} succeeded without a gateway reference", one)
    for (kind, reference), sharing in named.items():
        of_one_hold = kind in _NAMED_AFTER_THE_HOLD and len({one.parent_id for one in sharing}) == 1
        if len(sharing) > 1 and not of_one_hold:
            said = f"{len(sharing)} transactions of type {kind} share the gateway reference {reference}"
            known = any(is_explained(payment, one) for one in sharing)
            yield new_finding(FindingKind.REFERENCE, payment, said, sharing[-1], known=known)


_NAMED_AFTER_THE_HOLD: Final = frozenset({CAPTURE, REVERSE_AUTH})
