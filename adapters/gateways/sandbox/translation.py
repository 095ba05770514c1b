"""Between the words of payports and those of the bank: pure, and total in what comes from outside.

The default of an answer is *unknown*. Success needs an answer that names our transaction, its type, its account and its amount.
"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from payports.adapters.gateways.book.rules import Terms
from payports.adapters.gateways.kit.http_results import Answer, Lost, NotSent, Sent
from payports.adapters.gateways.kit.json_reading import JsonObject, money, nested, read_object, text
from payports.adapters.gateways.sandbox.messages import ENVIRONMENT, WORDS
from payports.domain.card_data import mask_card_numbers
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_STATUSES: Final = dict(
    zip(
        WORDS.values(),
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

_REFUSED: Final = {
    401: FailureType.CONFIGURATION,
    403: FailureType.CONFIGURATION,
    404: FailureType.CONFIGURATION,
    400: FailureType.NOT_POSSIBLE,
    402: FailureType.NOT_POSSIBLE,
    405: FailureType.CONFIGURATION,
    410: FailureType.NOT_POSSIBLE,
    413: FailureType.NOT_POSSIBLE,
    415: FailureType.CONFIGURATION,
    421: FailureType.CONFIGURATION,
    429: FailureType.NOT_POSSIBLE,
}
"""The refusals that say that nothing was done. All others leave it open: 409 (in progress) and 422 (the key was used) too."""


def execution_of(request: PaymentRequest, account: str, terms: Terms, token: str) -> dict[str, Any]:
    """Write the message that asks to execute a transaction."""
    return {
        **question_about(request, account),
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


def question_about(request: PaymentRequest, account: str) -> dict[str, Any]:
    """Write what a transaction is, for a look-up."""
    return {
        "key": request.transaction_id,
        "account": account,
        "type": request.type.value,
        "amount_minor": request.amount.minor,
        "currency": request.amount.currency.code,
    }


def read_answer(sent: Sent, asked: PaymentRequest, account: str) -> PaymentResponse:
    """Read what came of executing a transaction. Total."""
    match sent:
        case NotSent():
            return PaymentResponse(seen=_seen(TransactionStatus.NOT_EXECUTED, Channel.ANSWER, asked, sent.reason))
        case Lost():
            return PaymentResponse(seen=_seen(TransactionStatus.UNKNOWN, Channel.ANSWER, asked, sent.reason))
        case Answer():
            return _read_answer(sent, asked, account)


def _read_answer(answer: Answer, asked: PaymentRequest, account: str) -> PaymentResponse:
    said = read_object(answer.body)
    if answer.status == 200 and said is not None:
        seen = _about(nested(said, "transaction"), asked, account, Channel.ANSWER)
        return PaymentResponse(seen=seen, raw=_excerpt(nested(said, "transaction")))
    refused = _REFUSED.get(answer.status)
    seen = _seen(
        TransactionStatus.NOT_EXECUTED if refused else TransactionStatus.UNKNOWN,
        Channel.ANSWER,
        asked,
        f"the bank answered with status {answer.status}",
    )
    code = text(nested(said or {}, "error"), "code", 100)
    return PaymentResponse(
        seen=attrs.evolve(seen, code=code, failure_type=refused), raw=f"status {answer.status} {code}"
    )


def read_finding(sent: Sent, asked: PaymentRequest, account: str, channel: Channel) -> Observation | NotFoundYet:
    """Read what came of asking about a transaction. Total: what is no usable answer is an unknown result."""
    if not isinstance(sent, Answer):
        return _seen(TransactionStatus.UNKNOWN, channel, asked, "the bank could not be asked")
    said = read_object(sent.body) or {}
    if sent.status == 404 and text(nested(said, "error"), "code") == "not_found":
        return NotFoundYet("the bank does not know it")
    if sent.status != 200:
        return _seen(TransactionStatus.UNKNOWN, channel, asked, f"the bank answered with status {sent.status}")
    return _about(nested(said, "transaction"), asked, account, channel)


def _about(told: JsonObject, asked: PaymentRequest, account: str, channel: Channel) -> Observation:
    """Read a transaction that should be the one asked about, and believe a success only if all of it fits."""
    seen = read_transaction(told, channel)
    if seen is None or seen.transaction_id != asked.transaction_id or seen.type is not asked.type:
        return _seen(TransactionStatus.UNKNOWN, channel, asked, "the answer is unreadable or about something else")
    if seen.account != account:
        return attrs.evolve(seen, status=TransactionStatus.UNKNOWN, message="the answer is about another account")
    if seen.amount is not None and not _fits(seen.amount, asked.amount, seen.partial):
        return attrs.evolve(seen, status=TransactionStatus.UNKNOWN, message="the answer is about another amount")
    return seen


def _fits(said: Money, asked: Money, partial: bool) -> bool:
    return said == asked or (partial and said.currency == asked.currency and said < asked)


def read_transaction(told: JsonObject, channel: Channel) -> Observation | None:
    """Read a transaction as the bank tells it, in an answer or a notification; nothing if it is incomplete."""
    status, kind, reference = _STATUSES.get(text(told, "status")), text(told, "type"), text(told, "reference", 255)
    amount = money(told)
    if status is None or kind not in TransactionType.__members__ or not reference or not text(told, "account"):
        return None
    if text(told, "environment") != ENVIRONMENT or told.get("key") != (key := text(told, "key", 255)):
        return None
    moved = status in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)
    action = _action(nested(told, "action"))
    if (moved and not amount) or (status is TransactionStatus.REQUIRES_ACTION and action is None):
        return None
    failed = status is TransactionStatus.DECLINED
    return Observation(
        status=status,
        channel=channel,
        transaction_id=key,
        type=TransactionType(kind),
        amount=amount if moved else None,
        partial=moved and told.get("partial") is True,
        gateway_reference="" if status is TransactionStatus.NOT_EXECUTED else reference,
        parent_reference=text(told, "parent", 255),
        account=text(told, "account"),
        code=text(told, "code", 100),
        failure_type=_failure(text(told, "failure")) if failed else None,
        hard=failed and told.get("hard") is True,
        next_action=action if status is TransactionStatus.REQUIRES_ACTION else None,
    )


def _action(told: JsonObject) -> NextAction | None:
    kind, url, reference = text(told, "type"), text(told, "url", 4_000), text(told, "reference", 255)
    if kind not in ("challenge", "hosted_page") or not reference or not url.startswith(("http://", "https://")):
        return None
    return NextAction(type=kind, url=url, reference=reference)


def _failure(word: str) -> FailureType:
    return FailureType(word) if word in FailureType.__members__ else FailureType.DECLINED


def _seen(status: TransactionStatus, channel: Channel, asked: PaymentRequest, message: str) -> Observation:
    return Observation(status=status, channel=channel, transaction_id=asked.transaction_id, message=message)


def _excerpt(told: JsonObject) -> str:
    """What of a raw answer may be kept: names and amounts, no token, no URL, nothing that a shopper wrote."""
    kept = ("reference", "status", "type", "amount_minor", "currency", "partial", "code")
    return mask_card_numbers(json.dumps({name: told[name] for name in kept if name in told})[:500])
