"""Speaking to gateways and hearing their answers: what an adapter says is checked before it is believed.

An adapter that raises, gives nothing or speaks of another transaction has told us nothing: the result is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import attrs

from payports.domain.payment import Payment
from payports.domain.screening import mask_card_numbers
from payports.domain.transaction import Channel, NextAction, Observation, Transaction, TransactionStatus
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, PaymentResponse

_MAX_MESSAGE: Final = 500
_MAX_REFERENCE: Final = 255
_MAX_VALUE: Final = 4_000


def request_for(payment: Payment, transaction: Transaction, return_url: str = "") -> PaymentRequest:
    """Build what a gateway needs to execute, look up or confirm one transaction."""
    parent = payment.parent_of(transaction)
    return PaymentRequest(
        transaction_id=transaction.id,
        type=transaction.type,
        amount=transaction.requested,
        payment_id=payment.id,
        owner=payment.owner,
        method=payment.method,
        payment_type=payment.type,
        sent_at=transaction.created_at,
        parent_id=parent.id if parent else "",
        gateway_reference=transaction.gateway_reference,
        parent_reference=parent.gateway_reference if parent else "",
        parent_attributes=parent.attributes if parent else {},
        customer=payment.customer,
        billing=payment.billing,
        shipping=payment.shipping,
        line_items=payment.line_items,
        pass_through=payment.pass_through,
        return_url=return_url,
    )


def execute(gateway: Gateway, request: PaymentRequest, *, reverses: bool = False) -> PaymentResponse:
    """Let a gateway execute one transaction; whatever goes wrong in the adapter is an unknown result."""
    own_way = gateway.rollback if reverses else None
    response = _ask(own_way.roll_back if own_way else gateway.transactions.execute, request)
    if not isinstance(response, PaymentResponse):
        return PaymentResponse(
            seen=_unknown(Channel.ANSWER, f"the adapter gave {type(response).__name__}", request.transaction_id)
        )
    return attrs.evolve(response, seen=believable(response.seen, request.transaction_id, Channel.ANSWER))


def look_up(gateway: Gateway, request: PaymentRequest, *, fence: bool) -> Observation | NotFoundYet:
    """Ask a gateway what became of a transaction."""
    found = _ask(partial(gateway.transactions.look_up, fence=fence), request)
    return found if isinstance(found, NotFoundYet) else believable(found, request.transaction_id, Channel.LOOK_UP)


def confirm(gateway: Gateway, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
    """Ask a gateway for the outcome of what the shopper did elsewhere."""
    if gateway.actions is None:
        return look_up(gateway, request, fence=False)
    found = _ask(partial(gateway.actions.confirm, params=params), request)
    return found if isinstance(found, NotFoundYet) else believable(found, request.transaction_id, Channel.RETURN)


def _ask(call: Callable[[PaymentRequest], object], request: PaymentRequest) -> object:
    try:
        return call(request)
    except Exception as error:  # noqa: BLE001 -- an adapter's mistake must not lose a payment
        return error


def believable(seen: object, transaction_id: str, channel: Channel) -> Observation:
    """Bind what was heard to the transaction that was asked about, and make its texts safe to keep and to log."""
    if type(seen) is not Observation:
        return _unknown(channel, f"the adapter gave {type(seen).__name__}", transaction_id)
    if seen.transaction_id not in ("", transaction_id):
        return _unknown(channel, "the gateway answered about another transaction", transaction_id)
    cleaned = clean(attrs.evolve(seen, transaction_id=transaction_id, channel=channel))
    return cleaned if cleaned else _unknown(channel, "the gateway's reference cannot be kept", transaction_id)


def clean(seen: Observation) -> Observation | None:
    """Make an observation's texts safe to keep: printable, bounded, card numbers masked; ``None`` if its references cannot be kept."""
    if not (_is_reference(seen.gateway_reference) and _is_reference(seen.parent_reference)):
        return None
    attributes = {name: mask_card_numbers(value) for name, value in seen.attributes if len(value) <= _MAX_VALUE}
    return attrs.evolve(
        seen,
        code=_plain(seen.code),
        message=_plain(seen.message),
        attributes=attributes,
        next_action=_safe_action(seen.next_action),
    )


def _safe_action(action: NextAction | None) -> NextAction | None:
    if action is None or action.url.startswith(("https://", "http://")) or not action.url:
        return action
    return attrs.evolve(action, url="")


def _is_reference(reference: str) -> bool:
    return len(reference) <= _MAX_REFERENCE and reference.isprintable()


def _plain(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:_MAX_MESSAGE])
    return mask_card_numbers(printable)


def _unknown(channel: Channel, message: str, transaction_id: str) -> Observation:
    return Observation(
        status=TransactionStatus.UNKNOWN, channel=channel, message=message, transaction_id=transaction_id
    )
