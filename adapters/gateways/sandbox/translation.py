"""Translate between payports and the bank's messages: pure, and total in what comes from outside.

The default result is *unknown*. Success needs an answer that names our transaction, its type, its account and an amount; whether the
amount is the one that was requested is judged by the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from payports.adapters.gateways.kit.http_results import Answer, SendResult
from payports.adapters.gateways.kit.json_reading import JsonObject, money, nested, read_object, text
from payports.adapters.gateways.kit.observations import excerpt, interpret_execution, interpret_inquiry, unknown
from payports.adapters.gateways.kit.refusals import REFUSALS, refusal_of
from payports.adapters.gateways.ledger.rules import AccountTerms
from payports.adapters.gateways.sandbox.messages import ENVIRONMENT, STATUSES
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_STATUSES: Final = dict(
    zip(
        STATUSES.values(),
        (
            TransactionStatus.SUCCEEDED,
            TransactionStatus.DECLINED,
            TransactionStatus.REQUIRES_ACTION,
            TransactionStatus.AWAITING_RESULT,
            TransactionStatus.NOT_EXECUTED,
            TransactionStatus.REVOKED,
        ),
        strict=True,
    )
)

_REFUSALS: Final[Mapping[int, FailureType]] = MappingProxyType({**REFUSALS, 404: FailureType.CONFIGURATION})
"""The bank has no resources that could be missing: a 404 means a wrong URL."""

_EXCERPT: Final = ("reference", "status", "type", "amount_minor", "currency", "partial", "code")
"""What of a raw answer is kept: names and amounts, no token, no URL, nothing that a shopper wrote."""


def execution_message(request: PaymentRequest, account: str, terms: AccountTerms, token: str) -> dict[str, Any]:
    """Write the message that executes a transaction."""
    return {
        **inquiry_message(request, account),
        "token": token,
        "parent": request.parent_reference,
        "return_url": request.return_url,
        "pass_through": dict(request.pass_through),
        "terms": {
            "partial_capture": terms.partial_capture.value,
            "detached_credit": terms.detached_credit,
            "refund_requires_settlement": terms.refund_requires_settlement,
        },
    }


def inquiry_message(request: PaymentRequest, account: str) -> dict[str, Any]:
    """Write the message that looks a transaction up."""
    return {
        "key": request.transaction_id,
        "account": account,
        "type": request.type.value,
        "amount_minor": request.amount.minor,
        "currency": request.amount.currency.code,
    }


def read_answer(sent: SendResult, request: PaymentRequest, account: str) -> PaymentResponse:
    """Read the result of executing a transaction. Total."""
    return interpret_execution(sent, request, lambda answer: _read_execution(answer, request, account))


def _read_execution(answer: Answer, request: PaymentRequest, account: str) -> PaymentResponse:
    document = read_object(answer.body)
    if answer.status == 200 and document is not None:
        payload = nested(document, "transaction")
        seen = _read_requested(payload, request, account, Channel.ANSWER)
        return PaymentResponse(seen=seen, raw=excerpt({name: payload[name] for name in _EXCERPT if name in payload}))
    code = text(nested(document or {}, "error"), "code", 100)
    refusal = refusal_of(answer.status, request, code=code, refusals=_REFUSALS)
    return PaymentResponse(seen=refusal, raw=f"status {answer.status} {code}")


def read_inquiry(
    sent: SendResult, request: PaymentRequest, account: str, channel: Channel
) -> Observation | NotFoundYet:
    """Read the result of looking a transaction up. Total: what is no usable answer is an unknown result."""
    return interpret_inquiry(sent, request, channel, lambda answer: _read_inquiry(answer, request, account, channel))


def _read_inquiry(answer: Answer, request: PaymentRequest, account: str, channel: Channel) -> Observation | NotFoundYet:
    document = read_object(answer.body) or {}
    if answer.status == 404 and text(nested(document, "error"), "code") == "not_found":
        return NotFoundYet("the bank does not know the transaction")
    if answer.status != 200:
        return unknown(request, channel, f"the gateway answered with status {answer.status}")
    return _read_requested(nested(document, "transaction"), request, account, channel)


def _read_requested(payload: JsonObject, request: PaymentRequest, account: str, channel: Channel) -> Observation:
    """Read a transaction that should be the requested one; unknown if it is another or another account's."""
    seen = read_transaction(payload, channel)
    if seen is None or seen.transaction_id != request.transaction_id or seen.type is not request.type:
        return unknown(request, channel, "the answer is unreadable or about another transaction")
    if seen.account != account:
        return attrs.evolve(seen, status=TransactionStatus.UNKNOWN, message="the answer is about another account")
    return seen


def read_transaction(payload: JsonObject, channel: Channel) -> Observation | None:
    """Read a transaction from an answer or a notification; nothing if it is incomplete."""
    status, kind = _STATUSES.get(text(payload, "status")), text(payload, "type")
    reference, amount = text(payload, "reference", 255), money(payload)
    if status is None or kind not in TransactionType.__members__ or not reference or not text(payload, "account"):
        return None
    if text(payload, "environment") != ENVIRONMENT or payload.get("key") != (key := text(payload, "key", 255)):
        return None
    moved = status in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)
    action = _action(nested(payload, "action"))
    if (moved and not amount) or (status is TransactionStatus.REQUIRES_ACTION and action is None):
        return None
    failed = status is TransactionStatus.DECLINED
    return Observation(
        status=status,
        channel=channel,
        transaction_id=key,
        type=TransactionType(kind),
        amount=amount if moved else None,
        partial=moved and payload.get("partial") is True,
        gateway_reference="" if status is TransactionStatus.NOT_EXECUTED else reference,
        parent_reference=text(payload, "parent", 255),
        account=text(payload, "account"),
        code=text(payload, "code", 100),
        failure_type=_failure(text(payload, "failure")) if failed else None,
        hard=failed and payload.get("hard") is True,
        next_action=action if status is TransactionStatus.REQUIRES_ACTION else None,
    )


def _action(payload: JsonObject) -> NextAction | None:
    kind, url, reference = text(payload, "type"), text(payload, "url", 4_000), text(payload, "reference", 255)
    if kind not in ("challenge", "hosted_page") or not reference or not url.startswith(("http://", "https://")):
        return None
    return NextAction(type=kind, url=url, reference=reference)


def _failure(word: str) -> FailureType:
    return FailureType(word) if word in FailureType.__members__ else FailureType.DECLINED
