"""Comparing a payment with what its gateway knows: asked without a fence, reported, never recorded."""

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
    """Ask the gateway about every transaction of a payment; gives how many it was asked about, and where it says otherwise."""
    asked = [one for one in payment.transactions if not one.implied_by and not is_in_flight(one, env)]
    configured = env.gateways.find(payment.gateway, "look-up")
    if isinstance(configured, Failure):
        said = f"gateway {payment.gateway} is not configured any more and cannot be asked"
        return 0, (new_finding(FindingKind.GATEWAY_SILENT, payment, said),) if asked else ()
    gateway = configured.unwrap().gateway
    if gateway.transactions.capabilities.look_up is LookUp.NONE:
        return 0, ()
    found: list[Finding] = []
    for one in asked:
        answer = gateway_calls.look_up(gateway, gateway_calls.payment_request(payment, one), fence=False)
        differs = _difference(payment, one, answer)
        if differs:
            found.append(differs)
    return len(asked), tuple(found)


def _difference(payment: Payment, one: Transaction, answer: Observation | NotFoundYet) -> Finding | None:
    if isinstance(answer, NotFoundYet):
        if one.status not in _PROMISED or one.observed_only:
            return None
        said = f"{one.type} is {one.status}, and the gateway does not know it"
        return new_finding(FindingKind.GATEWAY_DIFFERS, payment, said, one, known=is_explained(payment, one))
    if answer.status is TransactionStatus.UNKNOWN:
        if one.status is TransactionStatus.UNKNOWN:
            return None
        said = f"the gateway could not be asked about {one.type}: {answer.message or 'no usable answer'}"
        return new_finding(FindingKind.GATEWAY_SILENT, payment, said, one)
    said = _otherwise(one, answer)
    if not said:
        return None
    waits = one.status in _OPEN and one.due_at is not None
    return new_finding(FindingKind.GATEWAY_DIFFERS, payment, said, one, known=waits or is_explained(payment, one))


def _otherwise(one: Transaction, answer: Observation) -> str:
    """What the gateway says otherwise. What failed with us may be open there, or have failed in another way: no money moved."""
    failed = one.status in FAILED and answer.status is not TransactionStatus.SUCCEEDED
    if answer.status is not one.status and not failed:
        return f"{one.type} is {one.status}, the gateway says {answer.status}"
    if not one.succeeded:
        return ""
    if answer.amount is not None and answer.amount != one.amount:
        return f"{one.type} moved {one.amount}, the gateway says {answer.amount}"
    if answer.gateway_reference and one.gateway_reference and answer.gateway_reference != one.gateway_reference:
        return f"{one.type} is {one.gateway_reference} here, and {answer.gateway_reference} at the gateway"
    return ""
