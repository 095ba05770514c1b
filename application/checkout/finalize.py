"""Conclude a checkout from the ledger alone: placed, waiting, or failed and to be undone.

Whoever learns a fact last concludes: the call, the webhook, the browser's return or recovery. The record's version lets only one of
them do it; the others find it done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs
from returns.result import Failure, Success

from payports.application.checkout.compensation import reverse_owed
from payports.application.kernel.execute import problem_of
from payports.application.kernel.unit_of_work import TRIES, Environment
from payports.domain.coverage import Coverage, CoverageState, coverage, secured_of
from payports.domain.failures import (
    Busy,
    CheckoutProblem,
    FailedPayment,
    NotCovered,
    OperationNotAllowed,
    PaymentsFailed,
)
from payports.domain.history import Cause
from payports.domain.lifecycle import INITIATING
from payports.domain.money import Money
from payports.domain.observation import NextAction
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, Restriction
from payports.domain.payment_method import PaymentType
from payports.domain.reversal import claim, mark_for_reversal
from payports.domain.transaction_types import ReversalState, TransactionStatus
from payports.ports.store import Change, CheckoutRecord, CheckoutState, Commit


@attrs.frozen(kw_only=True)
class Receipt:
    """What one payment contributes to a placed order."""

    payment_id: str
    gateway: str
    type: PaymentType
    amount: Money
    secured: Money
    transaction_ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CheckedOut:
    """The order may be placed: its total is covered, and the customer can no longer change the payments."""

    owner: Owner
    request_id: str
    total: Money
    receipts: tuple[Receipt, ...]
    placed_at: datetime | None = None


@attrs.frozen(kw_only=True)
class ActionRequired:
    """The shopper must do something first; then call ``resume`` with ``callback_token`` among the parameters."""

    owner: Owner
    request_id: str
    next_actions: tuple[NextAction, ...]
    callback_token: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class AwaitingResults:
    """A gateway still owes a result; a webhook or maintenance will conclude, ``submit`` with the same request id tells how."""

    owner: Owner
    request_id: str
    awaiting: Money


_CAUSE = Cause("checkout")
_WAITING = (CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)


def finalize(
    env: Environment,
    record: CheckoutRecord,
    problems: Sequence[FailedPayment] = (),
    changed: Money | None = None,
) -> Outcome[CheckedOut | ActionRequired | AwaitingResults, CheckoutProblem]:
    """Say what a checkout has come to, and write it down if that is new.

    ``problems`` are those that stopped this attempt; ``changed`` is the cart's total if the cart has changed since it was submitted. What
    had failed when this was called stays failed, whatever is known by now: only a new attempt may rest on it.
    """
    had_failed = record.state is CheckoutState.FAILED
    for _ in range(TRIES):
        payments = [one for one in env.store.payments_of(record.owner) if not one.archived]
        cover = coverage(record.total, payments, env.awaiting_covers())
        problem = _problem(record, payments, cover, problems, changed)
        if record.state is CheckoutState.PLACED:
            return Success(_checked_out(record, payments))
        if record.state is CheckoutState.CANCELLED:
            _give_up(env, record, ReversalState.REQUIRES_REVERSAL)
            return Failure(OperationNotAllowed("checkout", "it was cancelled"))
        if had_failed and not problem:
            return Failure(OperationNotAllowed("checkout", "this attempt has failed; submit the cart again"))
        state = CheckoutState.FAILED if problem else _state(payments, cover)
        concluded = record
        if state is not record.state or _is_overdue(env, record):
            concluded = record.evolve(state=state, lease_until=_next_look(env))
        if concluded == record or isinstance(env.store.commit(_commit(env, concluded, payments)), Success):
            if problem and env.policy.rollback_immediately:
                for payment in payments:
                    reverse_owed(env, env.store.payment(payment.id) or payment, Cause("checkout", "rolled back"))
            return Failure(problem) if problem else Success(_told(concluded, payments, cover))
        newer = env.store.checkout(record.owner) or record
        if newer.request_id != record.request_id:
            _give_up(env, record, ReversalState.REVERSAL_CANDIDATE)
            break
        record = newer
    return Failure(Busy(f"checkout of {record.owner.kind} {record.owner.id}"))


def finalize_if_waiting(env: Environment, owner: Owner) -> None:
    """Conclude an owner's checkout if it is waiting for a fact that may just have arrived."""
    record = env.store.checkout(owner)
    if record and record.state in _WAITING:
        finalize(env, record)


def _give_up(env: Environment, record: CheckoutRecord, state: ReversalState) -> None:
    """Mark what an attempt did that was overtaken meanwhile, by a cancellation or by a later attempt that has not claimed it."""
    for payment in env.store.payments_of(record.owner):
        env.update(payment.id, _CAUSE, lambda before: Success(mark_for_reversal(before, record.request_id, state)))


