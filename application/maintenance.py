"""``shop.maintenance``: finish what was left open. One pass is bounded and safe to run from many places at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import attrs
from returns.result import Failure, Success

from payports.application.attention import needing_attention, rule
from payports.application.concluding import advance, conclude
from payports.application.environment import Environment, guarded
from payports.application.execution import TransactionReport
from payports.application.notifying import Applied, apply
from payports.application.recording import record
from payports.application.recovery import ask, give_up, hear, judged, note
from payports.application.requests import check_limit
from payports.application.reversing import reverse_owed
from payports.domain.attention import AttentionItem
from payports.domain.failures import StoreUnavailable, TransactionProblem
from payports.domain.history import Cause
from payports.domain.ledger import left_of_hold
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.screening import InvalidInput
from payports.domain.transaction import (
    Channel,
    FailureType,
    Observation,
    ReversalState,
    Transaction,
    TransactionStatus,
)
from payports.ports.gateway import NotFoundYet
from payports.ports.store import (
    CheckoutRecord,
    InboxEntry,
    StoreFailed,
    checkout_lease,
    notification_lease,
    payment_lease,
)

_RECOVERY: Final = Cause("recovery")
_AT_ONCE: Final = 20
"""So much work is leased together, and given back together."""

_LEASE: Final = timedelta(seconds=30)
"""When another worker may take over what one has leased and not given back; whoever is slower than that finds its commits refused."""

_DEAF: Final = 3
"""After so many look-ups in a row without an answer a gateway is left alone for the rest of the pass, so that others need not wait."""

_Work = TypeVar("_Work")


@attrs.frozen(kw_only=True)
class MaintenanceReport:
    """What one pass did: look-ups made and how many of them settled a doubt, reversals made and failed, actions that lapsed, holds whose
    end is near, parked notifications applied, checkouts concluded, and what could not be worked on because the store failed over it.
    ``more``: there was more work than one pass takes."""

    looked_up: int
    settled: int
    reversed: int
    failed_reversals: int
    lapsed: int
    expiring: int
    applied: int
    concluded: int
    unreadable: int
    more: bool


@attrs.frozen
class Maintenance:
    """Recovers, reverses, expires, and says what it cannot do alone."""

    _env: Environment

    @guarded
    def run(self, limit: int = 100) -> Outcome[MaintenanceReport, InvalidInput | StoreUnavailable]:
        """Make one pass over at most ``limit`` payments, notifications and checkouts that are due; a host calls it every minute or so.

        Any number of processes may do so at once: each leases what it works on. What the store fails over is left to the next pass.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000.
            StoreUnavailable: nothing could be done at all.
        """
        if problem := check_limit(limit):
            return Failure(problem)
        one_pass = _Pass(self._env, self._env.ids.new())
        store, now = self._env.store, self._env.now
        found = [
            one_pass.over(store.due(now(), limit), payment_lease, one_pass.tend),
            one_pass.over(store.parked(now(), limit), _name_of_entry, one_pass.retry),
            one_pass.over(store.open_checkouts(now(), limit), _name_of_checkout, one_pass.conclude),
        ]
        return Success(one_pass.report(more=max(found) >= limit))

    @guarded
    def needs_attention(self) -> Outcome[tuple[AttentionItem, ...], StoreUnavailable]:
        """List everything that a person must decide."""
        return Success(tuple(needing_attention(self._env)))

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

        ``status``: SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED; the status that it has takes note of what needed attention. A final status
        is never lowered: what succeeded can only be revoked.

        Failures:
            InvalidInput: the status cannot be ruled, or nobody or no reason is named. PaymentNotFound: no such transaction.
            OperationNotAllowed: it has a higher status; the ruling stands in its history and settles nothing.
        """
        return rule(self._env, transaction_id, status, operator, reason, gateway_reference)


