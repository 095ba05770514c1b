"""Build observations: what is certain when nothing was sent, nothing came back, or the gateway refused.

No amount is compared here. An adapter reports what the gateway says; the core (``domain.judgement``) finds what differs from the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from payports.adapters.gateways.kit.http_results import Answer, NotSent, SendResult
from payports.domain.card_data import mask_card_numbers
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_MAX_EXCERPT: Final = 500


def observation_of(
    request: PaymentRequest,
    channel: Channel,
    status: TransactionStatus,
    message: str = "",
    *,
    code: str = "",
    failure_type: FailureType | None = None,
) -> Observation:
    """An observation about the transaction that was requested."""
    return Observation(
        status=status,
        channel=channel,
        transaction_id=request.transaction_id,
        type=request.type,
        message=message,
        code=code,
        failure_type=failure_type,
    )


def succeeded(request: PaymentRequest, channel: Channel, amount: Money, reference: str) -> Observation:
    """Money moved: ``amount`` is what the gateway says it moved, ``reference`` its name for the transaction."""
    seen = observation_of(request, channel, TransactionStatus.SUCCEEDED)
    return attrs.evolve(seen, amount=amount, gateway_reference=reference)


def declined(
    request: PaymentRequest, channel: Channel, code: str, failure_type: FailureType, *, hard: bool = False
) -> Observation:
    """The gateway or the issuer refused, with a ``code``; ``hard``: the same method will be refused again."""
    seen = observation_of(request, channel, TransactionStatus.DECLINED, code=code, failure_type=failure_type)
    return attrs.evolve(seen, hard=hard)


def unknown(request: PaymentRequest, channel: Channel, message: str = "", *, code: str = "") -> Observation:
    """Nobody can tell what became of the request: it is looked up again."""
    return observation_of(request, channel, TransactionStatus.UNKNOWN, message, code=code)


def not_executed(request: PaymentRequest, channel: Channel, message: str = "", *, code: str = "") -> Observation:
    """It is proven that nothing was done, because this gateway cannot do it."""
    status, failure = TransactionStatus.NOT_EXECUTED, FailureType.NOT_POSSIBLE
    return observation_of(request, channel, status, message, code=code, failure_type=failure)


def interpret_execution(
    sent: SendResult, request: PaymentRequest, read: Callable[[Answer], PaymentResponse]
) -> PaymentResponse:
    """Say what came of executing a transaction: not executed if it never left, unknown if it was lost, else what ``read`` finds."""
    if isinstance(sent, Answer):
        return read(sent)
    status = TransactionStatus.NOT_EXECUTED if isinstance(sent, NotSent) else TransactionStatus.UNKNOWN
    return PaymentResponse(seen=observation_of(request, Channel.ANSWER, status, sent.reason))


def interpret_inquiry(
    sent: SendResult, request: PaymentRequest, channel: Channel, read: Callable[[Answer], Observation | NotFoundYet]
) -> Observation | NotFoundYet:
    """Say what came of asking about a transaction. Without an answer nothing is proven: the result stays unknown."""
    return read(sent) if isinstance(sent, Answer) else unknown(request, channel, NOT_ASKED)


NOT_ASKED: Final = "the gateway gave no answer to the look-up"


def excerpt(fields: Mapping[str, object]) -> str:
    """What of a raw answer may be kept as ``PaymentResponse.raw``: name only fields without secrets or a shopper's words."""
    return mask_card_numbers(json.dumps(dict(fields))[:_MAX_EXCERPT])
