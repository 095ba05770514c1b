"""What recovery does about one payment that is due: ask, settle, reverse, and put off what cannot be done now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import attrs
from returns.result import Success

from payports.application.concluding import advance
from payports.application.environment import Environment
from payports.application.recording import record
from payports.application.recovery import ask, give_up, hear, judged, note
from payports.application.reversing import reverse_owed
from payports.domain.history import Cause
from payports.domain.ledger import left_of_hold
from payports.domain.payment import Payment
from payports.domain.transaction import (
    Channel,
    FailureType,
    Observation,
    ReversalState,
    Transaction,
    TransactionStatus,
)
from payports.ports.gateway import NotFoundYet

_RECOVERY: Final = Cause("recovery")


@attrs.frozen
class Settling:
    """Settles payments for one pass. ``done`` counts what it did, ``unanswered`` how often each gateway gave no answer in a row."""

    _env: Environment
    _done: Counter[str]
    unanswered: Counter[str] = attrs.field(factory=Counter[str])

    def settle(self, payment: Payment) -> None:
        """Do what a payment is due for."""
        for one in payment.transactions:
            if self.is_due(one):
                payment = self._settle(payment, one)
        before = _reversals(payment)
        payment = reverse_owed(self._env, payment, _RECOVERY)
        self._done["reversed"] += _reversals(payment)[ReversalState.REVERSED] - before[ReversalState.REVERSED]
        self._done["failed_reversals"] += _reversals(payment)[ReversalState.FAILED_REVERSAL]
        advance(self._env, self._postpone(payment).owner)

    def is_due(self, one: Transaction) -> bool:
        """Tell whether it is time to look at a transaction."""
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
        self.unanswered[payment.gateway] = self.unanswered[payment.gateway] + 1 if unanswered else 0
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


def _has_lapsed(env: Environment, waiting: Transaction) -> bool:
    return waiting.created_at + env.policy.schedule.action_expires <= env.now()


def _reversals(payment: Payment) -> Counter[ReversalState]:
    return Counter(one.reversal for one in payment.transactions)
