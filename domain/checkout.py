"""The state machine of a checkout: an attempt runs, waits, and is placed, fails or is cancelled. Pure: decided from the ledger alone.

RUNNING → PLACED | FAILED | ACTION_REQUIRED | AWAITING_RESULTS
ACTION_REQUIRED, AWAITING_RESULTS → each other | PLACED | FAILED | CANCELLED
RUNNING whose lease is over, FAILED → CANCELLED
any but PLACED → RUNNING, by a new attempt
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, TypedDict, Unpack

import attrs

from payports.domain.cart import Cart
from payports.domain.coverage import Coverage, CoverageState, secured_amount
from payports.domain.failures import CheckoutProblem, FailedPayment, NotCovered, PaymentsFailed
from payports.domain.lifecycle import INITIATING
from payports.domain.money import Money
from payports.domain.observation import NextAction
from payports.domain.payment import Customer, Owner, Payment, Restriction
from payports.domain.payment_method import PaymentType
from payports.domain.replacing import replaced
from payports.domain.reversal import claim, mark_for_reversal
from payports.domain.transaction_report import problem_of
from payports.domain.transaction_types import ReversalState, TransactionStatus


class CheckoutState(StrEnum):
    """How far the checkout of an owner has come."""

    RUNNING = "RUNNING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    AWAITING_RESULTS = "AWAITING_RESULTS"
    PLACED = "PLACED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


WAITING: Final = frozenset({CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS})
"""The attempt has begun all it can; the shopper or a gateway must answer."""

UNFINISHED: Final = frozenset({CheckoutState.RUNNING, *WAITING})
"""Whatever such an attempt secured belongs to nobody else yet."""


class CheckoutChange(TypedDict, total=False):
    """What may change about a checkout's record while its attempt lasts."""

    state: CheckoutState
    lease_until: datetime
    version: int


@attrs.frozen(kw_only=True, slots=False)
class CheckoutRecord:
    """The claim of one attempt on an owner. One record an owner; its ``version`` rises by one a commit.

    ``callback_token``: what the browser must bring back to this attempt, unique in a merchant. ``lease_until``: when a running attempt
    counts as dead, and a waiting one must be looked at.
    """

    owner: Owner
    request_id: str
    fingerprint: str
    total: Money
    state: CheckoutState
    lease_until: datetime
    cart_version: str = ""
    customer: Customer | None = None
    callback_token: str = attrs.field(default="", repr=False)
    started_at: datetime | None = None
    version: int = 0

    def evolve(self, **changes: Unpack[CheckoutChange]) -> CheckoutRecord:
        """Copy the record with some fields replaced."""
        return replaced(self, changes)

    def is_running(self, now: datetime) -> bool:
        """Tell whether the attempt is at work, and not dead."""
        return self.state is CheckoutState.RUNNING and self.lease_until > now

    def is_for(self, cart: Cart) -> bool:
        """Tell whether a cart is still the one that was submitted."""
        return (cart.owner, cart.total, cart.version) == (self.owner, self.total, self.cart_version)


@attrs.frozen(kw_only=True)
class Receipt:
    """What one payment contributes to a placed order."""

    payment_id: str
    gateway: str
    type: PaymentType
    amount: Money
    secured: Money
    transaction_ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CheckedOut:
    """The order may be placed: its total is covered, and the customer can no longer change the payments."""

    owner: Owner
    request_id: str
    total: Money
    receipts: tuple[Receipt, ...]
    placed_at: datetime | None = None


@attrs.frozen(kw_only=True)
class ActionRequired:
    """The shopper must do something first; then call ``resume`` with ``callback_token`` among the parameters."""

    owner: Owner
    request_id: str
    next_actions: tuple[NextAction, ...]
    callback_token: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class AwaitingResults:
    """A gateway still owes a result; a webhook or maintenance will conclude, ``submit`` with the same request id tells how."""

    owner: Owner
    request_id: str
    awaiting: Money


CheckoutResult: TypeAlias = CheckedOut | ActionRequired | AwaitingResults


