"""Recovery of one payment that is due: ask the gateway, record the answer, reverse what is owed, postpone what cannot be done now."""

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
from payports.domain.schedule import retry_soon
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, ReversalState, TransactionStatus
from payports.ports.commit import Change, Commit
from payports.ports.gateway import NotFoundYet

_RECOVERY: Final = Cause("recovery")


@attrs.define(kw_only=True)
class PaymentRecovery:
    """Recovers what is due of one payment. ``done`` counts what was done in the pass.

    ``gateway_answers``: whether the gateway has answered about other payments in this pass. Afterwards: whether it ``answered`` about
    this payment, and whether it was ``silent`` when it was asked last.
    """

    env: Environment
    done: Counter[str]
    payment: Payment
    gateway_answers: bool
    answered: bool = False
    silent: bool = False

    def recover(self) -> None:
        """Do everything that is due, for as long as the gateway answers; an intent becomes UNKNOWN even if it does not."""
        for transaction in self.due():
            if not self.silent or transaction.status is TransactionStatus.SENDING_TO_PROCESSOR:
                self._recover(transaction)
        if not self.silent:
            self._reverse()
        if self.silent and not self.gateway_answers:
            self._retry_soon()
        else:
            self._postpone()
        finalize_if_waiting(self.env, self.payment.owner)

    def due(self) -> list[Transaction]:
        """The transactions whose date has come."""
        now = self.env.now()
        return [
            transaction
            for transaction in self.payment.transactions
            if transaction.due_at is not None and transaction.due_at <= now
        ]

    def _recover(self, transaction: Transaction) -> None:
        if transaction.reversal is ReversalState.REVERSAL_CANDIDATE and not transaction.indeterminate:
            self._require_reversal(transaction)
        elif transaction.succeeded and transaction.reversal is ReversalState.NONE:
            self._record_answer(transaction, ask_gateway(self.env, self.payment, transaction))
            self._warn_of_expiry(transaction)
        elif not transaction.may_have_happened or transaction.succeeded:
            return
        elif transaction.status is TransactionStatus.REQUIRES_ACTION and _action_has_expired(self.env, transaction):
            self._expire_action(transaction)
        else:
            self._look_up(transaction, ask_gateway(self.env, self.payment, transaction))

    def _look_up(self, transaction: Transaction, answer: Observation | NotFoundYet) -> Observation:
        """Record the answer to a look-up and count it; gives the answer as it was interpreted."""
        observation = interpreted(self.env, self.payment, transaction, answer)
        self._record_answer(transaction, answer)
        self.done["looked_up"] += 1
        after = self.payment.by_id[transaction.id]
        self.done["doubts_resolved"] += after.status is not transaction.status and not after.indeterminate
        return observation

    def _record_answer(self, transaction: Transaction, answer: Observation | NotFoundYet) -> None:
        self.silent = is_no_answer(answer)
        self.answered = self.answered or not self.silent
        self.payment = record_answer(self.env, self.payment, transaction, answer, _RECOVERY)

    def _expire_action(self, waiting: Transaction) -> None:
        """End an action that no shopper completed in time: at the gateway, or where it cannot be told so, by the time alone."""
        answer = give_up(self.env, self.payment, waiting)
        by_time = isinstance(answer, NotFoundYet)
        observation = self._look_up(waiting, ask_gateway(self.env, self.payment, waiting) if by_time else answer)
        still_waits = {self.payment.by_id[waiting.id].status, observation.status} == {TransactionStatus.REQUIRES_ACTION}
        if by_time and still_waits:
            self._record_expiry(waiting)
        self.done["actions_expired"] += self.payment.by_id[waiting.id].status is TransactionStatus.DECLINED

    def _record_expiry(self, waiting: Transaction) -> None:
        expired = Observation(
            status=TransactionStatus.DECLINED,
            channel=Channel.LOOK_UP,
            transaction_id=waiting.id,
            code="action_expired",
            failure_type=FailureType.ABANDONED,
        )
        cause = Cause("recovery", "the shopper did not come back in time")
        recorded = record(self.env, self.payment, Received(observation=expired), cause)
        if isinstance(recorded, Success):
            self.payment = recorded.unwrap()

    def _warn_of_expiry(self, hold: Transaction) -> None:
        """Tell the host that a hold expires soon, unless the gateway says that it has gone already."""

        def decide(before: Payment) -> Success[Payment]:
            transaction = before.by_id[hold.id]
            if not transaction.succeeded or not left_of_hold(before, transaction):
                return Success(before)
            return Success(before.replacing(transaction.evolve(expiring=True)))

        self._update(decide)
        self.done["holds_expiring"] += self.payment.by_id[hold.id].expiring

    def _require_reversal(self, candidate: Transaction) -> None:
        def decide(before: Payment) -> Success[Payment]:
            transaction = before.by_id[candidate.id]
            if transaction.reversal is not ReversalState.REVERSAL_CANDIDATE:
                return Success(before)
            owed = ReversalState.REQUIRES_REVERSAL if transaction.may_have_happened else ReversalState.NONE
            return Success(before.replacing(transaction.evolve(reversal=owed)))

        self._update(decide)

    def _reverse(self) -> None:
        """Reverse what is owed back. A reversal whose result is unknown counts as no answer."""
        before = self.payment
        self.payment = reverse_owed(self.env, before, _RECOVERY)
        after = _reversals(self.payment)
        self.done["reversed"] += after[ReversalState.REVERSED] - _reversals(before)[ReversalState.REVERSED]
        self.done["failed_reversals"] += after[ReversalState.FAILED_REVERSAL]
        tried = [
            transaction
            for transaction in self.payment.transactions
            if transaction.reverses and transaction.id not in before.by_id
        ]
        self.silent = tried[-1].indeterminate if tried else self.payment.gateway not in self.env.gateways
        self.answered = self.answered or (bool(tried) and not self.silent)

    def _retry_soon(self) -> None:
        """Move only the dates, behind those of other payments: without an answer there is nothing to record.

        On a version conflict the other writer sets the dates.
        """
        now = self.env.now()
        later = [
            transaction.evolve(due_at=retry_soon(transaction, now, self.env.policy.schedule))
            for transaction in self.due()
        ]
        if later:
            after = self.payment.as_version(self.payment.version + 1, *later)
            self.env.store.commit(Commit(changes=(Change(before=self.payment, after=after, facts=()),)))

    def _postpone(self) -> None:
        """Set a later date for what is still due because nothing could be done now, so that it does not crowd out other payments."""
        now = self.env.now()

        def decide(before: Payment) -> Success[Payment]:
            stuck = [
                transaction for transaction in before.transactions if transaction.due_at and transaction.due_at <= now
            ]
            return Success(
                before.replacing(*(transaction.evolve(look_ups=transaction.look_ups + 1) for transaction in stuck))
            )

        self._update(decide)

    def _update(self, decide: Callable[[Payment], Success[Payment]]) -> None:
        updated = self.env.work.update(self.payment.id, _RECOVERY, decide)
        if isinstance(updated, Success):
            self.payment = updated.unwrap()


def _action_has_expired(env: Environment, waiting: Transaction) -> bool:
    return waiting.created_at + env.policy.schedule.action_expires <= env.now()


def _reversals(payment: Payment) -> Counter[ReversalState]:
    return Counter(transaction.reversal for transaction in payment.transactions)
