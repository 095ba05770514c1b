"""The closed sets that describe a transaction: its type, its status, why it failed and whether it is being undone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class TransactionType(StrEnum):
    """What kind of movement. The type carries the direction; amounts have no sign."""

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
    """How far it got; the later in this list, the higher its rank when facts are merged."""

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
"""Unknown never frees money: all of these count against limits."""


class FailureType(StrEnum):
    """Why a gateway said no, in words that all gateways share."""

    DECLINED = "DECLINED"
    INVALID_PAYMENT_METHOD = "INVALID_PAYMENT_METHOD"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    FRAUD = "FRAUD"
    EXPIRED = "EXPIRED"
    ABANDONED = "ABANDONED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    CONFIGURATION = "CONFIGURATION"


class ReversalState(StrEnum):
    """Whether a movement that no order wants is being undone."""

    NONE = "NONE"
    REVERSAL_CANDIDATE = "REVERSAL_CANDIDATE"
    REQUIRES_REVERSAL = "REQUIRES_REVERSAL"
    REVERSAL_IN_PROGRESS = "REVERSAL_IN_PROGRESS"
    REVERSED = "REVERSED"
    FAILED_REVERSAL = "FAILED_REVERSAL"


USABLE: Final = frozenset({ReversalState.NONE, ReversalState.REVERSAL_CANDIDATE})
"""On money that is owed back nothing is built but its reversal."""

OWED: Final = frozenset({ReversalState.REQUIRES_REVERSAL, ReversalState.FAILED_REVERSAL})
"""What must go back, and nothing is under way for it."""