def problem_with(
    record: CheckoutRecord, payments: Sequence[Payment], cover: Coverage, problems: Sequence[FailedPayment] = ()
) -> CheckoutProblem | None:
    """Say why an attempt fails, if it does. ``problems``: what stopped it, if something did; else the ledger tells."""
    if cover.planned != record.total:
        return NotCovered(record.total, cover)
    failed = tuple(problems) or tuple(_failed(record, payments))
    if failed:
        return PaymentsFailed(failed)
    waiting = any(_is_waiting(payment) for payment in payments)
    if cover.state is CoverageState.FULL or (waiting and cover.state is not CoverageState.OVER):
        return None
    return NotCovered(record.total, cover)


def state_of(payments: Iterable[Payment], cover: Coverage) -> CheckoutState:
    """Say how far an attempt has come that has no problem."""
    if cover.state is CoverageState.FULL:
        return CheckoutState.PLACED
    acting = any(transaction.next_action for payment in payments for transaction in payment.transactions)
    return CheckoutState.ACTION_REQUIRED if acting else CheckoutState.AWAITING_RESULTS


def concluded_with(payment: Payment, record: CheckoutRecord, after_failure: ReversalState) -> Payment:
    """Draw the consequences of a checkout's state on one payment. ``after_failure``: how a failed attempt's successes are marked."""
    match record.state:
        case CheckoutState.PLACED:
            placed = frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})
            return claim(payment, record.request_id).evolve(restrictions=placed)
        case CheckoutState.ACTION_REQUIRED:
            away = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
            return payment.evolve(restrictions=payment.restrictions | {away})
        case CheckoutState.FAILED:
            return mark_for_reversal(unrestricted(payment), record.request_id, after_failure)
        case _:
            return unrestricted(payment)


def unrestricted(payment: Payment) -> Payment:
    """Let the customer change a payment again."""
    return payment.evolve(restrictions=frozenset[Restriction]())


def result_of(record: CheckoutRecord, payments: Sequence[Payment], cover: Coverage) -> CheckoutResult:
    """Tell the host what a checkout that is placed or waits has come to."""
    match record.state:
        case CheckoutState.PLACED:
            return checked_out(record, payments)
        case CheckoutState.ACTION_REQUIRED:
            actions = (transaction.next_action for payment in payments for transaction in payment.transactions)
            return ActionRequired(
                owner=record.owner,
                request_id=record.request_id,
                next_actions=tuple(action for action in actions if action),
                callback_token=record.callback_token,
            )
        case _:
            return AwaitingResults(owner=record.owner, request_id=record.request_id, awaiting=cover.awaiting)


def checked_out(record: CheckoutRecord, payments: Iterable[Payment]) -> CheckedOut:
    """Tell the host what a placed order rests on."""
    return CheckedOut(
        owner=record.owner,
        request_id=record.request_id,
        total=record.total,
        receipts=tuple(_receipt(payment) for payment in payments if _contributes(payment, record)),
        placed_at=record.started_at,
    )


def _contributes(payment: Payment, record: CheckoutRecord) -> bool:
    return any(transaction.attempt == record.request_id for transaction in payment.transactions)


def _receipt(payment: Payment) -> Receipt:
    return Receipt(
        payment_id=payment.id,
        gateway=payment.gateway,
        type=payment.type,
        amount=payment.amount,
        secured=secured_amount(payment),
        transaction_ids=tuple(
            transaction.id
            for transaction in payment.transactions
            if transaction.type in INITIATING and not problem_of(transaction)
        ),
    )


def _failed(record: CheckoutRecord, payments: Iterable[Payment]) -> Iterable[FailedPayment]:
    """The problems of this attempt's transactions on payments that nothing else secures."""
    for payment in payments:
        if secured_amount(payment) < payment.amount and not _is_waiting(payment):
            for transaction in payment.transactions:
                ours = transaction.attempt == record.request_id and transaction.type in INITIATING
                if ours and (problem := problem_of(transaction)):
                    yield FailedPayment(
                        payment_id=payment.id,
                        problem=problem,
                        type=transaction.type,
                        transaction_id=transaction.id,
                        status=transaction.status,
                        amount=transaction.amount,
                    )


def _is_waiting(payment: Payment) -> bool:
    waiting = (TransactionStatus.REQUIRES_ACTION, TransactionStatus.AWAITING_RESULT)
    return any(transaction.type in INITIATING and transaction.status in waiting for transaction in payment.transactions)
