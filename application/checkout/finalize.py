"""Finalize a checkout attempt from the ledger: placed, waiting, or failed and to be undone.

Whoever learns a fact last finalizes: the call, the webhook, the browser's return or recovery. The record's version lets only one of
them do it; the others find it done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from returns.result import Failure, Success

from payports.application.checkout.compensation import reverse_owed
from payports.application.kernel.environment import Environment
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.checkout import (
    WAITING,
    CheckoutRecord,
    CheckoutResult,
    CheckoutState,
    checked_out,
    concluded_with,
    problem_with,
    result_of,
    state_of,
)
from payports.domain.coverage import Coverage, coverage
from payports.domain.failures import Busy, CheckoutProblem, FailedPayment, NotCovered, OperationNotAllowed
from payports.domain.history import Cause
from payports.domain.money import Money
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment
from payports.domain.reversal import mark_for_reversal
from payports.domain.transaction_types import ReversalState
from payports.ports.commit import Commit

CHECKOUT: Final = Cause("checkout")


def finalize(
    env: Environment,
    record: CheckoutRecord,
    problems: Sequence[FailedPayment] = (),
    changed: Money | None = None,
) -> Outcome[CheckoutResult, CheckoutProblem]:
    """Say what a checkout has come to, and record it if that is new.

    ``problems`` are those that stopped this attempt; ``changed`` is the cart's total if the cart has changed since it was submitted. What
    had failed when this was called stays failed, whatever is known by now: only a new attempt may rest on it.
    """
    had_failed = record.state is CheckoutState.FAILED
    for _ in range(TRIES):
        payments = [payment for payment in env.store.payments_of(record.owner) if not payment.archived]
        cover = coverage(record.total, payments, env.gateways.awaiting_covers())
        if record.state is CheckoutState.PLACED:
            return Success(checked_out(record, payments))
        if record.state is CheckoutState.CANCELLED:
            _mark(env, record, ReversalState.REQUIRES_REVERSAL)
            return Failure(OperationNotAllowed("checkout", "it was cancelled"))
        problem = _problem(record, payments, cover, problems, changed)
        if had_failed and not problem:
            return Failure(OperationNotAllowed("checkout", "this attempt has failed; submit the cart again"))
        concluded = _concluded(env, record, CheckoutState.FAILED if problem else state_of(payments, cover))
        after = [concluded_with(payment, concluded, _mark_after_failure(env)) for payment in payments]
        if concluded == record or isinstance(env.store.commit(_commit(env, concluded, payments, after)), Success):
            if problem:
                _roll_back(env, payments)
            return Failure(problem) if problem else Success(result_of(concluded, after, cover))
        newer = env.store.checkout(record.owner) or record
        if newer.request_id != record.request_id:
            _mark(env, record, ReversalState.REVERSAL_CANDIDATE)
            break
        record = newer
    return Failure(Busy(f"checkout of {record.owner.kind} {record.owner.id}"))


def finalize_if_waiting(env: Environment, owner: Owner) -> None:
    """Finalize an owner's checkout if it is waiting for a fact that may just have arrived."""
    record = env.store.checkout(owner)
    if record and record.state in WAITING:
        finalize(env, record)


def _problem(
    record: CheckoutRecord,
    payments: Sequence[Payment],
    cover: Coverage,
    problems: Sequence[FailedPayment],
    changed: Money | None,
) -> CheckoutProblem | None:
    if changed is not None:
        return NotCovered(changed or record.total, cover)
    return problem_with(record, payments, cover, problems)


def _concluded(env: Environment, record: CheckoutRecord, state: CheckoutState) -> CheckoutRecord:
    """The record in a state, with the date of the next look if the state is new or the former date has come."""
    overdue = record.state in WAITING and record.lease_until <= env.now()
    if state is record.state and not overdue:
        return record
    return record.evolve(state=state, lease_until=env.now() + env.policy.abandoned_after)


def _commit(
    env: Environment, concluded: CheckoutRecord, payments: Sequence[Payment], concluded_payments: Sequence[Payment]
) -> Commit:
    changes = zip(payments, concluded_payments, strict=True)
    return Commit(
        changes=tuple(env.work.change(before, after, CHECKOUT) for before, after in changes if after != before),
        checkouts=(concluded,),
    )


def _mark_after_failure(env: Environment) -> ReversalState:
    immediately = env.policy.rollback_immediately
    return ReversalState.REQUIRES_REVERSAL if immediately else ReversalState.REVERSAL_CANDIDATE


def _roll_back(env: Environment, payments: Sequence[Payment]) -> None:
    if env.policy.rollback_immediately:
        for payment in payments:
            reverse_owed(env, env.store.payment(payment.id) or payment, Cause("checkout", "rolled back"))


def _mark(env: Environment, record: CheckoutRecord, state: ReversalState) -> None:
    """Mark what an overtaken attempt did: a cancellation or a later attempt that has not claimed it came between."""
    for payment in env.store.payments_of(record.owner):
        env.work.update(
            payment.id, CHECKOUT, lambda before: Success(mark_for_reversal(before, record.request_id, state))
        )
