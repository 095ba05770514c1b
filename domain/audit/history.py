"""Audit of the history: whether the facts of a payment account for its ledger, with nothing missing, added or different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise
from typing import Final

from payports.domain.audit.allocations import allocations_match_history
from payports.domain.audit.findings import AuditLimits, Finding, FindingKind, new_finding
from payports.domain.history import Cause, Fact, derive_facts
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState

_INTENT: Final = ("type", "amount", "parent", "for")
_OBSERVED: Final = ("type", "channel", "says", "reference", "code", "failure", "message", "operator")
"""The details of a fact that do not depend on when it was recorded."""


def audit_history(payment: Payment, history: Sequence[Fact], bounds: AuditLimits) -> tuple[Finding, ...]:
    """Compare the history with the ledger.

    The facts that today's ledger gives if it is recorded at once must all be in the history.
    """
    expected = derive_facts(None, payment, Cause("audit"), payment.created_at)
    return tuple(
        chain(
            _beginning(payment, history),
            _times(payment, history, bounds),
            _versions(payment, history),
            _payment(payment, history),
            _recorded(payment, history, expected),
            _observed(payment, history, expected),
            _last_words(payment, history),
        )
    )


def audit_positions(payment_id: str, places: Sequence[tuple[int, int]]) -> tuple[Finding, ...]:
    """Check the (position, sequence) pairs of a payment's facts: the sequence has no gap, and the positions rise."""
    found: list[str] = []
    for number, (_, sequence) in enumerate(places, start=1):
        if sequence != number:
            found.append(f"fact {number} of the history is missing, number {sequence} stands there")
            break
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(places)):
        found.append("the facts of the history do not stand in the order of the commits")
    return tuple(Finding(kind=FindingKind.HISTORY_GAP, payment_id=payment_id, message=message) for message in found)


def _differs(payment: Payment, message: str, transaction: Transaction | None = None) -> Finding:
    return new_finding(FindingKind.HISTORY_DIFFERS, payment, message, transaction)


def _beginning(payment: Payment, history: Sequence[Fact]) -> Iterator[Finding]:
    created = [number for number, fact in enumerate(history) if fact.kind == "payment.created"]
    if created != [0]:
        yield _differs(
            payment, f"the history tells {len(created)} times that the payment was created, and must begin with it"
        )
    for fact in history:
        if not fact.by or fact.payment_id != payment.id:
            yield _differs(payment, f"a fact {fact.kind} names nobody who caused it, or another payment")


def _times(payment: Payment, history: Sequence[Fact], bounds: AuditLimits) -> Iterator[Finding]:
    if any(fact.at.tzinfo is None for fact in history):
        yield new_finding(FindingKind.TIME, payment, "a time of the history has no zone")
        return
    made = {transaction.id: transaction for transaction in payment.transactions}
    for earlier, later in pairwise(history):
        if later.at < earlier.at - bounds.tolerance:
            message = f"the history goes back from {earlier.at:%Y-%m-%d %H:%M:%S} to {later.at:%Y-%m-%d %H:%M:%S}"
            yield new_finding(FindingKind.TIME, payment, message)
    for fact in history:
        transaction = made.get(fact.transaction_id) if fact.kind == "transaction.recorded" else None
        since = (
            transaction.created_at if transaction else payment.created_at if fact.kind == "payment.created" else fact.at
        )
        if abs(fact.at - since) > bounds.tolerance:
            message = f"made at {since:%Y-%m-%d %H:%M:%S}, told at {fact.at:%Y-%m-%d %H:%M:%S}"
            yield new_finding(FindingKind.TIME, payment, message, transaction)


def _versions(payment: Payment, history: Sequence[Fact]) -> Iterator[Finding]:
    """Every commit raises the version. Facts that differ in time or cause belong to different commits."""
    commits = sum(1 for _ in groupby(history, key=lambda fact: (fact.at, fact.by, fact.why)))
    if payment.version < commits:
        message = f"the payment is of version {payment.version}, its history tells of {commits} commits at least"
        yield new_finding(FindingKind.VERSION, payment, message)