def _is_overdue(env: Environment, record: CheckoutRecord) -> bool:
    return record.state in _WAITING and record.lease_until <= env.now()


def _problem(
    record: CheckoutRecord,
    payments: Sequence[Payment],
    cover: Coverage,
    problems: Sequence[FailedPayment],
    changed: Money | None,
) -> CheckoutProblem | None:
    if changed is not None or cover.planned != record.total:
        return NotCovered(changed or record.total, cover)
    found = tuple(problems) or _failed(record, payments)
    if cover.state is CoverageState.FULL and not found:
        return None
    if found:
        return PaymentsFailed(found)
    waiting = any(_waits(payment) for payment in payments)
    return None if waiting and cover.state is not CoverageState.OVER else NotCovered(record.total, cover)


def _failed(record: CheckoutRecord, payments: Sequence[Payment]) -> tuple[FailedPayment, ...]:
    """The problems of this attempt's transactions on payments that nothing else secures."""
    return tuple(
        FailedPayment(
            payment_id=payment.id,
            problem=problem,
            type=one.type,
            transaction_id=one.id,
            status=one.status,
            amount=one.amount,
        )
        for payment in payments
        if secured_of(payment) < payment.amount and not _waits(payment)
        for one in payment.transactions
        if one.attempt == record.request_id and one.type in INITIATING and (problem := problem_of(one))
    )


def _waits(payment: Payment) -> bool:
    waiting = (TransactionStatus.REQUIRES_ACTION, TransactionStatus.AWAITING_RESULT)
    return any(one.type in INITIATING and one.status in waiting for one in payment.transactions)


def _state(payments: Sequence[Payment], cover: Coverage) -> CheckoutState:
    if cover.state is CoverageState.FULL:
        return CheckoutState.PLACED
    acting = any(one.next_action for payment in payments for one in payment.transactions)
    return CheckoutState.ACTION_REQUIRED if acting else CheckoutState.AWAITING_RESULTS


def _next_look(env: Environment) -> datetime:
    return env.now() + env.policy.abandoned_after


def _commit(env: Environment, concluded: CheckoutRecord, payments: Sequence[Payment]) -> Commit:
    changes: list[Change] = []
    for payment in payments:
        after = _follow(env, concluded, payment)
        if after != payment:
            changes.append(env.change(payment, after, _CAUSE))
    return Commit(changes=tuple(changes), checkouts=(concluded,))


def _follow(env: Environment, concluded: CheckoutRecord, payment: Payment) -> Payment:
    if concluded.state is CheckoutState.PLACED:
        placed = frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})
        return claim(payment, concluded.request_id).evolve(restrictions=placed)
    if concluded.state is CheckoutState.ACTION_REQUIRED:
        away = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
        return payment.evolve(restrictions=payment.restrictions | {away})
    freed = payment.evolve(restrictions=frozenset[Restriction]())
    if concluded.state is not CheckoutState.FAILED:
        return freed
    immediately = env.policy.rollback_immediately
    state = ReversalState.REQUIRES_REVERSAL if immediately else ReversalState.REVERSAL_CANDIDATE
    return mark_for_reversal(freed, concluded.request_id, state)


def _told(
    record: CheckoutRecord, payments: Sequence[Payment], cover: Coverage
) -> CheckedOut | ActionRequired | AwaitingResults:
    if record.state is CheckoutState.PLACED:
        return _checked_out(record, payments)
    if record.state is CheckoutState.ACTION_REQUIRED:
        actions = (one.next_action for payment in payments for one in payment.transactions)
        return ActionRequired(
            owner=record.owner,
            request_id=record.request_id,
            next_actions=tuple(action for action in actions if action),
            callback_token=record.callback_token,
        )
    return AwaitingResults(owner=record.owner, request_id=record.request_id, awaiting=cover.awaiting)


def _checked_out(record: CheckoutRecord, payments: Sequence[Payment]) -> CheckedOut:
    return CheckedOut(
        owner=record.owner,
        request_id=record.request_id,
        total=record.total,
        receipts=tuple(
            Receipt(
                payment_id=payment.id,
                gateway=payment.gateway,
                type=payment.type,
                amount=payment.amount,
                secured=secured_of(payment),
                transaction_ids=tuple(
                    one.id for one in payment.transactions if one.type in INITIATING and not problem_of(one)
                ),
            )
            for payment in payments
            if any(one.attempt == record.request_id for one in payment.transactions)
        ),
        placed_at=record.started_at,
    )
