"""Compensation: reverse what is owed back. The core chooses the operation; it runs like any other transaction and is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.application.kernel.execute import execute
from payports.application.kernel.status_inquiry import give_up, look_up_indeterminate, record_answer
from payports.domain.capabilities import Capabilities
from payports.domain.checkout import CheckoutRecord, unrestricted
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
from payports.domain.payment import Payment
from payports.domain.reversal import choose_reversal, require_reversal
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import OWED, ReversalState, TransactionStatus
from payports.ports.commit import Commit, Stale
from payports.ports.gateway import NotFoundYet

_NEVER_SENT: Final = (OperationNotAllowed, AmountNotAvailable, CurrencyMismatch, GatewayUnsupported, InvalidInput)


def reverse_owed(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Reverse everything of a payment that is owed back, captures before their holds; gives the payment as it is stored then.

    What fails stays owed, and so does what waits for another result.
    """
    if not any(transaction.reversal in OWED for transaction in payment.transactions):
        return payment
    payment = _give_up_actions(env, look_up_indeterminate(env, payment, cause), cause)
    for transaction in sorted(payment.transactions, key=lambda transaction: transaction.type not in CAPTURING):
        if transaction.reversal in OWED and transaction.succeeded:
            _reverse(env, payment, transaction, cause)
            payment = env.store.payment(payment.id) or payment
    return payment


def _give_up_actions(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Keep the shopper from completing at the gateway what nobody wants any more."""
    for transaction in payment.transactions:
        if transaction.reversal in OWED and transaction.status is TransactionStatus.REQUIRES_ACTION:
            answer = give_up(env, payment, transaction)
            if not isinstance(answer, NotFoundYet):
                payment = record_answer(env, payment, transaction, answer, cause)
    return payment


def undo(
    env: Environment, payments: Sequence[Payment], cancelled: tuple[CheckoutRecord, ...], cause: Cause
) -> Outcome[tuple[Payment, ...], Stale]:
    """Require the reversal of everything that payments hold, and reverse now what can be reversed now.

    The requirement is one commit with the ``cancelled`` checkout: reversing takes time, and a new attempt may begin meanwhile.
    """
    required = [(payment, unrestricted(require_reversal(payment))) for payment in payments]
    changes = {before.id: env.work.change(before, after, cause) for before, after in required if after != before}
    committed = env.store.commit(Commit(changes=tuple(changes.values()), checkouts=cancelled))
    if isinstance(committed, Failure):
        return committed
    current = [changes[payment.id].after if payment.id in changes else payment for payment in payments]
    return Success(tuple(reverse_owed(env, payment, cause) for payment in current))


def _reverse(env: Environment, payment: Payment, transaction: Transaction, cause: Cause) -> None:
    found = env.gateways.find(payment.gateway, "reversal")
    if isinstance(found, Failure):
        return
    capabilities = found.unwrap().gateway.transactions.capabilities
    command = choose_reversal(payment, transaction, capabilities)
    if command is None:
        env.work.update(payment.id, cause, lambda before: Success(_reversed(before, transaction.id, capabilities)))
        return
    executed = execute(env, payment.id, command, cause)
    if isinstance(executed, Failure) and isinstance(executed.failure(), _NEVER_SENT):
        env.work.update(payment.id, cause, lambda before: Success(_failed(before, transaction.id)))


def _reversed(payment: Payment, transaction_id: str, capabilities: Capabilities) -> Payment:
    """The payment with the transaction REVERSED, if nothing is left to reverse and no reversal is still open."""
    transaction = payment.by_id[transaction_id]
    is_open = any(child.may_have_happened and not child.succeeded for child in payment.children_of(transaction))
    if transaction.reversal not in OWED or is_open or choose_reversal(payment, transaction, capabilities):
        return payment
    return payment.replacing(transaction.evolve(reversal=ReversalState.REVERSED))


def _failed(payment: Payment, transaction_id: str) -> Payment:
    """The payment with FAILED_REVERSAL where the reversal could not even be sent, so that it is shown and tried again."""
    transaction = payment.by_id[transaction_id]
    if transaction.reversal not in OWED:
        return payment
    return payment.replacing(
        transaction.evolve(reversal=ReversalState.FAILED_REVERSAL, look_ups=transaction.look_ups + 1)
    )
