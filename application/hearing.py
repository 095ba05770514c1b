"""Speaking to gateways and hearing their answers: what an adapter says is checked before it is believed.

An adapter that raises, gives nothing or speaks of another transaction has told us nothing: the result is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter, contains
from types import NoneType
from typing import Final, TypeAlias, TypeVar, cast

import attrs
from returns.result import Failure, Success

from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.method import PaymentMethod, PaymentType, check_method
from payports.domain.money import Money
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Payment
from payports.domain.screening import InvalidInput, mask_card_numbers
from payports.domain.secret import HIDDEN, Secret
from payports.domain.transaction import (
    Channel,
    FailureType,
    NextAction,
    Observation,
    Transaction,
    TransactionStatus,
    TransactionType,
)
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
        attributes=transaction.attributes,
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
    if type(response) is not PaymentResponse:
        return PaymentResponse(
            seen=_unknown(Channel.ANSWER, f"the adapter gave {type(response).__name__}", request.transaction_id)
        )
    return PaymentResponse(
        seen=_heard(response.seen, request, Channel.ANSWER),
        raw=response.raw,
        method_properties=_safe_properties(response.method_properties),
    )


def look_up(gateway: Gateway, request: PaymentRequest, *, fence: bool) -> Observation | NotFoundYet:
    """Ask a gateway what became of a transaction."""
    found = _ask(partial(gateway.transactions.look_up, fence=fence), request)
    return found if isinstance(found, NotFoundYet) else _heard(found, request, Channel.LOOK_UP)


def confirm(gateway: Gateway, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
    """Ask a gateway for the outcome of what the shopper did elsewhere."""
    if gateway.actions is None:
        return look_up(gateway, request, fence=False)
    found = _ask(partial(gateway.actions.confirm, params=params), request)
    return found if isinstance(found, NotFoundYet) else _heard(found, request, Channel.RETURN)


def give_up(gateway: Gateway, request: PaymentRequest) -> Observation | NotFoundYet:
    """Let a gateway give up what waits for the shopper, if it can."""
    giving_up = getattr(gateway.actions, "give_up", None)  # an adapter may be older than this method
    if giving_up is None:
        return NotFoundYet("it cannot be told to give up")
    found = _ask(giving_up, request)
    return found if isinstance(found, NotFoundYet) else believable(found, request.transaction_id, Channel.LOOK_UP)


def check(gateway: Gateway, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
    """Let a gateway's validator look at a method; one that cannot say yes says no."""
    if gateway.validator is None:
        return None
    problem = _ask(partial(gateway.validator.check, method), payment_type)
    if problem is None or type(problem) is InvalidInput:
        return problem
    return InvalidInput("method", f"the adapter's check gave {type(problem).__name__}")


Kept: TypeAlias = Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]
Forgotten: TypeAlias = Outcome[None, NotExecuted | ResultUnknown]


def keep(gateway: Gateway, customer: Customer, method: PaymentMethod) -> Kept:
    """Let a gateway's vault keep a method, if it has one; else the method is kept as it is."""
    if gateway.vault is None:
        return Success(attrs.evolve(method, single_use=False))
    try:
        kept: Kept | None = gateway.vault.keep(customer, method)
    except Exception:  # noqa: BLE001 -- nobody knows what it did; its text may hold secrets
        kept = None
    except BaseException as interrupted:  # noqa: BLE001 -- raised again, without its frames
        raise _bare(interrupted) from None
    if isinstance(kept, Success) and (unfit := check_method(kept.unwrap())):
        return Failure(unfit)
    return kept or Failure(ResultUnknown(""))


def forget(gateway: Gateway, customer: Customer, method: PaymentMethod) -> Forgotten:
    """Let a gateway's vault forget a method, if it has one."""
    if gateway.vault is None:
        return Success(None)
    try:
        forgotten: Forgotten | None = gateway.vault.forget(customer, method)
    except Exception:  # noqa: BLE001 -- nobody knows what it did; its text may hold secrets
        forgotten = None
    except BaseException as interrupted:  # noqa: BLE001 -- raised again, without its frames
        raise _bare(interrupted) from None
    return forgotten or Failure(ResultUnknown(""))


_Asked = TypeVar("_Asked")


def present(gateway: Gateway, request: PaymentRequest, action: NextAction) -> NextAction:
    """Let a gateway complete an action for the browser; what comes is handed out and never kept."""
    actions = gateway.actions
    if actions is None:
        return action
    found = _ask(lambda asked: actions.present(asked, action), request)  # an adapter may be older than this method
    return (_safe_action(found) or action) if type(found) is NextAction else action


def _ask(call: Callable[[_Asked], object], request: _Asked) -> object:
    try:
        return call(request)
    except Exception as error:  # noqa: BLE001 -- an adapter's mistake must not lose a payment
        return error
    except BaseException as interrupted:  # noqa: BLE001 -- raised again, without its frames
        raise _bare(interrupted) from None


