"""Calls to gateways: every answer of an adapter is checked before it is used.

An adapter that raises, returns something else than its port says or answers about another transaction has given no answer: the result
is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias, TypeVar

import attrs
from returns.result import Failure, Success

from payports.application.kernel.sanitizing import (
    bound_observation,
    safe_action,
    safe_properties,
    unknown_result,
    what_came,
)
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
    own_rollback = gateway.rollback if reverses else None
    response = _call(own_rollback.roll_back if own_rollback else gateway.transactions.execute, request)
    if type(response) is not PaymentResponse:
        message = f"the adapter {what_came(response)}"
        return PaymentResponse(seen=unknown_result(Channel.ANSWER, message, request.transaction_id))
    return PaymentResponse(
        seen=_checked(response.seen, request, Channel.ANSWER),
        raw=response.raw,
        method_properties=safe_properties(response.method_properties),
    )


def look_up(gateway: Gateway, request: PaymentRequest, *, fence: bool) -> Observation | NotFoundYet:
    """Ask a gateway what became of a transaction."""
    answer = _call(partial(gateway.transactions.look_up, fence=fence), request)
    return answer if isinstance(answer, NotFoundYet) else _checked(answer, request, Channel.LOOK_UP)


def confirm(gateway: Gateway, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
    """Ask a gateway for the outcome of an action that the shopper took elsewhere."""
    if gateway.actions is None:
        return look_up(gateway, request, fence=False)
    answer = _call(partial(gateway.actions.confirm, params=params), request)
    return answer if isinstance(answer, NotFoundYet) else _checked(answer, request, Channel.RETURN)


def give_up(gateway: Gateway, request: PaymentRequest) -> Observation | NotFoundYet:
    """Let a gateway close what waits for the shopper, if it can."""
    if gateway.actions is None:
        return NotFoundYet("the gateway cannot end an action")
    answer = _call(gateway.actions.give_up, request)
    return answer if isinstance(answer, NotFoundYet) else _checked(answer, request, Channel.LOOK_UP)


def present(gateway: Gateway, request: PaymentRequest, action: NextAction) -> NextAction:
    """Let a gateway complete an action for the browser; the result is handed out and never stored."""
    actions = gateway.actions
    if actions is None:
        return action
    completed = _call(lambda asked: actions.present(asked, action), request)
    return (safe_action(completed) or action) if type(completed) is NextAction else action


def check(gateway: Gateway, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
    """Let a gateway's validator check a method; one that fails to answer refuses."""
    if gateway.validator is None:
        return None
    problem = _call(partial(gateway.validator.check, method), payment_type)
    if problem is None or type(problem) is InvalidInput:
        return problem
    return InvalidInput("method", f"the adapter's check {what_came(problem)}")


Kept: TypeAlias = Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]
Forgotten: TypeAlias = Outcome[None, NotExecuted | ResultUnknown]


def keep(gateway: Gateway, customer: Customer, method: PaymentMethod) -> Kept:
    """Let a gateway's vault keep a method, if it has one; else the method is kept as it is."""
    if gateway.vault is None:
        return Success(attrs.evolve(method, single_use=False))
    kept = _call(partial(gateway.vault.keep, customer), method)
    if isinstance(kept, Success) and (unfit := check_method(kept.unwrap())):
        return Failure(unfit)
    return kept if isinstance(kept, Success | Failure) else Failure(ResultUnknown(""))


def forget(gateway: Gateway, customer: Customer, method: PaymentMethod) -> Forgotten:
    """Let a gateway's vault forget a method, if it has one."""
    if gateway.vault is None:
        return Success(None)
    forgotten = _call(partial(gateway.vault.forget, customer), method)
    return forgotten if isinstance(forgotten, Success | Failure) else Failure(ResultUnknown(""))


_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


def _call(method: Callable[[_Argument], _Result], argument: _Argument) -> _Result | Exception:
    """Call an adapter; an exception is returned, as something that no port gives. Its text may hold secrets and is not used."""
    try:
        return method(argument)
    except Exception as error:  # noqa: BLE001 -- an adapter's mistake must not lose a payment
        return error
    except BaseException as interruption:  # noqa: BLE001 -- raised again, without its frames
        raise _without_frames(interruption) from None


def _without_frames(interruption: BaseException) -> BaseException:
    """Drop the adapter's frames from an interruption: a report of it would show the keys and tokens in them."""
    interruption.__cause__ = interruption.__context__ = None
    return interruption.with_traceback(None)


def _checked(answer: object, request: PaymentRequest, channel: Channel) -> Observation:
    """The observation that an adapter gave, without the request's secrets, which a gateway may repeat in its texts."""
    observation = bound_observation(answer, request.transaction_id, channel)
    if not (observation.code or observation.message):
        return observation
    secrets = [secret.reveal() for secret in request.method.properties.values()]
    return observation.evolve(code=_without(observation.code, secrets), message=_without(observation.message, secrets))


_SHORTEST_SECRET: Final = 4
"""Anything shorter occurs in ordinary words."""


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text
