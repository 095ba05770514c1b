"""The attention queue: what only a person can decide, with what to do; and the rulings of operators."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from returns.result import Failure, Success

from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.kernel.record import Received, record
from payports.application.webhooks.inbox import TRIES_BEFORE_ATTENTION
from payports.domain.attention import AttentionItem, AttentionKind, attention_item, attention_items
from payports.domain.capabilities import LookUp
from payports.domain.failures import Busy, OperationNotAllowed, PaymentNotFound, TransactionProblem
from payports.domain.history import OPERATOR_PREFIX, Cause
from payports.domain.input_checks import InvalidInput, check_identifier, check_text
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import ReversalState, TransactionStatus
from payports.ports.commit import InboxEntry

_EVER: Final = timedelta(days=36_500)
_PAGE: Final = 500
_ALL: Final = 100_000
_RESOLVABLE: Final = frozenset(
    {
        TransactionStatus.SUCCEEDED,
        TransactionStatus.NOT_EXECUTED,
        TransactionStatus.DECLINED,
        TransactionStatus.REVOKED,
    }
)
_OVERDUE: Final = timedelta(days=7)
"""Longer than any gateway takes to report the result of a transfer."""

_TRIES_TO_MISS: Final = 2
"""Our transactions are stored before a gateway hears of them, so a second try proves that one is missing."""

_UNKNOWN_TOO_LONG: Final = timedelta(minutes=30)
"""A result that has been unknown for so long needs a person, whether the gateway does not know it or does not answer."""


def needing_attention(env: Environment) -> Iterator[AttentionItem]:
    """List everything that a person must decide: payment by payment, then the notifications about unknown transactions."""
    page = env.store.needing_attention(limit=_PAGE)
    while page:
        for payment in page:
            for transaction in payment.transactions:
                yield from _items(env, payment, transaction)
        page = env.store.needing_attention(after=page[-1].id, limit=_PAGE)
    for entry in env.store.parked(env.now() + _EVER, _ALL):
        names_ours = bool(entry.seen.transaction_id)
        if entry.tries >= (_TRIES_TO_MISS if names_ours else TRIES_BEFORE_ATTENTION):
            yield _lost_transaction(entry) if names_ours else _parked_notification(entry)


def _items(env: Environment, payment: Payment, transaction: Transaction) -> Iterator[AttentionItem]:
    configured = env.gateways.get(payment.gateway)
    if configured is None and _is_unfinished(transaction) and not transaction.discrepancy:
        yield attention_item(
            AttentionKind.UNKNOWN_GATEWAY,
            payment,
            transaction,
            f"gateway {payment.gateway!r} is not configured any more",
            "configure it again, or resolve() by hand",
        )
        return
    yield from attention_items(payment, transaction)
    if transaction.status is TransactionStatus.AWAITING_RESULT and transaction.created_at + _OVERDUE < env.now():
        yield attention_item(
            AttentionKind.UNKNOWN_RESULT,
            payment,
            transaction,
            f"the gateway has owed the result of {transaction.requested} for more than {_OVERDUE.days} days",
            "ask the gateway, then resolve() with what is true",
        )
    if configured and _stays_unknown(transaction, configured, env.now()):
        yield attention_item(
            AttentionKind.UNKNOWN_RESULT,
            payment,
            transaction,
            f"nobody knows whether {transaction.requested} moved",
            "look at the gateway, then resolve() with what is true",
        )


def _is_unfinished(transaction: Transaction) -> bool:
    is_open = transaction.may_have_happened and not transaction.succeeded
    return is_open or transaction.reversal is not ReversalState.NONE


def _stays_unknown(transaction: Transaction, configured: ConfiguredGateway, now: datetime) -> bool:
    if transaction.status is not TransactionStatus.UNKNOWN or transaction.discrepancy or transaction.implied_by:
        return False
    has_no_look_up = configured.gateway.transactions.capabilities.look_up is LookUp.NONE
    return has_no_look_up or transaction.created_at + _UNKNOWN_TOO_LONG <= now


def _parked_notification(entry: InboxEntry) -> AttentionItem:
    return AttentionItem(
        kind=AttentionKind.PARKED_NOTIFICATION,
        payment_id="",
        transaction_id=entry.seen.transaction_id,
        message=f"notification {entry.event_id} of {entry.gateway} is about no transaction that we know",
        what_to_do="find out at the gateway what it is about; record a payment made there with record()",
    )


def _lost_transaction(entry: InboxEntry) -> AttentionItem:
    """Every intent is stored before the gateway hears of it, so a store that does not have one has lost it."""
    return AttentionItem(
        kind=AttentionKind.LOST_TRANSACTION,
        payment_id="",
        transaction_id=entry.seen.transaction_id,
        message=f"notification {entry.event_id} of {entry.gateway} names a transaction that this store does not have",
        what_to_do="compare with the gateway: the store was restored to an older state, or another shop shares the account",
    )


def rule(
    env: Environment, transaction_id: str, status: TransactionStatus, operator: str, reason: str, gateway_reference: str
) -> Outcome[TransactionReport, TransactionProblem]:
    """Record an operator's ruling on the result of a transaction."""
    problem = _check(transaction_id, status, operator, reason, gateway_reference)
    if problem:
        return Failure(problem)
    payment = env.store.payment_of_transaction(transaction_id)
    if payment is None:
        return Failure(PaymentNotFound(f"of transaction {transaction_id}"))
    if gateway_reference and _has_another_reference(payment.by_id[transaction_id], gateway_reference):
        return Failure(InvalidInput("gateway_reference", "the gateway has given the success another reference"))
    ruling = Observation(
        status=TransactionStatus(status),
        channel=Channel.OPERATOR,
        transaction_id=transaction_id,
        gateway_reference=gateway_reference,
        operator=operator,
        message=reason,
    )
    recorded = record(env, payment, Received(observation=ruling), Cause(OPERATOR_PREFIX + operator, reason))
    if isinstance(recorded, Failure):
        refused = recorded.failure()
        return Failure(refused if isinstance(refused, Busy) else PaymentNotFound(f"of transaction {transaction_id}"))
    finalize_if_waiting(env, payment.owner)
    ruled = recorded.unwrap()
    transaction = ruled.by_id[transaction_id]
    if transaction.status is not TransactionStatus(status):
        return Failure(
            OperationNotAllowed("resolve", f"a final status is never lowered: it stays {transaction.status}")
        )
    return Success(TransactionReport(ruled, (transaction,)))


def _has_another_reference(transaction: Transaction, reference: str) -> bool:
    """Tell whether the gateway itself has given a success another reference."""
    references = {
        observation.gateway_reference
        for observation in transaction.judgement.credible
        if observation.channel is not Channel.OPERATOR and observation.gateway_reference
    }
    return transaction.succeeded and bool(references) and reference not in references


def _check(
    transaction_id: object, status: object, operator: object, reason: object, gateway_reference: object
) -> InvalidInput | None:
    return (
        check_identifier("transaction_id", transaction_id)
        or (
            None
            if type(status) in (TransactionStatus, str) and status in _RESOLVABLE
            else InvalidInput("status", "must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED")
        )
        or check_identifier("operator", operator)
        or check_identifier("reason", reason[:1] if type(reason) is str else reason)
        or check_text("reason", reason)
        or (
            None
            if type(gateway_reference) is str and not gateway_reference
            else check_identifier("gateway_reference", gateway_reference)
        )
    )
