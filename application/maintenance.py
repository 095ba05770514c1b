"""``shop.maintenance``: finish what was left open. One pass is bounded and safe to run from many places at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.concluding import advance, conclude
from payports.application.environment import Environment, guarded
from payports.application.execution import TransactionReport, report
from payports.application.notifying import PATIENCE, Applied, apply
from payports.application.recording import record
from payports.application.recovery import ask, note
from payports.application.requests import check_limit
from payports.application.reversing import reverse_owed
from payports.domain.capabilities import LookUp
from payports.domain.failures import PaymentNotFound, StoreUnavailable, TransactionProblem
from payports.domain.history import Cause
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.screening import InvalidInput, check_identifier, check_text
from payports.domain.transaction import (
    Channel,
    FailureType,
    Observation,
    ReversalState,
    Transaction,
    TransactionStatus,
)
from payports.ports.store import InboxEntry

_RECOVERY: Final = Cause("recovery")
_FAR: Final = timedelta(days=36_500)
_RESOLVABLE: Final = frozenset(
    {
        TransactionStatus.SUCCEEDED,
        TransactionStatus.NOT_EXECUTED,
        TransactionStatus.DECLINED,
        TransactionStatus.REVOKED,
    }
)
_HOPELESS: Final = 5
"""After so many look-ups an unknown result needs a person as well."""


@attrs.frozen(kw_only=True)
class MaintenanceReport:
    """What one pass did: look-ups made and how many of them settled a doubt, reversals made and failed, actions that lapsed, parked
    notifications applied, checkouts concluded. ``more``: there was more work than one pass takes."""

    looked_up: int
    settled: int
    reversed: int
    failed_reversals: int
    lapsed: int
    applied: int
    concluded: int
    more: bool


class AttentionKind(StrEnum):
    """Why a person is needed."""

    DISCREPANCY = "DISCREPANCY"
    UNKNOWN_RESULT = "UNKNOWN_RESULT"
    FAILED_REVERSAL = "FAILED_REVERSAL"
    UNKNOWN_GATEWAY = "UNKNOWN_GATEWAY"
    PARKED_NOTIFICATION = "PARKED_NOTIFICATION"


@attrs.frozen(kw_only=True)
class AttentionItem:
    """Something that a person must decide, and what to do about it."""

    kind: AttentionKind
    payment_id: str
    transaction_id: str
    message: str
    what_to_do: str


@attrs.frozen
class Maintenance:
    """Recovers, reverses, expires, and says what it cannot do alone."""

    _env: Environment

    @guarded
    def run(self, limit: int = 100) -> Outcome[MaintenanceReport, InvalidInput | StoreUnavailable]:
        """Make one pass over at most ``limit`` payments, notifications and checkouts that are due; a host calls it every minute or so.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000.
        """
        if problem := check_limit(limit):
            return Failure(problem)
        done: Counter[str] = Counter()
        due = self._env.store.due(self._env.now(), limit)
        for payment_id in due:
            payment = self._env.store.payment(payment_id)
            if payment is not None:
                advance(self._env, self._tend(payment, done).owner)
        parked = self._env.store.parked(self._env.now(), limit)
        for entry in parked:
            done["applied"] += apply(self._env, entry) is Applied.APPLIED
        overdue = self._env.store.open_checkouts(self._env.now(), limit)
        for checkout in overdue:
            conclude(self._env, checkout)
            done["concluded"] += 1
        return Success(
            MaintenanceReport(
                looked_up=done["looked_up"],
                settled=done["settled"],
                reversed=done["reversed"],
                failed_reversals=done["failed_reversals"],
                lapsed=done["lapsed"],
                applied=done["applied"],
                concluded=done["concluded"],
                more=max(len(due), len(parked), len(overdue)) >= limit,
            )
        )

    @guarded
    def needs_attention(self) -> Outcome[tuple[AttentionItem, ...], StoreUnavailable]:
        """List everything that a person must decide."""
        found = [item for payment in self._env.store.needing_attention() for item in self._look_over(payment)]
        parked = self._env.store.parked(self._env.now() + _FAR, 1_000)
        return Success((*found, *(_parked(entry) for entry in parked if entry.tries >= PATIENCE)))

    @guarded
    def resolve(
        self,
        transaction_id: str,
        status: TransactionStatus,
        *,
        operator: str,
        reason: str,
        gateway_reference: str = "",
    ) -> Outcome[TransactionReport, TransactionProblem]:
        """Settle by a person's word what a transaction came to; who and why is kept in its history.

        ``status``: SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED. A final status is never lowered: what succeeded can only be revoked.

        Failures:
            InvalidInput: the status cannot be ruled, or nobody or no reason is named. PaymentNotFound: no such transaction.
        """
        problem = (
            check_identifier("transaction_id", transaction_id)
            or (
                None
                if type(status) in (TransactionStatus, str) and status in _RESOLVABLE
                else InvalidInput("status", "must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED")
            )
            or check_identifier("operator", operator)
            or check_identifier("reason", reason[:1] if type(reason) is str else reason)
            or check_text("reason", reason)
            or (None if _is_empty(gateway_reference) else check_identifier("gateway_reference", gateway_reference))
        )
        if problem:
            return Failure(problem)
        payment = self._env.store.payment_of_transaction(transaction_id)
        if payment is None:
            return Failure(PaymentNotFound(f"of transaction {transaction_id}"))
        ruling = Observation(
            status=TransactionStatus(status),
            channel=Channel.OPERATOR,
            transaction_id=transaction_id,
            gateway_reference=gateway_reference,
            operator=operator,
            message=reason,
        )
        recorded = record(self._env, payment, ruling, Cause(f"operator {operator}", reason))
        if isinstance(recorded, Failure):
            return Failure(PaymentNotFound(f"of transaction {transaction_id}"))
        advance(self._env, payment.owner)
        ruled = recorded.unwrap()
        return report(ruled, (ruled.by_id[transaction_id],))

    def _tend(self, payment: Payment, done: Counter[str]) -> Payment:
        now = self._env.now()
        for one in payment.transactions:
            if one.due_at is None or one.due_at > now:
                continue
            if one.reversal is ReversalState.REVERSAL_CANDIDATE and not one.indeterminate:
                payment = self._demand_reversal(payment, one)
            elif one.may_have_happened and not one.succeeded:
                heard = ask(self._env, payment, one)
                payment = note(self._env, payment, heard, _RECOVERY)
                after = payment.by_id[one.id]
                done["looked_up"] += 1
                done["settled"] += after.status is not one.status
                waits = {after.status, heard.status} == {TransactionStatus.REQUIRES_ACTION}
                if waits and _has_lapsed(self._env, one):
                    payment = self._lapse(payment, one)
                    done["lapsed"] += 1
        before = _reversals(payment)
        payment = reverse_owed(self._env, payment, _RECOVERY)
        done["reversed"] += _reversals(payment)[ReversalState.REVERSED] - before[ReversalState.REVERSED]
        done["failed_reversals"] += _reversals(payment)[ReversalState.FAILED_REVERSAL]
        return self._postpone(payment)

    def _postpone(self, payment: Payment) -> Payment:
        """Give what is still due, because nothing could be done about it now, a later date, so that it does not crowd out the rest."""
        now = self._env.now()

        def decide(before: Payment) -> Success[Payment]:
            stuck = [one for one in before.transactions if one.due_at and one.due_at <= now]
            return Success(before.replacing(*(attrs.evolve(one, look_ups=one.look_ups + 1) for one in stuck)))

        updated = self._env.update(payment.id, _RECOVERY, decide)
        return updated.unwrap() if isinstance(updated, Success) else payment

    def _demand_reversal(self, payment: Payment, candidate: Transaction) -> Payment:
        def decide(before: Payment) -> Success[Payment]:
            one = before.by_id[candidate.id]
            if one.reversal is not ReversalState.REVERSAL_CANDIDATE:
                return Success(before)
            owed = ReversalState.REQUIRES_REVERSAL if one.may_have_happened else ReversalState.NONE
            return Success(before.replacing(attrs.evolve(one, reversal=owed)))

        updated = self._env.update(payment.id, _RECOVERY, decide)
        return updated.unwrap() if isinstance(updated, Success) else payment

    def _lapse(self, payment: Payment, waiting: Transaction) -> Payment:
        lapsed = Observation(
            status=TransactionStatus.DECLINED,
            channel=Channel.LOOK_UP,
            transaction_id=waiting.id,
            code="action_expired",
            failure_type=FailureType.ABANDONED,
        )
        recorded = record(self._env, payment, lapsed, Cause("recovery", "the shopper did not come back in time"))
        return recorded.unwrap() if isinstance(recorded, Success) else payment

    def _look_over(self, payment: Payment) -> Iterator[AttentionItem]:
        configured = self._env.gateways.get(payment.gateway)
        for one in payment.transactions:
            if one.discrepancy:
                yield _item(
                    AttentionKind.DISCREPANCY,
                    payment,
                    one,
                    one.discrepancy.message,
                    "compare with the gateway's own records, then resolve() with what is true",
                )
            elif configured is None and _is_unfinished(one):
                yield _item(
                    AttentionKind.UNKNOWN_GATEWAY,
                    payment,
                    one,
                    f"gateway {payment.gateway!r} is not configured any more",
                    "configure it again, or resolve() by hand",
                )
            elif one.reversal is ReversalState.FAILED_REVERSAL:
                yield _item(
                    AttentionKind.FAILED_REVERSAL,
                    payment,
                    one,
                    f"{one.amount} should have gone back and did not",
                    "it is tried again; or undo it at the gateway and resolve() the failed reversal as SUCCEEDED",
                )
            elif one.status is TransactionStatus.UNKNOWN and configured and not one.implied_by:
                blind = configured.gateway.transactions.capabilities.look_up is LookUp.NONE
                if blind or one.look_ups >= _HOPELESS:
                    yield _item(
                        AttentionKind.UNKNOWN_RESULT,
                        payment,
                        one,
                        f"nobody knows whether {one.requested} moved",
                        "look at the gateway, then resolve() with what is true",
                    )


def _item(kind: AttentionKind, payment: Payment, one: Transaction, message: str, what_to_do: str) -> AttentionItem:
    return AttentionItem(
        kind=kind, payment_id=payment.id, transaction_id=one.id, message=message, what_to_do=what_to_do
    )


def _is_empty(text: object) -> bool:
    return type(text) is str and not text


def _parked(entry: InboxEntry) -> AttentionItem:
    return AttentionItem(
        kind=AttentionKind.PARKED_NOTIFICATION,
        payment_id="",
        transaction_id=entry.seen.transaction_id,
        message=f"notification {entry.event_id} of {entry.gateway} is about no transaction that we know",
        what_to_do="find out at the gateway what it is about; a payment made there is recorded with record()",
    )


def _is_unfinished(one: Transaction) -> bool:
    return (one.may_have_happened and not one.succeeded) or one.reversal is not ReversalState.NONE


def _has_lapsed(env: Environment, waiting: Transaction) -> bool:
    return waiting.created_at + env.policy.schedule.action_expires <= env.now()


def _reversals(payment: Payment) -> Counter[ReversalState]:
    return Counter(one.reversal for one in payment.transactions)
