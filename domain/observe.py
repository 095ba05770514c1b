"""Merge an observation into a payment. The second of the three functions of the core.

Commands obey limits; observations record the truth, even beyond a limit, and then raise a discrepancy.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2s

import attrs
from returns.result import Failure, Success

from payports.domain.judgement import Contradiction, judge
from payports.domain.ledger import is_overdrawn, latest_initiating, left_of_capture, left_of_hold, secured
from payports.domain.lifecycle import AUTHORIZE, INITIATING, PARENTS
from payports.domain.observation import Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FAILED, USABLE, ReversalState, TransactionStatus


@attrs.frozen
class Discrepancy:
    """The observation contradicts the request or exceeds a limit. It is recorded in ``payment`` and needs attention."""

    payment: Payment
    transaction_id: str
    contradiction: Contradiction

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"transaction {self.transaction_id}: {self.contradiction.message}"


@attrs.frozen
class UnmatchedObservation:
    """The observation matches no transaction of this payment; it may match one later."""

    payment_id: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"payment {self.payment_id} has no transaction that this is about"


def observe(
    payment: Payment, observation: Observation, now: datetime | None = None
) -> Outcome[Payment, Discrepancy | UnmatchedObservation]:
    """Merge an observation. The order and number of answers, webhooks, returns and look-ups does not matter.

    ``now``: the time for a transaction that was made outside and is observed for the first time.

    Failures:
        Discrepancy: recorded, but it contradicts what was asked or what its parent can bear.
        UnmatchedObservation: it matches no known transaction.
    """
    target = find_transaction(payment, observation)
    if target is None:
        target = _made_outside(payment, observation, now)
        if target is None:
            return Failure(UnmatchedObservation(payment.id))
        payment = payment.adding(target)
    observed = target.with_observation(observation)
    merged = _with_consequences(_measured(payment.replacing(observed, *_implied(payment, observed, observation))))
    after = merged.by_id[observed.id]
    if after.discrepancy:
        return Failure(Discrepancy(merged, after.id, after.discrepancy))
    return Success(merged)


def adopt(
    payment: Payment, observation: Observation, new_id: str, now: datetime
) -> Outcome[Payment, Discrepancy | UnmatchedObservation]:
    """Record a transaction that a page executed at the gateway without an intent of ours.

    If its reference is known already, the observation is merged as usual.

    Failures:
        UnmatchedObservation: it is not an initiating transaction with a gateway reference, or has another currency.
        Discrepancy: as for ``observe``.
    """
    if find_transaction(payment, observation):
        return observe(payment, observation)
    initiates = observation.type in INITIATING and not observation.transaction_id and not observation.parent_reference
    foreign = observation.amount is not None and observation.amount.currency != payment.currency
    if observation.type is None or not initiates or not observation.gateway_reference or foreign:
        return Failure(UnmatchedObservation(payment.id))
    made = Transaction(id=new_id, type=observation.type, requested=observation.amount or payment.amount, created_at=now)
    return observe(payment.adding(made), observation.evolve(transaction_id=new_id))


def find_transaction(payment: Payment, observation: Observation) -> Transaction | None:
    """Find the transaction of an observation: by our id, else by gateway reference; never one of another type.

    Gateways repeat the id of an authorization or capture when they report its children.
    """
    if observation.transaction_id:
        named = payment.by_id.get(observation.transaction_id)
        if named is None or observation.type in (None, named.type):
            return named
    matching = _referred_to(payment, observation)
    return matching[0] if len(matching) == 1 else None


def _referred_to(payment: Payment, observation: Observation) -> list[Transaction]:
    return [
        transaction
        for transaction in payment.transactions
        if observation.gateway_reference in transaction.judgement.references
        and observation.type in (None, transaction.type)
    ]


def _made_outside(payment: Payment, observation: Observation, now: datetime | None) -> Transaction | None:
    foreign = observation.transaction_id and observation.transaction_id not in payment.by_id
    if foreign or observation.type is None or not observation.gateway_reference or _referred_to(payment, observation):
        return None
    parents = [
        transaction
        for transaction in payment.transactions
        if observation.parent_reference in transaction.judgement.references
        and transaction.type in PARENTS[observation.type]
    ]
    if len(parents) != 1:
        return None
    parent = parents[0]
    may_be_ours = any(
        child.type is observation.type and not child.gateway_reference and child.may_have_happened
        for child in payment.children_of(parent)
    )
    if may_be_ours or (observation.amount and observation.amount.currency != payment.currency):
        return None
    name = f"{payment.id}/{observation.type}/{observation.gateway_reference}"
    return Transaction(
        id=f"o-{blake2s(name.encode(), digest_size=12).hexdigest()}",
        type=observation.type,
        requested=parent.amount,
        created_at=now or parent.created_at,
        parent_id=parent.id,
        observed_only=True,
    )


def _measured(payment: Payment) -> Payment:
    """Set the amount of transactions made outside, which have no request: the highest observed, else all of the parent."""
    for transaction in payment.transactions:
        if transaction.observed_only and (parent := payment.parent_of(transaction)):
            amounts = [
                observation.amount
                for observation in transaction.seen
                if observation.amount and observation.amount.currency == payment.currency
            ]
            payment = payment.replacing(transaction.evolve(requested=max(amounts, default=parent.amount)))
    return payment


def _implied(payment: Payment, capture: Transaction, observation: Observation) -> list[Transaction]:
    """Give the releases that a partial capture implies the status of the capture; they stay released when it is revoked."""
    released = [transaction for transaction in payment.transactions if transaction.implied_by == capture.id]
    if not released:
        return []
    credible = judge(capture.requested, capture.account, (observation,)).status
    if credible is TransactionStatus.REVOKED:
        credible = TransactionStatus.SUCCEEDED
    echo = Observation(status=credible, channel=observation.channel)
    return [release.with_observation(echo) for release in released]


def _with_consequences(payment: Payment) -> Payment:
    """Derive excess and reversal states from the whole ledger, so that the order of observations does not matter."""
    blamed = {id_ for transaction in payment.transactions for id_ in _blamed(payment, transaction)} | _beyond_amount(
        payment
    )
    followed = [
        _followed(payment, transaction, excess=transaction.id in blamed) for transaction in payment.transactions
    ]
    return payment.replacing(*[new for new, old in zip(followed, payment.transactions, strict=True) if new is not old])


def _blamed(payment: Payment, parent: Transaction) -> list[str]:
    """The children that exceed their parent: those made outside, if there are any."""
    children = [child for child in payment.children_of(parent) if child.succeeded]
    if not children or not is_overdrawn(payment, parent):
        return []
    return [child.id for child in children if child.observed_only] or [child.id for child in children]


def _beyond_amount(payment: Payment) -> set[str]:
    """The transactions that together secure more than the payment's amount, such as a late hold after another took its place."""
    secures = {
        transaction.id: minor
        for transaction in payment.transactions
        if transaction.type in INITIATING
        and transaction.reversal in USABLE
        and (minor := secured(payment, transaction))
    }
    return set(secures) if sum(secures.values()) > payment.amount.minor else set[str]()


