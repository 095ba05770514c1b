"""Whether a payment's history tells how its ledger came to be: nothing missing, nothing added, nothing told otherwise."""

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
"""What of a fact does not depend on when it was told."""


def audit_history(payment: Payment, told: Sequence[Fact], bounds: AuditLimits) -> tuple[Finding, ...]:
    """Fold the history anew and compare it with the ledger.

    What a ledger of today would tell if it were recorded at once must have been told in the course of time.
    """
    retold = derive_facts(None, payment, Cause("audit"), payment.created_at)
    return tuple(
        chain(
            _beginning(payment, told),
            _times(payment, told, bounds),
            _versions(payment, told),
            _payment(payment, told),
            _recorded(payment, told, retold),
            _observed(payment, told, retold),
            _last_words(payment, told),
        )
    )


def audit_positions(payment_id: str, places: Sequence[tuple[int, int]]) -> tuple[Finding, ...]:
    """Check the places of a payment's facts, pairs of position and sequence: no gap, none twice, later ones behind."""
    found: list[str] = []
    for number, (_, sequence) in enumerate(places, start=1):
        if sequence != number:
            found.append(f"fact {number} of the history is missing, number {sequence} stands there")
            break
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(places)):
        found.append("the facts of the history do not stand in the order of the commits")
    return tuple(Finding(kind=FindingKind.HISTORY_GAP, payment_id=payment_id, message=said) for said in found)


def _differs(payment: Payment, message: str, one: Transaction | None = None) -> Finding:
    return new_finding(FindingKind.HISTORY_DIFFERS, payment, message, one)


