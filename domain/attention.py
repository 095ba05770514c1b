"""What needs a person, computed from the ledger alone: each item with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import attrs

from payports.domain.ledger import latest_initiating, left_of_hold, left_to_authorize
from payports.domain.lifecycle import CHARGEBACK, INITIATING, REVERSE_AUTH
from payports.domain.money import Money
from payports.domain.observation import Channel
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FAILED, OWED, ReversalState, TransactionStatus


class AttentionKind(StrEnum):
    """The reason why a person is needed."""

    DISCREPANCY = "DISCREPANCY"
    UNKNOWN_RESULT = "UNKNOWN_RESULT"
    FAILED_REVERSAL = "FAILED_REVERSAL"
    UNKNOWN_GATEWAY = "UNKNOWN_GATEWAY"
    PARKED_NOTIFICATION = "PARKED_NOTIFICATION"
    LOST_TRANSACTION = "LOST_TRANSACTION"
    CHARGEBACK = "CHARGEBACK"
    TAKEN_BACK = "TAKEN_BACK"
    UNCOVERED_ORDER = "UNCOVERED_ORDER"
    FLAGGED_FOR_REVIEW = "FLAGGED_FOR_REVIEW"
    EXPIRING_AUTHORIZATION = "EXPIRING_AUTHORIZATION"


@attrs.frozen(kw_only=True)
class AttentionItem:
    """Something that a person must decide, and what to do about it."""

    kind: AttentionKind
    payment_id: str
    transaction_id: str
    message: str
    what_to_do: str


_UNDOING: Final = OWED | {ReversalState.REVERSAL_IN_PROGRESS}

_OPEN: Final = frozenset(
    {TransactionStatus.UNKNOWN, TransactionStatus.REQUIRES_ACTION, TransactionStatus.AWAITING_RESULT}
)


def may_need_attention(payment: Payment, transaction: Transaction) -> bool:
    """Tell whether a transaction needs attention, or may need it later without being written again.

    Stores index it when they write the transaction, so it errs on the side of yes: an unknown result or a pending reversal needs a
    person once it has lasted too long.
    """
    unresolved = transaction.status in _OPEN or transaction.reversal in _UNDOING
    return unresolved or next(attention_items(payment, transaction), None) is not None


def attention_items(payment: Payment, transaction: Transaction) -> Iterator[AttentionItem]:
    """List what needs a person now about a transaction, independent of the time and the gateways. A ruling closes most items."""
    if transaction.discrepancy:
        yield attention_item(
            AttentionKind.DISCREPANCY,
            payment,
            transaction,
            transaction.discrepancy.message,
            "compare with the gateway's own records, then resolve() with what is true",
        )
    if transaction.reversal is ReversalState.FAILED_REVERSAL:
        tried = [child for child in payment.children_of(transaction) if child.reverses]
        yield attention_item(
            AttentionKind.FAILED_REVERSAL,
            payment,
            tried[-1] if tried else transaction,
            f"{transaction.amount} of {transaction.type} {transaction.id} should have gone back and did not",
            "it is tried again; or undo it at the gateway, and "
            + ("resolve() this reversal as SUCCEEDED" if tried else "record() what the gateway tells of it"),
        )
    if not _is_noted(transaction):
        yield from _unnoted_items(payment, transaction)
    if transaction.expiring and (left := left_of_hold(payment, transaction)):
        yield attention_item(
            AttentionKind.EXPIRING_AUTHORIZATION,
            payment,
            transaction,
            f"the hold of {Money(left, payment.currency)} of {transaction.created_at:%Y-%m-%d} expires soon, or has",
            "capture it, or reverse it and authorize again",
        )


def _unnoted_items(payment: Payment, transaction: Transaction) -> Iterator[AttentionItem]:
    if transaction.type is CHARGEBACK and transaction.succeeded and not _came_back(payment, transaction):
        yield attention_item(
            AttentionKind.CHARGEBACK,
            payment,
            transaction,
            f"{transaction.amount} was charged back",
            "contest it at the gateway or accept it, then resolve() it as SUCCEEDED to take note",
        )
    yield from _lost_money_items(payment, transaction)
    if transaction.succeeded and any(observation.flagged_for_review for observation in transaction.judgement.credible):
        yield attention_item(
            AttentionKind.FLAGGED_FOR_REVIEW,
            payment,
            transaction,
            f"the gateway wants {transaction.type} of {transaction.requested} reviewed before anything is delivered",
            "decide at the gateway; then resolve() it as SUCCEEDED if it stands, or undo it",
        )


def _lost_money_items(payment: Payment, transaction: Transaction) -> Iterator[AttentionItem]:
    if transaction.status is TransactionStatus.REVOKED:
        yield attention_item(
            AttentionKind.TAKEN_BACK,
            payment,
            transaction,
            f"the gateway took back {transaction.type} of {transaction.requested}, which had succeeded",
            "collect the money in another way; then resolve() it as REVOKED to take note",
        )
    elif _released_by_others(payment, transaction):
        yield attention_item(
            AttentionKind.UNCOVERED_ORDER,
            payment,
            transaction,
            f"the order was placed, and then its hold of {transaction.amount} was released at the gateway",
            "authorize again, or deliver nothing; then resolve() it as SUCCEEDED to take note",
        )
    elif _uncovers(payment, transaction):
        yield attention_item(
            AttentionKind.UNCOVERED_ORDER,
            payment,
            transaction,
            f"the order was placed, and then its {transaction.type} of {transaction.requested} failed",
            "get the money in another way, or deliver nothing; then resolve() it with the status it has to take note",
        )


def _is_noted(transaction: Transaction) -> bool:
    """Whether an operator has ruled that the present status is true."""
    return transaction.judgement.ruled and any(
        observation.channel is Channel.OPERATOR and observation.status is transaction.status
        for observation in transaction.seen
    )


def _came_back(payment: Payment, chargeback: Transaction) -> bool:
    return any(child.succeeded for child in payment.children_of(chargeback))


def _released_by_others(payment: Payment, transaction: Transaction) -> bool:
    return payment.placed and transaction.type is REVERSE_AUTH and transaction.observed_only and transaction.succeeded


def _uncovers(payment: Payment, transaction: Transaction) -> bool:
    """Whether the order was placed and the payment's last initiating transaction failed, so that it is not covered."""
    if not payment.placed or transaction.type not in INITIATING or transaction.status not in FAILED:
        return False
    return latest_initiating(payment) is transaction and left_to_authorize(payment) > 0


def attention_item(
    kind: AttentionKind, payment: Payment, transaction: Transaction, message: str, what_to_do: str
) -> AttentionItem:
    """Build the item for a transaction."""
    return AttentionItem(
        kind=kind, payment_id=payment.id, transaction_id=transaction.id, message=message, what_to_do=what_to_do
    )
