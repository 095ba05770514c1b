"""Undo what is owed back: the core chooses the operation, it runs like any other transaction, and a failure is tried again."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.environment import Environment
from payports.application.execution import execute
from payports.application.recovery import look_up_doubts
from payports.domain.failures import (
    AmountNotAvailable,
    Busy,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
    PaymentNotFound,
)
from payports.domain.history import Cause
from payports.domain.lifecycle import CAPTURING
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, Restriction
from payports.domain.reversal import choose_reversal, require_reversal
from payports.domain.screening import InvalidInput
from payports.domain.transaction import ReversalState, Transaction

_NOT_EVEN_ASKED = (OperationNotAllowed, AmountNotAvailable, CurrencyMismatch, GatewayUnsupported, InvalidInput)
_OWED = (ReversalState.REQUIRES_REVERSAL, ReversalState.FAILED_REVERSAL)


def reverse_owed(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Reverse everything of a payment that must be, captures before their holds; gives the payment as it is stored then.

    What fails stays owed, and what waits for another result does too.
    """
    if not any(one.reversal in _OWED for one in payment.transactions):
        return payment
    payment = look_up_doubts(env, payment, cause)
    for one in sorted(payment.transactions, key=lambda one: one.type not in CAPTURING):
        if one.reversal in _OWED and one.succeeded:
            _reverse(env, payment, one, cause)
            payment = env.store.payment(payment.id) or payment
    return payment


def undo_owner(env: Environment, owner: Owner, cause: Cause) -> Outcome[tuple[Payment, ...], PaymentNotFound | Busy]:
    """Demand the reversal of everything that an owner's payments hold, and reverse now what can be reversed now."""
    undone: list[Payment] = []
    for payment in env.store.payments_of(owner):
        demanded = env.update(payment.id, cause, lambda before: Success(_freed(require_reversal(before))))
        if isinstance(demanded, Failure):
            return demanded
        undone.append(reverse_owed(env, demanded.unwrap(), cause))
    return Success(tuple(undone))


def _freed(payment: Payment) -> Payment:
    return attrs.evolve(payment, restrictions=frozenset[Restriction]())


def _reverse(env: Environment, payment: Payment, transaction: Transaction, cause: Cause) -> None:
    found = env.gateway(payment.gateway, "reversal")
    if isinstance(found, Failure):
        return
    command = choose_reversal(payment, transaction, found.unwrap().gateway.transactions.capabilities)
    if command is None:
        if any(child.may_have_happened and not child.succeeded for child in payment.children_of(transaction)):
            return
        undone = attrs.evolve(transaction, reversal=ReversalState.REVERSED)
        env.update(payment.id, cause, lambda before: Success(before.replacing(undone)))
        return
    executed = execute(env, payment.id, command, cause)
    if isinstance(executed, Failure) and isinstance(executed.failure(), _NOT_EVEN_ASKED):
        env.update(payment.id, cause, lambda before: Success(_failed(before, transaction.id)))


def _failed(payment: Payment, transaction_id: str) -> Payment:
    """The payment with a reversal noted as failed that could not even be asked for, so that it is shown and tried again."""
    one = payment.by_id[transaction_id]
    if one.reversal not in _OWED:
        return payment
    return payment.replacing(attrs.evolve(one, reversal=ReversalState.FAILED_REVERSAL, look_ups=one.look_ups + 1))
