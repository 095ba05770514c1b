"""Decide on a command: which intents to record, or why not. The first of the three functions of the core."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs
from returns.result import Failure, Success

from payports.domain.availability import Availability, find_availability, not_allowed
from payports.domain.capabilities import Capabilities, PartialCapture
from payports.domain.command import Command
from payports.domain.failures import (
    AmountNotAvailable,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
    Refusal,
)
from payports.domain.fulfilment import moved_for_source
from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    DETACHED_CREDIT,
    REVERSE_AUTH,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money, check_amount
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState


@attrs.frozen
class Begun:
    """The payment with its new intents, and those to send (``requests``), in order."""

    payment: Payment
    intents: tuple[Transaction, ...]


def begin(
    payment: Payment, command: Command, capabilities: Capabilities, ids: Callable[[], str], now: datetime
) -> Outcome[Begun, Refusal]:
    """Decide on a command: build its intents within the limits of each parent, or refuse.

    One command may become several intents: a refund of 20 over captures of 5 and 15 is two.

    Failures:
        OperationNotAllowed: the lifecycle does not permit it now.
        AmountNotAvailable: less is left than was requested.
        CurrencyMismatch: the amount is in another currency than the payment.
        GatewayUnsupported: the gateway does not support the operation, or not a partial one.
        InvalidInput: the amount is invalid or zero.
    """
    if command.amount is not None and (invalid := check_amount("amount", command.amount)):
        return Failure(invalid)
    if not capabilities.supports(command.type):
        return Failure(GatewayUnsupported(payment.gateway, command.type.value))
    if command.amount is not None and command.amount.currency != payment.currency:
        return Failure(CurrencyMismatch(payment.currency, command.amount.currency))
    if _is_overtaken(payment, command):
        return not_allowed(command.type, "another request has moved money for the same source meanwhile")
    offered = find_availability(payment, command.type, capabilities, reverses=command.reverses)
    if isinstance(offered, Failure):
        return offered
    availabilities = [
        availability
        for availability in offered.unwrap()
        if command.parent_id in (None, availability.parent and availability.parent.id)
    ]
    if not availabilities:
        return Failure(OperationNotAllowed(command.type.value, "the parent named does not permit it"))
    shares = _share_out(payment, command, availabilities)
    if isinstance(shares, Failure):
        return shares
    return Success(_record(payment, command, capabilities, shares.unwrap(), ids, now))


def _is_overtaken(payment: Payment, command: Command) -> bool:
    if command.guard is None or command.source is None:
        return False
    guard = command.guard
    return moved_for_source(payment, command.source, guard.own_keys) + guard.elsewhere_minor > guard.moved_minor


def _share_out(
    payment: Payment, command: Command, availabilities: list[Availability]
) -> Outcome[list[tuple[Availability, Money]], AmountNotAvailable | GatewayUnsupported | OperationNotAllowed]:
    left = sum(availability.minor for availability in availabilities)
    if command.amount is None and command.type is DETACHED_CREDIT:
        return not_allowed(command.type, "a detached credit needs an amount")
    wanted = left if command.amount is None else command.amount.minor
    if wanted > left or left == 0:
        return Failure(AmountNotAvailable(Money(min(left, MAX_MINOR), payment.currency)))
    shares: list[tuple[Availability, Money]] = []
    for availability in availabilities:
        minor = min(wanted, availability.minor)
        if minor and availability.whole and minor < availability.minor:
            return Failure(GatewayUnsupported(payment.gateway, f"partial {command.type.value}"))
        if minor:
            shares.append((availability, Money(minor, payment.currency)))
            wanted -= minor
    return Success(shares)


def _record(
    payment: Payment,
    command: Command,
    capabilities: Capabilities,
    shares: list[tuple[Availability, Money]],
    ids: Callable[[], str],
    now: datetime,
) -> Begun:
    requests: list[Transaction] = []
    implied: list[Transaction] = []
    parents: list[Transaction] = []
    for availability, amount in shares:
        request = Transaction(
            id=ids(),
            type=command.type,
            requested=amount,
            created_at=now,
            parent_id=availability.parent.id if availability.parent else None,
            key=command.key,
            source=command.source,
            account=command.account,
            attempt=command.attempt,
            restores_hold=_restores_hold(command, capabilities, availability),
            reverses=command.reverses,
        )
        requests.append(request)
        if _releases_rest(command, capabilities, availability, amount):
            implied.append(_implied_release(request, availability, ids(), now))
        if availability.parent:
            parents.append(_built_upon(availability.parent, command))
    return Begun(payment.replacing(*parents).adding(*requests, *implied), tuple(requests))


def _restores_hold(command: Command, capabilities: Capabilities, availability: Availability) -> bool:
    on_a_hold = availability.parent is not None and availability.parent.type is CAPTURE
    return command.type is VOID and on_a_hold and capabilities.void_restores_hold


def _releases_rest(command: Command, capabilities: Capabilities, availability: Availability, amount: Money) -> bool:
    one_only = capabilities.partial_capture is PartialCapture.RELEASES_REST
    return command.type is CAPTURE and one_only and amount.minor < availability.minor


def _implied_release(capture: Transaction, availability: Availability, new_id: str, now: datetime) -> Transaction:
    return Transaction(
        id=new_id,
        type=REVERSE_AUTH,
        requested=Money(availability.minor - capture.requested.minor, capture.requested.currency),
        created_at=now,
        parent_id=capture.parent_id,
        key=capture.key,
        source=capture.source,
        implied_by=capture.id,
    )


def _built_upon(parent: Transaction, command: Command) -> Transaction:
    if command.reverses:
        return parent.evolve(reversal=ReversalState.REVERSAL_IN_PROGRESS, due_at=None, look_ups=parent.look_ups + 1)
    if parent.type is AUTHORIZE and command.type is CAPTURE and parent.reversal is not ReversalState.NONE:
        return parent.evolve(reversal=ReversalState.NONE, due_at=None)
    return parent
