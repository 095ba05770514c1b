"""Undo what is owed back: the core chooses the operation, it runs like any other transaction, and a failure is tried again."""

from __future__ import annotations

from collections.abc import Sequence

from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.application.kernel.execute import execute
from payports.application.kernel.status_inquiry import give_up, look_up_indeterminate, record_answer
from payports.domain.capabilities import Capabilities
from payports.domain.checkout import CheckoutRecord
from payports.domain.failures import (
    AmountNotAvailable,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
)
from payports.domain.history import Cause
from payports.domain.input_checks import InvalidInput
from payports.domain.lifecycle import CAPTURING
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment, Restriction
from payports.domain.reversal import choose_reversal, require_reversal
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import OWED, ReversalState, TransactionStatus
from payports.ports.gateway import NotFoundYet
from payports.ports.store import Commit, Stale

_NOT_EVEN_ASKED = (OperationNotAllowed, AmountNotAvailable, CurrencyMismatch, GatewayUnsupported, InvalidInput)


def reverse_owed(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Reverse everything of a payment that must be, captures before their holds; gives the payment as it is stored then.

    What fails stays owed, and what waits for another result does too.
    """
    if not any(one.reversal in OWED for one in payment.transactions):
        return payment
    payment = _give_up_actions(env, look_up_indeterminate(env, payment, cause), cause)
    for one in sorted(payment.transactions, key=lambda one: one.type not in CAPTURING):
        if one.reversal in OWED and one.succeeded:
            _reverse(env, payment, one, cause)
            payment = env.store.payment(payment.id) or payment
    return payment


def _give_up_actions(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Keep shoppers from finishing at the gateway what nobody wants any more."""
    for one in payment.transactions:
        if one.reversal in OWED and one.status is TransactionStatus.REQUIRES_ACTION:
            answer = give_up(env, payment, one)
            payment = payment if isinstance(answer, NotFoundYet) else record_answer(env, payment, one, answer, cause)
    return payment


def undo(
    env: Environment, payments: Sequence[Payment], given_up: tuple[CheckoutRecord, ...], cause: Cause
) -> Outcome[tuple[Payment, ...], Stale]:
    """Demand the reversal of everything that payments hold, and reverse now what can be reversed now.

    The demand is one commit with the checkout that is ``given_up``: it takes its time to reverse, and a new attempt may have begun by then.
    """
    demanded = [(one, _freed(require_reversal(one))) for one in payments]
    changes = {before.id: env.work.change(before, after, cause) for before, after in demanded if after != before}
    committed = env.store.commit(Commit(changes=tuple(changes.values()), checkouts=given_up))
    if isinstance(committed, Failure):
        return committed
    current = [changes[one.id].after if one.id in changes else one for one in payments]
    return Success(tuple(reverse_owed(env, one, cause) for one in current))


def _freed(payment: Payment) -> Payment:
    return payment.evolve(restrictions=frozenset[Restriction]())


def _reverse(env: Environment, payment: Payment, transaction: Transaction, cause: Cause) -> None:
    found = env.gateways.find(payment.gateway, "reversal")
    if isinstance(found, Failure):
        return
    capabilities = found.unwrap().gateway.transactions.capabilities
    command = choose_reversal(payment, transaction, capabilities)
    if command is None:
        env.work.update(payment.id, cause, lambda before: Success(_undone(before, transaction.id, capabilities)))
        return
    executed = execute(env, payment.id, command, cause)
    if isinstance(executed, Failure) and isinstance(executed.failure(), _NOT_EVEN_ASKED):
        env.work.update(payment.id, cause, lambda before: Success(_failed(before, transaction.id)))


def _undone(payment: Payment, transaction_id: str, capabilities: Capabilities) -> Payment:
    """The payment with a reversal noted as done, if nothing is left to undo and nothing may still come of what undoes it."""
    one = payment.by_id[transaction_id]
    under_way = any(child.may_have_happened and not child.succeeded for child in payment.children_of(one))
    if one.reversal not in OWED or under_way or choose_reversal(payment, one, capabilities):
        return payment
    return payment.replacing(one.evolve(reversal=ReversalState.REVERSED))


def _failed(payment: Payment, transaction_id: str) -> Payment:
    """The payment with a reversal noted as failed that could not even be asked for, so that it is shown and tried again."""
    one = payment.by_id[transaction_id]
    if one.reversal not in OWED:
        return payment
    return payment.replacing(one.evolve(reversal=ReversalState.FAILED_REVERSAL, look_ups=one.look_ups + 1))