def _payment(payment: Payment, history: Sequence[Fact]) -> Iterator[Finding]:
    kinds = Counter(fact.kind for fact in history)
    amounts = [fact.detail.get("amount") for fact in history if fact.kind in ("payment.created", "payment.updated")]
    if amounts and amounts[-1] != str(payment.amount):
        yield _differs(payment, f"the payment is for {payment.amount}, its history says {amounts[-1]}")
    gateways = [fact.detail.get("gateway") for fact in history if fact.kind == "payment.created"]
    if gateways and gateways[0] != payment.gateway:
        yield _differs(payment, f"the payment goes through {payment.gateway}, its history says {gateways[0]}")
    owner = f"{payment.owner.kind} {payment.owner.id}"
    owners = [fact.detail.get("owner", "") for fact in history if fact.kind == "payment.created"]
    if owners and owners[0] != owner:
        yield _differs(payment, f"the payment is of {owner}, its history says {owners[0]}")
    if payment.archived is not (kinds["payment.archived"] > 0):
        yield _differs(payment, f"archived is {payment.archived}, and its history says otherwise")
    if payment.placed and not kinds["payment.placed"]:
        yield _differs(payment, "an order was placed on it, and its history does not say so")
    if not allocations_match_history(payment, history):
        yield _differs(payment, f"{len(payment.allocations)} parts are set aside, and its history tells of others")


def _recorded(payment: Payment, history: Sequence[Fact], expected: Sequence[Fact]) -> Iterator[Finding]:
    """The history records the same transactions, in the same order, with the same request."""
    then = [fact for fact in history if fact.kind == "transaction.recorded"]
    now = [fact for fact in expected if fact.kind == "transaction.recorded"]
    ids = [fact.transaction_id for fact in now]
    for fact in then:
        if fact.transaction_id not in payment.by_id:
            message = f"{fact.detail.get('type')} {fact.transaction_id} was recorded, and the ledger has it no more"
            yield _differs(payment, message)
    for transaction in payment.transactions:
        if all(fact.transaction_id != transaction.id for fact in then):
            yield _differs(
                payment, f"{transaction.type} is in the ledger, and nothing tells that it was recorded", transaction
            )
    if sorted(ids) == sorted(fact.transaction_id for fact in then) and ids != [fact.transaction_id for fact in then]:
        yield _differs(payment, "the ledger's transactions stand in another order than they were recorded in")
    asked = {fact.transaction_id: fact for fact in then}
    for fact in now:
        transaction = payment.by_id[fact.transaction_id]
        names = [name for name in _INTENT if not (transaction.observed_only and name == "amount")]
        before = asked.get(transaction.id)
        if before and _only(before.detail, names) != _only(fact.detail, names):
            message = f"recorded was {_words(before.detail, names)}, now it is {_words(fact.detail, names)}"
            yield _differs(payment, message, transaction)


def _observed(payment: Payment, history: Sequence[Fact], expected: Sequence[Fact]) -> Iterator[Finding]:
    """Every observation has its fact, and the last fact gives the present status and amount."""
    then, now = _by_transaction(history), _by_transaction(expected)
    for transaction in payment.transactions:
        before = then.get(transaction.id, [])
        if Counter(_only(fact.detail, _OBSERVED) for fact in before) != Counter(
            _only(fact.detail, _OBSERVED) for fact in now.get(transaction.id, [])
        ):
            message = (
                f"of {transaction.type} {len(transaction.seen)} observations are kept, and its history tells of others"
            )
            yield _differs(payment, message, transaction)
        last = before[-1].detail if before else {"status": "SENDING_TO_PROCESSOR", "amount": str(transaction.requested)}
        if last.get("status") != transaction.status:
            yield _differs(
                payment,
                f"{transaction.type} is {transaction.status}, its history says {last.get('status')}",
                transaction,
            )
        elif last.get("amount") != str(transaction.amount) and not transaction.observed_only:
            yield _differs(
                payment,
                f"{transaction.type} moved {transaction.amount}, its history says {last.get('amount')}",
                transaction,
            )


def _by_transaction(history: Sequence[Fact]) -> Mapping[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in history:
        if fact.kind == "transaction.observed":
            found.setdefault(fact.transaction_id, []).append(fact)
    return found


def _last_words(payment: Payment, history: Sequence[Fact]) -> Iterator[Finding]:
    """The last recorded reversal state and discrepancy are the present ones."""
    states = {fact.transaction_id: fact.detail.get("state") for fact in history if fact.kind == "transaction.reversal"}
    odd = {
        fact.transaction_id: (fact.detail.get("kind"), fact.detail.get("says"))
        for fact in history
        if fact.kind == "transaction.discrepancy"
    }
    for transaction in payment.transactions:
        state = states.get(transaction.id, ReversalState.NONE)
        if state != transaction.reversal:
            yield _differs(
                payment,
                f"the reversal of {transaction.type} is {transaction.reversal}, its history says {state}",
                transaction,
            )
        open_ = transaction.discrepancy
        if open_ and odd.get(transaction.id) != (open_.kind, open_.message):
            yield _differs(
                payment, f"{transaction.type} has a discrepancy that its history does not tell of", transaction
            )


def _only(detail: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(detail.get(name, "") for name in names)


def _words(detail: Mapping[str, str], names: Sequence[str]) -> str:
    return " ".join(part for part in _only(detail, names) if part)
