"""Decide on a command: which intents to record, or why not. The first of the three functions of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypedDict, Unpack

import attrs
from returns.result import Failure, Success

from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.failures import (
    AmountNotAvailable,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
    Refusal,
)
from payports.domain.fulfilment import moved_for_source
from payports.domain.ledger import (
    held_by_capture,
    is_settled,
    is_untouched,
    left_of_capture,
    left_of_hold,
    left_to_authorize,
    still_open,
)
from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    CHARGEBACK,
    DETACHED_CREDIT,
    INITIATING,
    OBSERVED_ONLY,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money, check_amount
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.replacing import replaced
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import USABLE, ReversalState, TransactionType

RECOVERY_DELAY: Final = timedelta(seconds=60)
"""When an intent whose result nobody recorded is looked up first."""


@attrs.frozen
class SourceGuard:
    """What a source had moved on all payments of an owner when an order decided on a movement.

    ``own_keys`` is how the keys of that decision begin; ``elsewhere_minor``: what others have moved on the owner's other payments by now.
    """

    own_keys: str
    moved_minor: int
    elsewhere_minor: int = 0


class CommandChange(TypedDict, total=False):
    """What may change about a command between the host's wish and the decision."""

    amount: Money
    account: str
    guard: SourceGuard


@attrs.frozen(kw_only=True, slots=False)
class Command:
    """A wish to move money. Without ``amount`` it means all that is left; without ``parent_id`` every parent there is."""

    type: TransactionType
    amount: Money | None = None
    parent_id: str | None = None
    source: Source | None = None
    key: str = ""
    attempt: str = ""
    account: str = ""
    reverses: bool = False
    guard: SourceGuard | None = None

    def evolve(self, **changes: Unpack[CommandChange]) -> Command:
        """Copy the command with some fields replaced."""
        return replaced(self, changes)


@attrs.frozen
class Begun:
    """The payment with the intents recorded, and the intents to send, in order."""

    payment: Payment
    requests: tuple[Transaction, ...]


@attrs.frozen
class Availability:
    """How much one parent (or, for initiating types, the payment itself) offers; ``whole``: all of it or nothing."""

    parent: Transaction | None
    minor: int
    whole: bool = False


def begin(
    payment: Payment, command: Command, capabilities: Capabilities, ids: Callable[[], str], now: datetime
) -> Outcome[Begun, Refusal]:
    """Record the intents of a command, each before a byte leaves, within the limits of each parent.

    One command may become several intents: a refund of 20 over captures of 5 and 15 is two.

    Failures:
        OperationNotAllowed: the lifecycle does not permit it now.
        AmountNotAvailable: less is left than was asked.
        CurrencyMismatch: the amount is in another currency than the payment.
        GatewayUnsupported: the gateway has no such operation, or no partial one.
        InvalidInput: the amount is none, or of nothing.
    """
    if command.amount is not None and (invalid := check_amount("amount", command.amount)):
        return Failure(invalid)
    if not capabilities.supports(command.type):
        return Failure(GatewayUnsupported(payment.gateway, command.type.value))
    if command.amount is not None and command.amount.currency != payment.currency:
        return Failure(CurrencyMismatch(payment.currency, command.amount.currency))
    if _is_overtaken(payment, command):
        return _no(command.type, "another request has moved money for the same source meanwhile")
    offered = find_availability(payment, command.type, capabilities, reverses=command.reverses)
    if isinstance(offered, Failure):
        return offered
    openings = [one for one in offered.unwrap() if command.parent_id in (None, one.parent and one.parent.id)]
    if not openings:
        return Failure(OperationNotAllowed(command.type.value, "the parent named does not permit it"))
    shares = _share_out(payment, command, openings)
    if isinstance(shares, Failure):
        return shares
    return Success(_record(payment, command, capabilities, shares.unwrap(), ids, now))


def _is_overtaken(payment: Payment, command: Command) -> bool:
    if command.guard is None or command.source is None:
        return False
    guard = command.guard
    return moved_for_source(payment, command.source, guard.own_keys) + guard.elsewhere_minor > guard.moved_minor


def find_availability(
    payment: Payment, kind: TransactionType, capabilities: Capabilities, *, reverses: bool = False
) -> Outcome[tuple[Availability, ...], OperationNotAllowed]:
    """Say on which parents a type of transaction may be made now and how much each offers, oldest first.

    Failures:
        OperationNotAllowed: on none; the reason says why.
    """
    if kind in OBSERVED_ONLY:
        return _no(kind, "the gateway tells of it, nobody commands it")
    if kind is DETACHED_CREDIT:
        return Success((Availability(None, MAX_MINOR),))
    if kind in INITIATING:
        return _permitted_to_initiate(payment, kind)
    parents = [one for one in payment.transactions if one.type in PARENTS[kind] and one.succeeded]
    if not parents:
        return _no(kind, "nothing has succeeded that it could build on")
    usable = [one for one in parents if reverses or one.reversal in USABLE]
    if not usable:
        return _no(kind, "what it could build on is to be reversed")
    openings = [opening for one in usable if (opening := _opening(payment, kind, one, capabilities))]
    return Success(tuple(openings)) if openings else _no(kind, _WHY_NOT[kind])


