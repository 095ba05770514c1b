"""The closed sets that describe a transaction: its type, its status, why it failed and whether it is being undone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class TransactionType(StrEnum):
    """The kind of movement. The type carries the direction; amounts have no sign."""

    AUTHORIZE = "AUTHORIZE"
    REVERSE_AUTH = "REVERSE_AUTH"
    CAPTURE = "CAPTURE"
    AUTHORIZE_AND_CAPTURE = "AUTHORIZE_AND_CAPTURE"
    SETTLED = "SETTLED"
    VOID = "VOID"
    REFUND = "REFUND"
    DETACHED_CREDIT = "DETACHED_CREDIT"
    CHARGEBACK = "CHARGEBACK"
    CHARGEBACK_REVERSAL = "CHARGEBACK_REVERSAL"


class TransactionStatus(StrEnum):
    """How far a transaction has come. A later status in this list ranks higher when observations are merged."""

    SENDING_TO_PROCESSOR = "SENDING_TO_PROCESSOR"
    UNKNOWN = "UNKNOWN"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    AWAITING_RESULT = "AWAITING_RESULT"
    NOT_EXECUTED = "NOT_EXECUTED"
    DECLINED = "DECLINED"
    SUCCEEDED = "SUCCEEDED"
    REVOKED = "REVOKED"


RANK: Final = {status: rank for rank, status in enumerate(TransactionStatus)}
INDETERMINATE: Final = frozenset({TransactionStatus.SENDING_TO_PROCESSOR, TransactionStatus.UNKNOWN})
FAILED: Final = frozenset({TransactionStatus.NOT_EXECUTED, TransactionStatus.DECLINED})
MAY_HAVE_HAPPENED: Final = frozenset(
    {
        TransactionStatus.SENDING_TO_PROCESSOR,
        TransactionStatus.UNKNOWN,
        TransactionStatus.REQUIRES_ACTION,
        TransactionStatus.AWAITING_RESULT,
        TransactionStatus.SUCCEEDED,
    }
)
"""All of these count against limits: an unknown result never frees money."""


class FailureType(StrEnum):
    """Why a gateway refused, in terms that all gateways share."""

    DECLINED = "DECLINED"
    INVALID_PAYMENT_METHOD = "INVALID_PAYMENT_METHOD"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    FRAUD = "FRAUD"
    EXPIRED = "EXPIRED"
    ABANDONED = "ABANDONED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    CONFIGURATION = "CONFIGURATION"


class ReversalState(StrEnum):
    """How far the reversal of a transaction has come that no order wants."""

    NONE = "NONE"
    REVERSAL_CANDIDATE = "REVERSAL_CANDIDATE"
    REQUIRES_REVERSAL = "REQUIRES_REVERSAL"
    REVERSAL_IN_PROGRESS = "REVERSAL_IN_PROGRESS"
    REVERSED = "REVERSED"
    FAILED_REVERSAL = "FAILED_REVERSAL"


USABLE: Final = frozenset({ReversalState.NONE, ReversalState.REVERSAL_CANDIDATE})
"""Only on these may other transactions than reversals build."""

OWED: Final = frozenset({ReversalState.REQUIRES_REVERSAL, ReversalState.FAILED_REVERSAL})
"""These must be reversed, and no reversal is under way."""
