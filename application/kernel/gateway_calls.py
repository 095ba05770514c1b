"""Speaking to gateways and hearing their answers: what an adapter says is checked before it is believed.

An adapter that raises, gives nothing or speaks of another transaction has told us nothing: the result is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias, TypeVar

import attrs
from returns.result import Failure, Success

from payports.application.kernel.sanitizing import bound_observation, safe_action, safe_properties, unknown_result
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.input_checks import InvalidInput
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Payment
from payports.domain.payment_method import PaymentMethod, PaymentType, check_method
from payports.domain.secret import HIDDEN
from payports.domain.transaction import Transaction
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, PaymentResponse


def payment_request(payment: Payment, transaction: Transaction, return_url: str = "") -> PaymentRequest:
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
            seen=unknown_result(Channel.ANSWER, f"the adapter gave {type(response).__name__}", request.transaction_id)
        )
    return PaymentResponse(
        seen=_heard(response.seen, request, Channel.ANSWER),
        raw=response.raw,
        method_properties=safe_properties(response.method_properties),
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
    return (
        found if isinstance(found, NotFoundYet) else bound_observation(found, request.transaction_id, Channel.LOOK_UP)
    )


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
    return (safe_action(found) or action) if type(found) is NextAction else action


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
    found = bound_observation(seen, request.transaction_id, channel)
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
