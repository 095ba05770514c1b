"""The findings of an audit: which rule a stored payment breaks, and a sentence that says how."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import attrs

from payports.domain.attention import attention_items
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction


class FindingKind(StrEnum):
    """The rule that is broken."""

    AMOUNT = "AMOUNT"
    CURRENCY = "CURRENCY"
    IDENTITY = "IDENTITY"
    LIFECYCLE = "LIFECYCLE"
    LIMIT = "LIMIT"
    TIME = "TIME"
    REVERSAL = "REVERSAL"
    RELEASE = "RELEASE"
    ORPHAN = "ORPHAN"
    REFERENCE = "REFERENCE"
    HISTORY_GAP = "HISTORY_GAP"
    HISTORY_DIFFERS = "HISTORY_DIFFERS"
    VERSION = "VERSION"
    REQUEST = "REQUEST"
    SAVED_METHOD = "SAVED_METHOD"
    CHECKOUT = "CHECKOUT"
    COVER = "COVER"
    UNREADABLE = "UNREADABLE"
    ROWS = "ROWS"
    CAUSE = "CAUSE"
    INBOX = "INBOX"
    DELIVERY = "DELIVERY"
    LEASE = "LEASE"
    GATEWAY_DIFFERS = "GATEWAY_DIFFERS"
    GATEWAY_SILENT = "GATEWAY_SILENT"


@attrs.frozen(kw_only=True)
class Finding:
    """A broken rule of a payment, or of a related ``record``.

    ``known``: it is listed for attention already, an operator has ruled on it, or recovery works on it.
    """

    kind: FindingKind
    payment_id: str
    transaction_id: str = ""
    message: str
    known: bool = False
    record: str = ""


@attrs.frozen(kw_only=True)
class AuditLimits:
    """How far the clocks of several machines may differ (``tolerance``), and how far ahead a due date may lie (``horizon``)."""

    tolerance: timedelta = timedelta(minutes=5)
    horizon: timedelta = timedelta(days=30)


def is_explained(payment: Payment, transaction: Transaction) -> bool:
    """Tell whether an anomaly is explained: the transaction was made outside, is listed for attention, or an operator has ruled on it."""
    return transaction.observed_only or transaction.judgement.ruled or any(attention_items(payment, transaction))


def new_finding(
    kind: FindingKind, payment: Payment, message: str, transaction: Transaction | None = None, *, known: bool = False
) -> Finding:
    """Build the finding for a payment or one of its transactions."""
    return Finding(
        kind=kind,
        payment_id=payment.id,
        transaction_id=transaction.id if transaction else "",
        message=message,
        known=known,
    )