def _followed(payment: Payment, transaction: Transaction, *, excess: bool) -> Transaction:
    reversal = _reversal(payment, transaction)
    if transaction.excess is excess and transaction.reversal is reversal:
        return transaction
    return transaction.evolve(excess=excess, reversal=reversal)


def _reversal(payment: Payment, transaction: Transaction) -> ReversalState:
    reversals = [child for child in payment.children_of(transaction) if child.reverses]
    if not reversals and transaction.reversal is not ReversalState.REVERSED:
        return ReversalState.REQUIRES_REVERSAL if _is_unwanted(payment, transaction) else transaction.reversal
    if any(child.may_have_happened and not child.succeeded for child in reversals):
        return ReversalState.REVERSAL_IN_PROGRESS
    left = (
        left_of_hold(payment, transaction) if transaction.type is AUTHORIZE else left_of_capture(payment, transaction)
    )
    return ReversalState.FAILED_REVERSAL if left else ReversalState.REVERSED


def _is_unwanted(payment: Payment, transaction: Transaction) -> bool:
    """Whether a success came after a proof of failure: the shopper has moved on, so it must be reversed."""
    happened = transaction.status in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)
    if transaction.type not in INITIATING or transaction.reversal is not ReversalState.NONE or not happened:
        return False
    late = any(observation.status in FAILED for observation in transaction.judgement.credible)
    return late and not (payment.placed and latest_initiating(payment) is transaction)