def _bare(interrupted: BaseException) -> BaseException:
    """An interruption without the frames of the adapter that it came from: whoever reports it would show the keys and tokens in them."""
    interrupted.__cause__ = interrupted.__context__ = None
    return interrupted.with_traceback(None)


def _heard(seen: object, request: PaymentRequest, channel: Channel) -> Observation:
    """What a gateway said to a request, without the secrets of the request that it may repeat in its texts."""
    found = believable(seen, request.transaction_id, channel)
    if not (found.code or found.message):
        return found
    secrets = [one.reveal() for one in request.method.properties.values()]
    return attrs.evolve(found, code=_without(found.code, secrets), message=_without(found.message, secrets))


_SHORTEST_SECRET: Final = 4
"""Anything shorter stands in ordinary words."""


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def believable(seen: object, transaction_id: str, channel: Channel) -> Observation:
    """Bind what was heard to the transaction that was asked about, and make its texts safe to keep and to log."""
    if type(seen) is not Observation:
        return _unknown(channel, f"the adapter gave {type(seen).__name__}", transaction_id)
    if type(seen.transaction_id) is str and seen.transaction_id not in ("", transaction_id):
        return _unknown(channel, "the gateway answered about another transaction", transaction_id)
    cleaned = clean(seen, about=transaction_id, channel=channel)
    return cleaned if cleaned else _unknown(channel, "the adapter's answer cannot be kept", transaction_id)


def clean(seen: object, *, about: str | None = None, channel: Channel | None = None) -> Observation | None:
    """Make an observation's texts safe to keep: printable, bounded, card numbers masked; ``None`` if it is none or cannot be kept.

    ``about`` and ``channel`` are put in the place of what it says itself.
    """
    if type(seen) is not Observation or not is_well_formed(seen):
        return None
    if not all(map(_is_reference, (seen.gateway_reference, seen.parent_reference, seen.account))):
        return None
    return attrs.evolve(
        seen,
        transaction_id=seen.transaction_id if about is None else about,
        channel=channel or seen.channel,
        code=plain(seen.code),
        message=plain(seen.message),
        attributes={name: mask_card_numbers(value) for name, value in seen.attributes if _is_value(name, value)},
        next_action=_safe_action(seen.next_action),
        operator="",
    )


_FIELDS: Final[Mapping[str, tuple[type, ...]]] = {
    "status": (TransactionStatus,),
    "transaction_id": (str,),
    "type": (TransactionType, NoneType),
    "amount": (Money, NoneType),
    "partial": (bool,),
    "gateway_reference": (str,),
    "parent_reference": (str,),
    "account": (str,),
    "code": (str,),
    "failure_type": (FailureType, NoneType),
    "hard": (bool,),
    "message": (str,),
    "next_action": (NextAction, NoneType),
    "flagged_for_review": (bool,),
}
_values: Final = attrgetter(*_FIELDS)


def is_well_formed(seen: Observation) -> bool:
    """Tell whether every field of an observation has its type: adapters and hosts need not be type-checked."""
    typed = all(map(contains, _FIELDS.values(), map(type, _values(seen))))
    return typed and _are_pairs(seen.attributes) and (seen.next_action is None or _is_action(seen.next_action))


def _is_action(action: NextAction) -> bool:
    texts = all(type(text) is str for text in (action.type, action.url, action.reference))
    return texts and type(action.fields) is tuple and _are_pairs(action.fields)


def _are_pairs(pairs: tuple[object, ...]) -> bool:
    return all(type(pair) is tuple and [str, str] == [type(text) for text in pair] for pair in pairs)  # pyright: ignore[reportUnknownVariableType] -- of anything


def _safe_action(action: NextAction | None) -> NextAction | None:
    if action is None:
        return None
    fields = tuple((name, value) for name, value in action.fields if _is_value(name, value))
    followed = action.url.startswith(("https://", "http://")) and _is_value("", action.url)
    return NextAction(
        type=plain(action.type),
        url=action.url if followed else "",
        reference=action.reference if _is_reference(action.reference) else "",
        fields=fields,
    )


def _safe_properties(properties: object) -> Mapping[str, Secret]:
    """Properties that a method may have; none at all if one of them is not to be kept."""
    if not isinstance(properties, Mapping) or not all(isinstance(one, Secret) for one in properties.values()):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return {}
    found = cast("Mapping[str, Secret]", properties)
    return {} if not found or check_method(PaymentMethod(found)) else found


def _is_value(name: str, value: str) -> bool:
    return len(value) <= _MAX_VALUE and value.isprintable() and _is_reference(name)


def _is_reference(reference: str) -> bool:
    return len(reference) <= _MAX_REFERENCE and reference.isprintable()


def plain(text: object) -> str:
    """Make a text from outside safe to keep and to log: printable, bounded, card numbers masked."""
    if type(text) is not str or not text:
        return ""
    text = text[:_MAX_MESSAGE]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return mask_card_numbers(text)


def _unknown(channel: Channel, message: str, transaction_id: str) -> Observation:
    return Observation(
        status=TransactionStatus.UNKNOWN, channel=channel, message=message, transaction_id=transaction_id
    )