_WHY_NOT: Final = {
    CAPTURE: "the gateway takes one capture of an authorization",
    VOID: "it was settled, or some of it was voided or refunded",
    REFUND: "the gateway refunds only what is settled",
    SETTLED: "it was settled or voided",
}


def _no(kind: TransactionType, reason: str) -> Failure[OperationNotAllowed]:
    return Failure(OperationNotAllowed(kind.value, reason))


def _permitted_to_initiate(
    payment: Payment, kind: TransactionType
) -> Outcome[tuple[Availability, ...], OperationNotAllowed]:
    if payment.archived:
        return _no(kind, "the payment is archived")
    if any(one.type is not kind and still_open(payment, one) for one in payment.transactions):
        return _no(kind, "the payment was begun the other way, authorized or authorized and captured")
    return Success((Availability(None, left_to_authorize(payment)),))


def _opening(
    payment: Payment, kind: TransactionType, parent: Transaction, capabilities: Capabilities
) -> Availability | None:
    children = [child for child in payment.children_of(parent) if child.may_have_happened]
    if kind is CAPTURE:
        return _opening_to_capture(payment, parent, children, capabilities)
    if kind is REVERSE_AUTH:
        left = left_of_hold(payment, parent)
        touched = any(child.type is CAPTURE and held_by_capture(payment, child) for child in children)
        if capabilities.reverse_authorization is ReverseAuthorization.FULL and touched:
            left = 0
        return Availability(parent, left, whole=capabilities.reverse_authorization is not ReverseAuthorization.PARTIAL)
    if kind is REFUND:
        if capabilities.refund_requires_settlement and not _surely_settled(children):
            return None
        return Availability(parent, left_of_capture(payment, parent), whole=not capabilities.partial_refund)
    if is_settled(payment, parent):
        return None
    if kind is SETTLED:
        voided = any(child.type is VOID for child in children)
        return None if voided else Availability(parent, parent.amount.minor)
    if any(child.type in (REFUND, CHARGEBACK) for child in children):
        return None
    if capabilities.partial_void:
        return Availability(parent, left_of_capture(payment, parent))
    return Availability(parent, parent.amount.minor, whole=True) if is_untouched(payment, parent) else None


def _opening_to_capture(
    payment: Payment, parent: Transaction, children: Iterable[Transaction], capabilities: Capabilities
) -> Availability | None:
    left = left_of_hold(payment, parent)
    several = capabilities.partial_capture is PartialCapture.MULTIPLE
    under_way = any(
        _unresolved_reversal(child) or (child.type is CAPTURE and held_by_capture(payment, child)) for child in children
    )
    if under_way and not several and left:
        return None
    return Availability(parent, left, whole=capabilities.partial_capture is PartialCapture.NONE)


def _unresolved_reversal(child: Transaction) -> bool:
    return child.type is REVERSE_AUTH and not child.succeeded


def _surely_settled(children: Iterable[Transaction]) -> bool:
    return any(child.type is SETTLED and child.succeeded for child in children)


def _share_out(
    payment: Payment, command: Command, openings: list[Availability]
) -> Outcome[list[tuple[Availability, Money]], AmountNotAvailable | GatewayUnsupported | OperationNotAllowed]:
    left = sum(one.minor for one in openings)
    if command.amount is None and command.type is DETACHED_CREDIT:
        return _no(command.type, "a detached credit needs an amount")
    wanted = left if command.amount is None else command.amount.minor
    if wanted > left or left == 0:
        return Failure(AmountNotAvailable(Money(min(left, MAX_MINOR), payment.currency)))
    shares: list[tuple[Availability, Money]] = []
    for one in openings:
        minor = min(wanted, one.minor)
        if minor and one.whole and minor < one.minor:
            return Failure(GatewayUnsupported(payment.gateway, f"partial {command.type.value}"))
        if minor:
            shares.append((one, Money(minor, payment.currency)))
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
    for opening, amount in shares:
        request = Transaction(
            id=ids(),
            type=command.type,
            requested=amount,
            created_at=now,
            parent_id=opening.parent.id if opening.parent else None,
            key=command.key,
            source=command.source,
            account=command.account,
            attempt=command.attempt,
            restores_hold=_restores_hold(command, capabilities, opening),
            reverses=command.reverses,
            due_at=now + RECOVERY_DELAY,
        )
        requests.append(request)
        if _releases_rest(command, capabilities, opening, amount):
            implied.append(_implied_release(request, opening, ids(), now))
        if opening.parent:
            parents.append(_built_upon(opening.parent, command))
    return Begun(payment.replacing(*parents).adding(*requests, *implied), tuple(requests))


def _restores_hold(command: Command, capabilities: Capabilities, opening: Availability) -> bool:
    on_a_hold = opening.parent is not None and opening.parent.type is CAPTURE
    return command.type is VOID and on_a_hold and capabilities.void_restores_hold


def _releases_rest(command: Command, capabilities: Capabilities, opening: Availability, amount: Money) -> bool:
    one_only = capabilities.partial_capture is PartialCapture.RELEASES_REST
    return command.type is CAPTURE and one_only and amount.minor < opening.minor


def _implied_release(capture: Transaction, opening: Availability, new_id: str, now: datetime) -> Transaction:
    return Transaction(
        id=new_id,
        type=REVERSE_AUTH,
        requested=Money(opening.minor - capture.requested.minor, capture.requested.currency),
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