@attrs.frozen
class _Pass:
    """One pass, under the name that its leases carry.

    ``_unanswered``: how often each gateway gave no answer in a row. ``_left``: what stays leased until that runs out, because its gateway
    gives none.
    """

    _env: Environment
    _holder: str
    _done: Counter[str] = attrs.field(factory=Counter[str])
    _unanswered: Counter[str] = attrs.field(factory=Counter[str])
    _left: set[str] = attrs.field(factory=set[str])

    def report(self, *, more: bool) -> MaintenanceReport:
        counted = {one.name: self._done[one.name] for one in attrs.fields(MaintenanceReport) if one.name != "more"}
        return MaintenanceReport(**counted, more=more)

    def over(self, found: Sequence[_Work], name_of: Callable[[_Work], str], work: Callable[[_Work], None]) -> int:
        """Work on what was found, as far as nobody else does; gives how much was found."""
        for start in range(0, len(found), _AT_ONCE):
            named = {name_of(one): one for one in found[start : start + _AT_ONCE]}
            leased = self._env.store.lease(tuple(named), self._holder, _LEASE)
            try:
                for name in (name for name in named if name in leased):
                    self._try(work, named[name])
            finally:
                self._give_back(tuple(leased - self._left))
        return len(found)

    def _try(self, work: Callable[[_Work], None], one: _Work) -> None:
        """Work on one thing; if the store fails over that alone, the others need not wait."""
        try:
            work(one)
        except StoreFailed:
            self._done["unreadable"] += 1
            self._env.store.due(self._env.now(), 1)  # if it fails over this too, the pass is over

    def _give_back(self, names: tuple[str, ...]) -> None:
        try:
            self._env.store.release(names, self._holder)
        except StoreFailed:
            return  # they run out

    def tend(self, payment_id: str) -> None:
        payment = self._env.store.payment(payment_id)
        if payment is None or not any(self._is_due(one) for one in payment.transactions):
            return
        if self._unanswered[payment.gateway] >= _DEAF:
            self._left.add(payment_lease(payment_id))
            return
        for one in payment.transactions:
            if self._is_due(one):
                payment = self._settle(payment, one)
        before = _reversals(payment)
        payment = reverse_owed(self._env, payment, _RECOVERY)
        self._done["reversed"] += _reversals(payment)[ReversalState.REVERSED] - before[ReversalState.REVERSED]
        self._done["failed_reversals"] += _reversals(payment)[ReversalState.FAILED_REVERSAL]
        advance(self._env, self._postpone(payment).owner)

    def retry(self, entry: InboxEntry) -> None:
        self._done["applied"] += apply(self._env, entry) is Applied.APPLIED

    def conclude(self, checkout: CheckoutRecord) -> None:
        conclude(self._env, checkout)
        self._done["concluded"] += 1

    def _is_due(self, one: Transaction) -> bool:
        return one.due_at is not None and one.due_at <= self._env.now()

    def _settle(self, payment: Payment, one: Transaction) -> Payment:
        """Do what one transaction is due for."""
        if one.reversal is ReversalState.REVERSAL_CANDIDATE and not one.indeterminate:
            return self._demand_reversal(payment, one)
        if one.succeeded and one.reversal is ReversalState.NONE:
            return self._warn(note(self._env, payment, ask(self._env, payment, one), _RECOVERY), one)
        if not one.may_have_happened or one.succeeded:
            return payment
        if one.status is TransactionStatus.REQUIRES_ACTION and _has_lapsed(self._env, one):
            return self._let_lapse(payment, one)
        return self._heard(payment, one, hear(self._env, payment, one))[0]

    def _heard(
        self, payment: Payment, one: Transaction, answer: Observation | NotFoundYet
    ) -> tuple[Payment, Observation]:
        """Record what a gateway said about a transaction."""
        told = judged(self._env, payment, one, answer)
        unanswered = answer is told and told.status is TransactionStatus.UNKNOWN
        self._unanswered[payment.gateway] = self._unanswered[payment.gateway] + 1 if unanswered else 0
        payment = note(self._env, payment, told, _RECOVERY)
        self._done["looked_up"] += 1
        self._done["settled"] += payment.by_id[one.id].status is not one.status
        return payment, told

    def _let_lapse(self, payment: Payment, waiting: Transaction) -> Payment:
        """End what no shopper has finished in time: at the gateway, or if that cannot be told to, by the time alone."""
        answer = give_up(self._env, payment, waiting)
        alone = isinstance(answer, NotFoundYet)
        payment, told = self._heard(payment, waiting, hear(self._env, payment, waiting) if alone else answer)
        if alone and {payment.by_id[waiting.id].status, told.status} == {TransactionStatus.REQUIRES_ACTION}:
            payment = self._lapse(payment, waiting)
        self._done["lapsed"] += payment.by_id[waiting.id].status is TransactionStatus.DECLINED
        return payment

    def _warn(self, payment: Payment, hold: Transaction) -> Payment:
        """Tell the host that a hold ends soon, unless the gateway says that it has gone already."""

        def decide(before: Payment) -> Success[Payment]:
            one = before.by_id[hold.id]
            if not one.succeeded or not left_of_hold(before, one):
                return Success(before)
            return Success(before.replacing(attrs.evolve(one, expiring=True)))

        warned = self._update(payment, decide)
        self._done["expiring"] += warned.by_id[hold.id].expiring
        return warned

    def _postpone(self, payment: Payment) -> Payment:
        """Give what is still due, because nothing could be done about it now, a later date, so that it does not crowd out the rest."""
        now = self._env.now()

        def decide(before: Payment) -> Success[Payment]:
            stuck = [one for one in before.transactions if one.due_at and one.due_at <= now]
            return Success(before.replacing(*(attrs.evolve(one, look_ups=one.look_ups + 1) for one in stuck)))

        return self._update(payment, decide)

    def _demand_reversal(self, payment: Payment, candidate: Transaction) -> Payment:
        def decide(before: Payment) -> Success[Payment]:
            one = before.by_id[candidate.id]
            if one.reversal is not ReversalState.REVERSAL_CANDIDATE:
                return Success(before)
            owed = ReversalState.REQUIRES_REVERSAL if one.may_have_happened else ReversalState.NONE
            return Success(before.replacing(attrs.evolve(one, reversal=owed)))

        return self._update(payment, decide)

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

    def _update(self, payment: Payment, decide: Callable[[Payment], Success[Payment]]) -> Payment:
        updated = self._env.update(payment.id, _RECOVERY, decide)
        return updated.unwrap() if isinstance(updated, Success) else payment


def _name_of_entry(entry: InboxEntry) -> str:
    return notification_lease(entry.gateway, entry.event_id)


def _name_of_checkout(checkout: CheckoutRecord) -> str:
    return checkout_lease(checkout.owner)


def _has_lapsed(env: Environment, waiting: Transaction) -> bool:
    return waiting.created_at + env.policy.schedule.action_expires <= env.now()


def _reversals(payment: Payment) -> Counter[ReversalState]:
    return Counter(one.reversal for one in payment.transactions)
