"""What recovery does about one payment that is due: ask, settle, reverse, and put off what cannot be done now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import attrs
from returns.result import Success

from payports.application.checkout.compensation import reverse_owed
from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment
from payports.application.kernel.record import Received, record
from payports.application.kernel.status_inquiry import ask_gateway, give_up, interpreted, is_no_answer, record_answer
from payports.domain.history import Cause
from payports.domain.ledger import left_of_hold
from payports.domain.observation import Channel, Observation
from payports.domain.payment import Payment
from payports.domain.schedule import soon
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, ReversalState, TransactionStatus
from payports.ports.commit import Change, Commit
from payports.ports.gateway import NotFoundYet

_RECOVERY: Final = Cause("recovery")


@attrs.define(kw_only=True)
class PaymentRecovery:
    """Settles what is due of one payment. ``done`` counts what was done in the pass.

    ``answering``: whether its gateway has answered about other payments in this pass. Then it says: whether it ``answered`` about this
    one, and whether it was ``silent`` when it was asked last.
    """

    env: Environment
    done: Counter[str]
    payment: Payment
    answering: bool
    answered: bool = False
    silent: bool = False

    def settle(self) -> None:
        """Do everything that is due, for as long as the gateway answers; an intent is called unknown even if it does not."""
        for one in self.due():
            if not self.silent or one.status is TransactionStatus.SENDING_TO_PROCESSOR:
                self._settle(one)
        if not self.silent:
            self._reverse()
        if self.silent and not self.answering:
            self._ask_again_soon()
        else:
            self._postpone()
        finalize_if_waiting(self.env, self.payment.owner)

    def due(self) -> list[Transaction]:
        """The transactions that it is time to look at."""
        now = self.env.now()
        return [one for one in self.payment.transactions if one.due_at is not None and one.due_at <= now]

    def _settle(self, one: Transaction) -> None:
        """Do what one transaction is due for."""
        if one.reversal is ReversalState.REVERSAL_CANDIDATE and not one.indeterminate:
            self._demand_reversal(one)
        elif one.succeeded and one.reversal is ReversalState.NONE:
            self._note(one, ask_gateway(self.env, self.payment, one))
            self._warn(one)
        elif not one.may_have_happened or one.succeeded:
            return
        elif one.status is TransactionStatus.REQUIRES_ACTION and _has_lapsed(self.env, one):
            self._let_lapse(one)
        else:
            self._heard(one, ask_gateway(self.env, self.payment, one))

    def _heard(self, one: Transaction, answer: Observation | NotFoundYet) -> Observation:
        """Record what a gateway said about a transaction, and count it."""
        told = interpreted(self.env, self.payment, one, answer)
        self._note(one, answer)
        self.done["looked_up"] += 1
        now = self.payment.by_id[one.id]
        self.done["settled"] += now.status is not one.status and not now.indeterminate
        return told

    def _note(self, one: Transaction, answer: Observation | NotFoundYet) -> None:
        self.silent = is_no_answer(answer)
        self.answered = self.answered or not self.silent
        self.payment = record_answer(self.env, self.payment, one, answer, _RECOVERY)

    def _let_lapse(self, waiting: Transaction) -> None:
        """End what no shopper has finished in time: at the gateway, or if that cannot be told to, by the time alone."""
        answer = give_up(self.env, self.payment, waiting)
        alone = isinstance(answer, NotFoundYet)
        told = self._heard(waiting, ask_gateway(self.env, self.payment, waiting) if alone else answer)
        if alone and {self.payment.by_id[waiting.id].status, told.status} == {TransactionStatus.REQUIRES_ACTION}:
            self._lapse(waiting)
        self.done["lapsed"] += self.payment.by_id[waiting.id].status is TransactionStatus.DECLINED

    def _lapse(self, waiting: Transaction) -> None:
        lapsed = Observation(
            status=TransactionStatus.DECLINED,
            channel=Channel.LOOK_UP,
            transaction_id=waiting.id,
            code="action_expired",
            failure_type=FailureType.ABANDONED,
        )
        recorded = record(
            self.env,
            self.payment,
            Received(observation=lapsed),
            Cause("recovery", "the shopper did not come back in time"),
        )
        if isinstance(recorded, Success):
            self.payment = recorded.unwrap()

    def _warn(self, hold: Transaction) -> None:
        """Tell the host that a hold ends soon, unless the gateway says that it has gone already."""

        def decide(before: Payment) -> Success[Payment]:
            one = before.by_id[hold.id]
            if not one.succeeded or not left_of_hold(before, one):
                return Success(before)
            return Success(before.replacing(one.evolve(expiring=True)))

        self._update(decide)
        self.done["expiring"] += self.payment.by_id[hold.id].expiring

    def _demand_reversal(self, candidate: Transaction) -> None:
        def decide(before: Payment) -> Success[Payment]:
            one = before.by_id[candidate.id]
            if one.reversal is not ReversalState.REVERSAL_CANDIDATE:
                return Success(before)
            owed = ReversalState.REQUIRES_REVERSAL if one.may_have_happened else ReversalState.NONE
            return Success(before.replacing(one.evolve(reversal=owed)))

        self._update(decide)

    def _reverse(self) -> None:
        """Reverse what is owed back. A reversal that nobody knows the result of is silence as well."""
        before = self.payment
        self.payment = reverse_owed(self.env, before, _RECOVERY)
        self.done["reversed"] += (
            _reversals(self.payment)[ReversalState.REVERSED] - _reversals(before)[ReversalState.REVERSED]
        )
        self.done["failed_reversals"] += _reversals(self.payment)[ReversalState.FAILED_REVERSAL]
        tried = [one for one in self.payment.transactions if one.reverses and one.id not in before.by_id]
        self.silent = tried[-1].indeterminate if tried else self.payment.gateway not in self.env.gateways
        self.answered = self.answered or (bool(tried) and not self.silent)

    def _ask_again_soon(self) -> None:
        """Nobody answers. So there is nothing to tell, and nothing to learn by waiting longer: only the dates move, behind those of others.

        If somebody was faster, it is theirs to say when.
        """
        now = self.env.now()
        later = [one.evolve(due_at=soon(one, now, self.env.policy.schedule)) for one in self.due()]
        if later:
            after = self.payment.as_version(self.payment.version + 1, *later)
            self.env.store.commit(Commit(changes=(Change(before=self.payment, after=after, facts=()),)))

    def _postpone(self) -> None:
        """Give what is still due, because nothing could be done about it now, a later date, so that it does not crowd out the rest."""
        now = self.env.now()

        def decide(before: Payment) -> Success[Payment]:
            stuck = [one for one in before.transactions if one.due_at and one.due_at <= now]
            return Success(before.replacing(*(one.evolve(look_ups=one.look_ups + 1) for one in stuck)))

        self._update(decide)

    def _update(self, decide: Callable[[Payment], Success[Payment]]) -> None:
        updated = self.env.work.update(self.payment.id, _RECOVERY, decide)
        if isinstance(updated, Success):
            self.payment = updated.unwrap()


def _has_lapsed(env: Environment, waiting: Transaction) -> bool:
    return waiting.created_at + env.policy.schedule.action_expires <= env.now()


def _reversals(payment: Payment) -> Counter[ReversalState]:
    return Counter(one.reversal for one in payment.transactions)
