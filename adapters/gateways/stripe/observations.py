"""From a verdict to an observation: success only for exactly the amount that was asked for."""

from __future__ import annotations

import attrs

from payports.adapters.gateways.stripe.interpretation import Verdict
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import PaymentRequest

_MOVED = (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)


def seen_of(asked: PaymentRequest, channel: Channel, status: TransactionStatus, message: str = "") -> Observation:
    """An observation about what was asked."""
    return Observation(
        status=status, channel=channel, transaction_id=asked.transaction_id, type=asked.type, message=message
    )


def concluded(seen: Observation, verdict: Verdict, asked: PaymentRequest) -> Observation:
    """Fill in a verdict. One about another amount stays unknown, and says which, so that somebody looks at it."""
    other = verdict.amount is not None and verdict.amount != asked.amount
    if other or (verdict.status is TransactionStatus.SUCCEEDED and verdict.amount is None):
        unknown = TransactionStatus.UNKNOWN
        return attrs.evolve(seen, status=unknown, amount=verdict.amount, message="the answer is about another amount")
    problem = verdict.problem
    return attrs.evolve(
        seen,
        status=verdict.status,
        amount=verdict.amount if verdict.status in _MOVED else None,
        code=problem.code if problem else "",
        failure_type=problem.failure if problem else None,
        hard=problem.hard if problem else False,
    )
