"""Fold a payment's ledger into amounts and flags. The third of the three functions of the core.

A summary holds nothing secret: other services and pages may see it.
"""

from __future__ import annotations

from typing import Final

import attrs
from returns.result import Failure

from payports.domain.availability import find_availability
from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.ledger import net_of, sum_of
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CAPTURING,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    DETACHED_CREDIT,
    INITIATING,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import Money
from payports.domain.observation import NextAction
from payports.domain.payment import Owner, Payment
from payports.domain.payment_method import PaymentType
from payports.domain.transaction_types import TransactionStatus, TransactionType

UNLIMITED: Final = Capabilities(
    types=frozenset(TransactionType),
    partial_capture=PartialCapture.MULTIPLE,
    partial_refund=True,
    reverse_authorization=ReverseAuthorization.PARTIAL,
)
"""The capabilities of a gateway that refuses nothing, for what the ledger alone permits."""


@attrs.frozen(kw_only=True)
class PaymentSummary:
    """The amounts of a payment, all in its currency.

    ``amount_authorized`` is authorized - reversed; ``amount_captured`` captured - voided - refunded (an authorize-and-capture counts as
    captured); ``total_ever_captured`` subtracts nothing; ``amount_awaiting`` is initiating money whose result the gateway still owes.
    Each ``amount_available_for_…`` is the most that one request could ask now. ``reverse_auth_remainder``: only all the rest at once.
    Source: Broadleaf's payment summary.
    """

    payment_id: str
    owner: Owner
    gateway: str
    type: PaymentType
    amount: Money
    amount_authorized: Money
    amount_captured: Money
    total_ever_captured: Money
    amount_refunded: Money
    amount_voided: Money
    amount_credited: Money
    amount_settled: Money
    amount_charged_back: Money
    amount_awaiting: Money
    amount_available_for_authorize: Money
    amount_available_for_authorize_and_capture: Money
    amount_available_for_capture: Money
    amount_available_for_reverse_authorization: Money
    amount_available_for_void: Money
    amount_available_for_refund: Money
    fully_authorized: bool
    fully_captured: bool
    partially_captured: bool
    reverse_auth_remainder: bool
    next_action: NextAction | None


def summarize(payment: Payment, capabilities: Capabilities = UNLIMITED) -> PaymentSummary:
    """Summarize the ledger. With the gateway's ``capabilities`` the available amounts are what that gateway would accept."""
    captured_ever = sum_of(payment, *CAPTURING)
    authorized = net_of(payment, {AUTHORIZE}, REVERSE_AUTH)
    captured = net_of(payment, CAPTURING, VOID, REFUND)

    def money(minor: int) -> Money:
        return Money(minor, payment.currency)

    def available(kind: TransactionType) -> Money:
        return money(_available(payment, kind, capabilities))

    return PaymentSummary(
        payment_id=payment.id,
        owner=payment.owner,
        gateway=payment.gateway,
        type=payment.type,
        amount=payment.amount,
        amount_authorized=money(authorized),
        amount_captured=money(captured),
        total_ever_captured=money(captured_ever),
        amount_refunded=money(sum_of(payment, REFUND)),
        amount_voided=money(sum_of(payment, VOID)),
        amount_credited=money(sum_of(payment, DETACHED_CREDIT)),
        amount_settled=money(sum_of(payment, SETTLED)),
        amount_charged_back=money(net_of(payment, {CHARGEBACK}, CHARGEBACK_REVERSAL)),
        amount_awaiting=money(_awaiting(payment)),
        amount_available_for_authorize=available(AUTHORIZE),
        amount_available_for_authorize_and_capture=available(AUTHORIZE_AND_CAPTURE),
        amount_available_for_capture=available(CAPTURE),
        amount_available_for_reverse_authorization=available(REVERSE_AUTH),
        amount_available_for_void=available(VOID),
        amount_available_for_refund=available(REFUND),
        fully_authorized=authorized == payment.amount.minor,
        fully_captured=captured == payment.amount.minor,
        partially_captured=0 < captured < payment.amount.minor,
        reverse_auth_remainder=capabilities.reverse_authorization is ReverseAuthorization.REMAINDER,
        next_action=next(
            (transaction.next_action for transaction in payment.transactions if transaction.next_action), None
        ),
    )


def _awaiting(payment: Payment) -> int:
    return sum(
        transaction.amount.minor
        for transaction in payment.transactions
        if transaction.type in INITIATING and transaction.status is TransactionStatus.AWAITING_RESULT
    )


def _available(payment: Payment, kind: TransactionType, capabilities: Capabilities) -> int:
    if not capabilities.supports(kind):
        return 0
    found = find_availability(payment, kind, capabilities)
    return 0 if isinstance(found, Failure) else sum(availability.minor for availability in found.unwrap())