def _beginning(payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    created = [number for number, fact in enumerate(told) if fact.kind == "payment.created"]
    if created != [0]:
        yield _differs(
            payment, f"the history tells {len(created)} times that the payment was created, and must begin with it"
        )
    for fact in told:
        if not fact.by or fact.payment_id != payment.id:
            yield _differs(payment, f"a fact {fact.kind} names nobody who caused it, or another payment")


def _times(payment: Payment, told: Sequence[Fact], bounds: AuditLimits) -> Iterator[Finding]:
    if any(fact.at.tzinfo is None for fact in told):
        yield new_finding(FindingKind.TIME, payment, "a time of the history has no zone")
        return
    made = {one.id: one for one in payment.transactions}
    for earlier, later in pairwise(told):
        if later.at < earlier.at - bounds.tolerance:
            said = f"the history goes back from {earlier.at:%Y-%m-%d %H:%M:%S} to {later.at:%Y-%m-%d %H:%M:%S}"
            yield new_finding(FindingKind.TIME, payment, said)
    for fact in told:
        one = made.get(fact.transaction_id) if fact.kind == "transaction.recorded" else None
        since = one.created_at if one else payment.created_at if fact.kind == "payment.created" else fact.at
        if abs(fact.at - since) > bounds.tolerance:
            said = f"made at {since:%Y-%m-%d %H:%M:%S}, told at {fact.at:%Y-%m-%d %H:%M:%S}"
            yield new_finding(FindingKind.TIME, payment, said, one)


def _versions(payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    """Every commit raises the version; facts that differ in time or cause are of different commits."""
    commits = sum(1 for _ in groupby(told, key=lambda fact: (fact.at, fact.by, fact.why)))
    if payment.version < commits:
        said = f"the payment is of version {payment.version}, its history tells of {commits} commits at least"
        yield new_finding(FindingKind.VERSION, payment, said)


def _payment(payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    kinds = Counter(fact.kind for fact in told)
    amounts = [fact.detail.get("amount") for fact in told if fact.kind in ("payment.created", "payment.updated")]
    if amounts and amounts[-1] != str(payment.amount):
        yield _differs(payment, f"the payment is for {payment.amount}, its history says {amounts[-1]}")
    gateways = [fact.detail.get("gateway") for fact in told if fact.kind == "payment.created"]
    if gateways and gateways[0] != payment.gateway:
        yield _differs(payment, f"the payment goes through {payment.gateway}, its history says {gateways[0]}")
    owner = f"{payment.owner.kind} {payment.owner.id}"
    owners = [
        fact.detail.get("owner", owner) for fact in told if fact.kind == "payment.created"
    ]  # older facts name none
    if owners and owners[0] != owner:
        yield _differs(payment, f"the payment is of {owner}, its history says {owners[0]}")
    if payment.archived is not (kinds["payment.archived"] > 0):
        yield _differs(payment, f"archived is {payment.archived}, and its history says otherwise")
    if payment.placed and not kinds["payment.placed"]:
        yield _differs(payment, "an order was placed on it, and its history does not say so")
    if not allocations_match_history(payment, told):
        yield _differs(payment, f"{len(payment.allocations)} parts are set aside, and its history tells of others")


def _recorded(payment: Payment, told: Sequence[Fact], retold: Sequence[Fact]) -> Iterator[Finding]:
    """The same transactions in the same order, asked for as they stand."""
    then = [fact for fact in told if fact.kind == "transaction.recorded"]
    now = [fact for fact in retold if fact.kind == "transaction.recorded"]
    ids = [fact.transaction_id for fact in now]
    for fact in then:
        if fact.transaction_id not in payment.by_id:
            said = f"{fact.detail.get('type')} {fact.transaction_id} was recorded, and the ledger has it no more"
            yield _differs(payment, said)
    for one in payment.transactions:
        if all(fact.transaction_id != one.id for fact in then):
            yield _differs(payment, f"{one.type} is in the ledger, and nothing tells that it was recorded", one)
    if sorted(ids) == sorted(fact.transaction_id for fact in then) and ids != [fact.transaction_id for fact in then]:
        yield _differs(payment, "the ledger's transactions stand in another order than they were recorded in")
    asked = {fact.transaction_id: fact for fact in then}
    for fact in now:
        one = payment.by_id[fact.transaction_id]
        names = [name for name in _INTENT if not (one.observed_only and name == "amount")]
        before = asked.get(one.id)
        if before and _only(before.detail, names) != _only(fact.detail, names):
            said = f"recorded was {_words(before.detail, names)}, now it is {_words(fact.detail, names)}"
            yield _differs(payment, said, one)


def _observed(payment: Payment, told: Sequence[Fact], retold: Sequence[Fact]) -> Iterator[Finding]:
    """All that was seen was told, and the last that was told is how it stands."""
    then, now = _by_transaction(told), _by_transaction(retold)
    for one in payment.transactions:
        before = then.get(one.id, [])
        if Counter(_only(fact.detail, _OBSERVED) for fact in before) != Counter(
            _only(fact.detail, _OBSERVED) for fact in now.get(one.id, [])
        ):
            said = f"of {one.type} {len(one.seen)} observations are kept, and its history tells of others"
            yield _differs(payment, said, one)
        last = before[-1].detail if before else {"status": "SENDING_TO_PROCESSOR", "amount": str(one.requested)}
        if last.get("status") != one.status:
            yield _differs(payment, f"{one.type} is {one.status}, its history says {last.get('status')}", one)
        elif last.get("amount") != str(one.amount) and not one.observed_only:
            yield _differs(payment, f"{one.type} moved {one.amount}, its history says {last.get('amount')}", one)


def _by_transaction(told: Sequence[Fact]) -> Mapping[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in told:
        if fact.kind == "transaction.observed":
            found.setdefault(fact.transaction_id, []).append(fact)
    return found


def _last_words(payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    """The last reversal state and the last discrepancy that were told are those that stand."""
    states = {fact.transaction_id: fact.detail.get("state") for fact in told if fact.kind == "transaction.reversal"}
    odd = {
        fact.transaction_id: (fact.detail.get("kind"), fact.detail.get("says"))
        for fact in told
        if fact.kind == "transaction.discrepancy"
    }
    for one in payment.transactions:
        state = states.get(one.id, ReversalState.NONE)
        if state != one.reversal:
            yield _differs(payment, f"the reversal of {one.type} is {one.reversal}, its history says {state}", one)
        open_ = one.discrepancy
        if open_ and odd.get(one.id) != (open_.kind, open_.message):
            yield _differs(payment, f"{one.type} has a discrepancy that its history does not tell of", one)


def _only(detail: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(detail.get(name, "") for name in names)


def _words(detail: Mapping[str, str], names: Sequence[str]) -> str:
    return " ".join(part for part in _only(detail, names) if part)
