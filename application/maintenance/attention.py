"""What only a person can decide: listed with what to do, and settled by their word, which is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from returns.result import Failure, Success

from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment
from payports.application.kernel.record import Received, record
from payports.application.webhooks.inbox import PATIENCE
from payports.domain.attention import AttentionItem, AttentionKind, concerns_about, item
from payports.domain.capabilities import LookUp
from payports.domain.failures import Busy, OperationNotAllowed, PaymentNotFound, TransactionProblem
from payports.domain.history import OPERATOR, Cause
from payports.domain.input_checks import InvalidInput, check_identifier, check_text
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import ReversalState, TransactionStatus
from payports.ports.commit import InboxEntry

_FAR: Final = timedelta(days=36_500)
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
_LATE: Final = timedelta(days=7)
"""Longer than any gateway takes to say how a transfer went."""

_SURE: Final = 2
"""A transaction of ours is there before anybody can tell of it, so one more look settles that it is missing."""

_HOPELESS: Final = timedelta(minutes=30)
"""What has been unknown for so long needs a person as well, whether the gateway does not know or does not answer."""


def needing_attention(env: Environment) -> Iterator[AttentionItem]:
    """Name everything that a person must decide, payment by payment, then the notifications that nobody can place."""
    page = env.store.needing_attention(limit=_PAGE)
    while page:
        for payment in page:
            for one in payment.transactions:
                yield from _concerns(env, payment, one)
        page = env.store.needing_attention(after=page[-1].id, limit=_PAGE)
    for entry in env.store.parked(env.now() + _FAR, _ALL):
        named = bool(entry.seen.transaction_id)
        if entry.tries >= (_SURE if named else PATIENCE):
            yield _lost(entry) if named else _parked(entry)


def _concerns(env: Environment, payment: Payment, one: Transaction) -> Iterator[AttentionItem]:
    configured = env.gateways.get(payment.gateway)
    if configured is None and _is_unfinished(one) and not one.discrepancy:
        yield item(
            AttentionKind.UNKNOWN_GATEWAY,
            payment,
            one,
            f"gateway {payment.gateway!r} is not configured any more",
            "configure it again, or resolve() by hand",
        )
        return
    yield from concerns_about(payment, one)
    if one.status is TransactionStatus.AWAITING_RESULT and one.created_at + _LATE < env.now():
        yield item(
            AttentionKind.UNKNOWN_RESULT,
            payment,
            one,
            f"the gateway has owed the result of {one.requested} for more than {_LATE.days} days",
            "ask the gateway, then resolve() with what is true",
        )
    unknown = one.status is TransactionStatus.UNKNOWN and not one.discrepancy and not one.implied_by
    if unknown and configured:
        blind = configured.gateway.transactions.capabilities.look_up is LookUp.NONE
        if blind or one.created_at + _HOPELESS <= env.now():
            yield item(
                AttentionKind.UNKNOWN_RESULT,
                payment,
                one,
                f"nobody knows whether {one.requested} moved",
                "look at the gateway, then resolve() with what is true",
            )


def _is_unfinished(one: Transaction) -> bool:
    return (one.may_have_happened and not one.succeeded) or one.reversal is not ReversalState.NONE


def _parked(entry: InboxEntry) -> AttentionItem:
    return AttentionItem(
        kind=AttentionKind.PARKED_NOTIFICATION,
        payment_id="",
        transaction_id=entry.seen.transaction_id,
        message=f"notification {entry.event_id} of {entry.gateway} is about no transaction that we know",
        what_to_do="find out at the gateway what it is about; a payment made there is recorded with record()",
    )


def _lost(entry: InboxEntry) -> AttentionItem:
    """Every intent is on disk before the gateway hears of it; so a store that does not know one is not what it was."""
    return AttentionItem(
        kind=AttentionKind.LOST_TRANSACTION,
        payment_id="",
        transaction_id=entry.seen.transaction_id,
        message=f"notification {entry.event_id} of {entry.gateway} names a transaction that this store does not have",
        what_to_do="was an older state of the store restored? Compare with the gateway; or does another shop share the account?",
    )


def rule(
    env: Environment, transaction_id: str, status: TransactionStatus, operator: str, reason: str, gateway_reference: str
) -> Outcome[TransactionReport, TransactionProblem]:
    """Settle by a person's word what a transaction came to."""
    problem = _check(transaction_id, status, operator, reason, gateway_reference)
    if problem:
        return Failure(problem)
    payment = env.store.payment_of_transaction(transaction_id)
    if payment is None:
        return Failure(PaymentNotFound(f"of transaction {transaction_id}"))
    if gateway_reference and _is_named_otherwise(payment.by_id[transaction_id], gateway_reference):
        return Failure(
            InvalidInput("gateway_reference", "is not what the gateway calls what it said to have succeeded")
        )
    ruling = Observation(
        status=TransactionStatus(status),
        channel=Channel.OPERATOR,
        transaction_id=transaction_id,
        gateway_reference=gateway_reference,
        operator=operator,
        message=reason,
    )
    recorded = record(env, payment, Received(observation=ruling), Cause(OPERATOR + operator, reason))
    if isinstance(recorded, Failure):
        refused = recorded.failure()
        return Failure(refused if isinstance(refused, Busy) else PaymentNotFound(f"of transaction {transaction_id}"))
    finalize_if_waiting(env, payment.owner)
    ruled = recorded.unwrap()
    one = ruled.by_id[transaction_id]
    if one.status is not TransactionStatus(status):
        return Failure(OperationNotAllowed("resolve", f"a final status is never lowered: it stays {one.status}"))
    return Success(TransactionReport(ruled, (one,)))


def _is_named_otherwise(one: Transaction, reference: str) -> bool:
    """Tell whether the gateway itself has named what succeeded, in another way."""
    told = [seen for seen in one.judgement.credible if seen.channel is not Channel.OPERATOR]
    names = {seen.gateway_reference for seen in told if seen.gateway_reference}
    return one.succeeded and bool(names) and reference not in names


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
