"""What an audit finds: the closed set of rules that a payment at rest may break, each finding with a sentence."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import attrs

from payports.domain.attention import attention_items
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction


class FindingKind(StrEnum):
    """Which rule is broken."""

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
    """One rule that a payment breaks, or a ``record`` that is kept beside payments.

    ``known``: a person is shown it already or has ruled on it, or recovery is at work on it.
    """

    kind: FindingKind
    payment_id: str
    transaction_id: str = ""
    message: str
    known: bool = False
    record: str = ""


@attrs.frozen(kw_only=True)
class AuditLimits:
    """How far clocks of several machines may lie apart (``tolerance``), and how far away a next look may be (``horizon``)."""

    tolerance: timedelta = timedelta(minutes=5)
    horizon: timedelta = timedelta(days=30)


def is_explained(payment: Payment, one: Transaction) -> bool:
    """Tell whether something odd about a transaction is explained: made outside, shown to a person, or ruled on by one."""
    return one.observed_only or one.judgement.ruled or any(attention_items(payment, one))


def new_finding(
    kind: FindingKind, payment: Payment, message: str, one: Transaction | None = None, *, known: bool = False
) -> Finding:
    """Name what is wrong with a payment, or with one transaction of it."""
    return Finding(kind=kind, payment_id=payment.id, transaction_id=one.id if one else "", message=message, known=known)
