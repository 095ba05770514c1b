"""Record an observation: merge it into the payment and commit, again if another writer was faster. Every channel ends here."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.failures import Busy
from payports.domain.history import Cause
from payports.domain.observation import Observation
from payports.domain.observe import Discrepancy, UnmatchedObservation, observe
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod, SavedMethodStatus, archive
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus
from payports.ports.commit import Commit, InboxEntry


@attrs.frozen(kw_only=True)
class Received:
    """What a channel brought, to be recorded in one commit.

    ``is_look_up``: it counts as a look-up of the transaction. ``method_properties`` replace those of the payment's method from now on.
    ``inbox``: the notification that brought it.
    """

    observation: Observation
    is_look_up: bool = False
    method_properties: Mapping[str, Secret] = attrs.field(factory=dict[str, Secret])
    inbox: tuple[InboxEntry, ...] = ()


def record(
    env: Environment, payment: Payment, received: Received, cause: Cause
) -> Outcome[Payment, UnmatchedObservation | Busy]:
    """Merge an observation into a payment and commit it, contradictions included; gives the payment as it is stored then.

    A hard decline takes the saved method that was used out of use, in the same commit.

    Failures:
        UnmatchedObservation: the observation is about no transaction of the payment; nothing was written.
        Busy: other writers were faster every time; nothing was written.
    """
    for _ in range(TRIES):
        merged = merge(env, payment, received.observation)
        if isinstance(merged, Failure):
            return merged
        after = _with_look_up(merged.unwrap(), received)
        if received.method_properties:
            properties = {**after.method.properties, **received.method_properties}
            after = after.evolve(method=PaymentMethod(properties, after.method.display, single_use=False))
        known = (payment.transactions, payment.method)  # nothing else changes here
        unchanged = (after.transactions, after.method) == known
        changes = () if unchanged else (env.work.change(payment, after, cause),)
        if not changes and not received.inbox:
            return Success(payment)
        commit = Commit(changes=changes, inbox=received.inbox, saved_methods=_retired(env, payment, after))
        if isinstance(env.store.commit(commit), Success):
            return Success(changes[0].after if changes else payment)
        payment = env.store.payment(payment.id) or payment
    return Failure(Busy(f"payment {payment.id}"))


def merge(env: Environment, payment: Payment, observation: Observation) -> Outcome[Payment, UnmatchedObservation]:
    """Merge an observation, contradictions included: those are recorded too."""
    return with_discrepancies(observe(payment, observation, env.now()))


def with_discrepancies(
    observed: Outcome[Payment, Discrepancy | UnmatchedObservation],
) -> Outcome[Payment, UnmatchedObservation]:
    """Take a discrepancy for what it is: something to record, with the payment that records it."""
    if isinstance(observed, Success):
        return observed
    match observed.failure():
        case Discrepancy(recorded):
            return Success(recorded)
        case UnmatchedObservation() as unplaced:
            return Failure(unplaced)


def _with_look_up(payment: Payment, received: Received) -> Payment:
    if not received.is_look_up:
        return payment
    transaction = payment.by_id[received.observation.transaction_id]
    return payment.replacing(transaction.evolve(look_ups=transaction.look_ups + 1))


def _retired(env: Environment, before: Payment, after: Payment) -> tuple[SavedMethod, ...]:
    """The saved method that was used, archived, if the gateway has just said that it will never work again."""
    if before.saved_method_id is None or not _declined_hard(after) or _declined_hard(before):
        return ()
    saved = env.store.saved_method(before.saved_method_id)
    return (archive(saved),) if saved and saved.status is not SavedMethodStatus.ARCHIVED else ()


def _declined_hard(payment: Payment) -> bool:
    return any(
        transaction.status is TransactionStatus.DECLINED
        and (telling := transaction.judgement.telling) is not None
        and telling.hard
        for transaction in payment.transactions
    )
