"""Merge a fact into a payment. The second of the three functions of the core.

Commands obey limits; observations record the truth, even beyond a limit, and then raise a discrepancy.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2s

import attrs
from returns.result import Failure, Success

from payports.domain.ledger import is_overdrawn
from payports.domain.lifecycle import INITIATING, PARENTS
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import (
    FAILED,
    Contradiction,
    Observation,
    ReversalState,
    Transaction,
    judge,
)


@attrs.frozen
class Discrepancy:
    """The fact contradicts the request or exceeds a limit. It is recorded in ``payment`` and needs attention."""

    payment: Payment
    transaction_id: str
    contradiction: Contradiction

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"transaction {self.transaction_id}: {self.contradiction.message}"


@attrs.frozen
class Unplaced:
    """The fact is about no transaction of this payment that is known yet; it may be told again later."""

    payment_id: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"payment {self.payment_id} has no transaction that this is about"


def observe(
    payment: Payment, seen: Observation, now: datetime | None = None
) -> Outcome[Payment, Discrepancy | Unplaced]:
    """Merge a fact; the order and number of answers, webhooks, returns and look-ups does not matter.

    ``now`` dates a transaction that was made outside and is first heard of here.

    Failures:
        Discrepancy: recorded, but it contradicts what was asked or what its parent can bear.
        Unplaced: no transaction is known that it could be about.
    """
    target = find(payment, seen)
    if target is None:
        target = _made_outside(payment, seen, now)
        if target is None:
            return Failure(Unplaced(payment.id))
        payment = payment.adding(target)
    told = target.witness(seen)
    merged = payment.replacing(told, *_implied(payment, told, seen))
    merged = _follow(merged, told)
    after = merged.by_id[told.id]
    if after.discrepancy:
        return Failure(Discrepancy(merged, after.id, after.discrepancy))
    return Success(merged)


def find(payment: Payment, seen: Observation) -> Transaction | None:
    """Find the transaction that a fact is about: by our id, else by the gateway's reference (and the type, if it is told)."""
    if seen.transaction_id:
        return payment.by_id.get(seen.transaction_id)
    if not seen.gateway_reference:
        return None
    matching = [
        one
        for one in payment.transactions
        if one.gateway_reference == seen.gateway_reference and seen.type in (None, one.type)
    ]
    return matching[0] if len(matching) == 1 else None


def _made_outside(payment: Payment, seen: Observation, now: datetime | None) -> Transaction | None:
    if seen.transaction_id or seen.type is None or not seen.gateway_reference or not seen.parent_reference:
        return None
    parents = [
        one
        for one in payment.transactions
        if one.gateway_reference == seen.parent_reference and one.type in PARENTS[seen.type]
    ]
    if len(parents) != 1:
        return None
    parent = parents[0]
    requested = seen.amount or parent.amount
    if requested.currency != payment.currency or any(
        child.type is seen.type and not child.gateway_reference and child.may_have_happened
        for child in payment.children_of(parent)
    ):
        return None  # may be one of ours whose answer is still on its way
    name = f"{payment.id}/{seen.type}/{seen.gateway_reference}"
    return Transaction(
        id=f"o-{blake2s(name.encode(), digest_size=12).hexdigest()}",
        type=seen.type,
        requested=requested,
        created_at=now or parent.created_at,
        parent_id=parent.id,
        observed_only=True,
    )


def _implied(payment: Payment, capture: Transaction, seen: Observation) -> list[Transaction]:
    credible = judge(capture.requested, capture.account, (seen,)).status
    echo = Observation(status=credible, channel=seen.channel)
    return [one.witness(echo) for one in payment.transactions if one.implied_by == capture.id]


def _follow(payment: Payment, told: Transaction) -> Payment:
    """Draw the consequences, each a function of the ledger alone, so that the order of facts cannot show."""
    parent = payment.parent_of(told)
    if parent is None:
        return payment.replacing(_unwanted(payment, told)) if told.type in INITIATING else payment
    overdrawn = is_overdrawn(payment, parent)
    siblings = payment.children_of(parent)
    blamed = [one for one in siblings if one.observed_only and one.succeeded] or [
        one for one in siblings if one.succeeded
    ]
    changed = [
        attrs.evolve(one, excess=overdrawn and one in blamed)
        for one in siblings
        if one.excess is not (overdrawn and one in blamed)
    ]
    return payment.replacing(*changed, _reversal_followed(parent, siblings))


def _unwanted(payment: Payment, told: Transaction) -> Transaction:
    """A success after a proof of failure: the shopper has moved on, nobody wants this money any more."""
    late = told.succeeded and any(seen.status in FAILED for seen in told.seen)
    if late and told.reversal is ReversalState.NONE and not payment.placed:
        return attrs.evolve(told, reversal=ReversalState.REQUIRES_REVERSAL)
    return told


def _reversal_followed(parent: Transaction, children: tuple[Transaction, ...]) -> Transaction:
    reversals = [child for child in children if child.reverses]
    if not reversals:
        return parent
    if any(child.succeeded for child in reversals):
        state = ReversalState.REVERSED
    elif any(child.may_have_happened for child in reversals):
        state = ReversalState.REVERSAL_IN_PROGRESS
    else:
        state = ReversalState.FAILED_REVERSAL
    return parent if parent.reversal is state else attrs.evolve(parent, reversal=state)
