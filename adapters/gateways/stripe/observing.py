"""From a verdict to an observation: success only for exactly the amount that was asked for."""

from __future__ import annotations

import attrs

from payports.adapters.gateways.stripe.verdicts import Verdict
from payports.domain.transaction import Channel, Observation, TransactionStatus
from payports.ports.gateway import PaymentRequest


def seen_of(asked: PaymentRequest, channel: Channel, status: TransactionStatus, message: str = "") -> Observation:
    """An observation about what was asked."""
    return Observation(
        status=status, channel=channel, transaction_id=asked.transaction_id, type=asked.type, message=message
    )


def concluded(seen: Observation, verdict: Verdict, asked: PaymentRequest) -> Observation:
    moved = verdict.status in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)
    if verdict.status is TransactionStatus.SUCCEEDED and verdict.amount != asked.amount:
        return attrs.evolve(seen, amount=verdict.amount, message="the answer is about another amount")
    problem = verdict.problem
    return attrs.evolve(
        seen,
        status=verdict.status,
        amount=verdict.amount if moved else None,
        code=problem.code if problem else "",
        failure_type=problem.failure if problem else None,
        hard=problem.hard if problem else False,
    )
