"""What a person must look at, told from the ledger alone: each concern with what to do about it."""

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
    """Why a person is needed."""

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


def may_need_attention(payment: Payment, one: Transaction) -> bool:
    """Tell whether a transaction must be found when somebody asks what needs attention, or may soon.

    It is asked when the transaction is written. So it says yes too often rather than too seldom: what is unknown, or owed back, may
    need a person once it has stayed so for long.
    """
    unsettled = one.status in _OPEN or one.reversal in _UNDOING
    return unsettled or next(attention_items(payment, one), None) is not None


def attention_items(payment: Payment, one: Transaction) -> Iterator[AttentionItem]:
    """What about a transaction needs a person now, whatever time and gateways say. An operator's ruling settles most of it."""
    if one.discrepancy:
        yield attention_item(
            AttentionKind.DISCREPANCY,
            payment,
            one,
            one.discrepancy.message,
            "compare with the gateway's own records, then resolve() with what is true",
        )
    if one.reversal is ReversalState.FAILED_REVERSAL:
        tried = [child for child in payment.children_of(one) if child.reverses]
        yield attention_item(
            AttentionKind.FAILED_REVERSAL,
            payment,
            tried[-1] if tried else one,
            f"{one.amount} of {one.type} {one.id} should have gone back and did not",
            "it is tried again; or undo it at the gateway, and "
            + ("resolve() this reversal as SUCCEEDED" if tried else "record() what the gateway tells of it"),
        )
    if not _is_noted(one):
        yield from _not_ruled(payment, one)
    if one.expiring and (left := left_of_hold(payment, one)):
        yield attention_item(
            AttentionKind.EXPIRING_AUTHORIZATION,
            payment,
            one,
            f"the hold of {Money(left, payment.currency)} of {one.created_at:%Y-%m-%d} expires soon, or has",
            "capture it, or reverse it and authorize again",
        )


def _not_ruled(payment: Payment, one: Transaction) -> Iterator[AttentionItem]:
    if one.type is CHARGEBACK and one.succeeded and not _came_back(payment, one):
        yield attention_item(
            AttentionKind.CHARGEBACK,
            payment,
            one,
            f"{one.amount} was charged back",
            "contest it at the gateway or accept it, then resolve() it as SUCCEEDED to take note",
        )
    if one.status is TransactionStatus.REVOKED:
        yield attention_item(
            AttentionKind.TAKEN_BACK,
            payment,
            one,
            f"the gateway took back {one.type} of {one.requested}, which had succeeded",
            "make good for it in another way; then resolve() it as REVOKED to take note",
        )
    elif _released_by_others(payment, one):
        yield attention_item(
            AttentionKind.UNCOVERED_ORDER,
            payment,
            one,
            f"the order was placed, and then its hold of {one.amount} was released at the gateway",
            "authorize again, or deliver nothing; then resolve() it as SUCCEEDED to take note",
        )
    elif _uncovers(payment, one):
        yield attention_item(
            AttentionKind.UNCOVERED_ORDER,
            payment,
            one,
            f"the order was placed, and then its {one.type} of {one.requested} failed",
            "get the money in another way, or deliver nothing; then resolve() it with the status it has to take note",
        )
    if one.succeeded and any(seen.flagged_for_review for seen in one.judgement.credible):
        yield attention_item(
            AttentionKind.FLAGGED_FOR_REVIEW,
            payment,
            one,
            f"the gateway wants {one.type} of {one.requested} reviewed before anything is delivered",
            "decide at the gateway; then resolve() it as SUCCEEDED if it stands, or undo it",
        )


def _is_noted(one: Transaction) -> bool:
    """An operator has said that it is what it is."""
    return one.judgement.ruled and any(
        seen.channel is Channel.OPERATOR and seen.status is one.status for seen in one.seen
    )


def _came_back(payment: Payment, chargeback: Transaction) -> bool:
    return any(child.succeeded for child in payment.children_of(chargeback))


def _released_by_others(payment: Payment, one: Transaction) -> bool:
    return payment.placed and one.type is REVERSE_AUTH and one.observed_only and one.succeeded


def _uncovers(payment: Payment, one: Transaction) -> bool:
    """An order was placed on a promise, and its last attempt came to nothing."""
    if not payment.placed or one.type not in INITIATING or one.status not in FAILED:
        return False
    return latest_initiating(payment) is one and left_to_authorize(payment) > 0


def attention_item(
    kind: AttentionKind, payment: Payment, one: Transaction, message: str, what_to_do: str
) -> AttentionItem:
    """Name what a person must look at."""
    return AttentionItem(
        kind=kind, payment_id=payment.id, transaction_id=one.id, message=message, what_to_do=what_to_do
    )
