"""A payment compared with its gateway: looked up without a fence; differences are reported and nothing is recorded."""

from __future__ import annotations

from typing import Final

from returns.result import Failure

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.application.kernel.status_inquiry import is_in_flight
from payports.domain.audit.findings import Finding, FindingKind, is_explained, new_finding
from payports.domain.capabilities import LookUp
from payports.domain.observation import Observation
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FAILED, TransactionStatus
from payports.ports.gateway import NotFoundYet

_PROMISED: Final = frozenset({TransactionStatus.SUCCEEDED, TransactionStatus.AWAITING_RESULT})
_OPEN: Final = frozenset(
    {
        TransactionStatus.SENDING_TO_PROCESSOR,
        TransactionStatus.UNKNOWN,
        TransactionStatus.REQUIRES_ACTION,
        TransactionStatus.AWAITING_RESULT,
    }
)


def compare_with_gateway(env: Environment, payment: Payment) -> tuple[int, tuple[Finding, ...]]:
    """Look up every transaction of a payment; gives how many were looked up, and the differences."""
    compared = [
        transaction
        for transaction in payment.transactions
        if not transaction.implied_by and not is_in_flight(transaction, env)
    ]
    configured = env.gateways.find(payment.gateway, "look-up")
    if isinstance(configured, Failure):
        message = f"gateway {payment.gateway} is not configured any more and cannot be asked"
        return 0, (new_finding(FindingKind.GATEWAY_SILENT, payment, message),) if compared else ()
    gateway = configured.unwrap().gateway
    if gateway.transactions.capabilities.look_up is LookUp.NONE:
        return 0, ()
    differences: list[Finding] = []
    for transaction in compared:
        answer = gateway_calls.look_up(gateway, gateway_calls.payment_request(payment, transaction), fence=False)
        difference = _difference(payment, transaction, answer)
        if difference:
            differences.append(difference)
    return len(compared), tuple(differences)


def _difference(payment: Payment, transaction: Transaction, answer: Observation | NotFoundYet) -> Finding | None:
    if isinstance(answer, NotFoundYet):
        if transaction.status not in _PROMISED or transaction.observed_only:
            return None
        message = f"{transaction.type} is {transaction.status}, and the gateway does not know it"
        return new_finding(
            FindingKind.GATEWAY_DIFFERS, payment, message, transaction, known=is_explained(payment, transaction)
        )
    if answer.status is TransactionStatus.UNKNOWN:
        if transaction.status is TransactionStatus.UNKNOWN:
            return None
        message = f"the gateway could not be asked about {transaction.type}: {answer.message or 'no usable answer'}"
        return new_finding(FindingKind.GATEWAY_SILENT, payment, message, transaction)
    message = _contradiction(transaction, answer)
    if not message:
        return None
    waits = transaction.status in _OPEN and transaction.due_at is not None
    return new_finding(
        FindingKind.GATEWAY_DIFFERS, payment, message, transaction, known=waits or is_explained(payment, transaction)
    )


def _contradiction(transaction: Transaction, answer: Observation) -> str:
    """Say where the gateway's answer differs. A transaction that failed here may be open there or have failed otherwise: no money moved."""
    failed = transaction.status in FAILED and answer.status is not TransactionStatus.SUCCEEDED
    if answer.status is not transaction.status and not failed:
        return f"{transaction.type} is {transaction.status}, the gateway says {answer.status}"
    if not transaction.succeeded:
        return ""
    if answer.amount is not None and answer.amount != transaction.amount:
        return f"{transaction.type} moved {transaction.amount}, the gateway says {answer.amount}"
    if (
        answer.gateway_reference
        and transaction.gateway_reference
        and answer.gateway_reference != transaction.gateway_reference
    ):
        return (
            f"{transaction.type} is {transaction.gateway_reference} here, and {answer.gateway_reference} at the gateway"
        )
    return ""
