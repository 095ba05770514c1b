"""Record a fact: merge it into the payment and commit, again if somebody was faster. Every channel ends here."""

from __future__ import annotations

from collections.abc import Mapping

from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.failures import Busy
from payports.domain.history import Cause
from payports.domain.observation import Observation
from payports.domain.observe import Discrepancy, Unplaced, observe
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod, SavedMethodStatus, archived
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus
from payports.ports.store import Commit, InboxEntry

NO_PROPERTIES: Mapping[str, Secret] = {}


def record(
    env: Environment,
    payment: Payment,
    seen: Observation,
    cause: Cause,
    *,
    looked_up: bool = False,
    new_properties: Mapping[str, Secret] = NO_PROPERTIES,
    inbox: tuple[InboxEntry, ...] = (),
) -> Outcome[Payment, Unplaced | Busy]:
    """Merge a fact into a payment and commit it, contradictions included; gives the payment as it is stored then.

    ``looked_up`` counts a look-up; ``new_properties`` replace the method's from now on; ``inbox`` entries go into the same commit. A hard
    decline takes the saved method that was used out of use, in the same commit too.

    Failures:
        Unplaced: the fact is about no transaction of the payment; nothing was written.
        Busy: others were faster every time; nothing was written.
    """
    for _ in range(TRIES):
        merged = merge(env, payment, seen)
        if isinstance(merged, Failure):
            return merged
        after = merged.unwrap()
        if looked_up:
            told = after.by_id[seen.transaction_id]
            after = after.replacing(told.evolve(look_ups=told.look_ups + 1))
        if new_properties:
            properties = {**after.method.properties, **new_properties}
            after = after.evolve(method=PaymentMethod(properties, after.method.display, single_use=False))
        known = (payment.transactions, payment.method)  # nothing else changes here
        changes = () if (after.transactions, after.method) == known else (env.work.change(payment, after, cause),)
        if not changes and not inbox:
            return Success(payment)
        commit = Commit(changes=changes, inbox=inbox, saved_methods=_retired(env, payment, after))
        if isinstance(env.store.commit(commit), Success):
            return Success(changes[0].after if changes else payment)
        payment = env.store.payment(payment.id) or payment
    return Failure(Busy(f"payment {payment.id}"))


def merge(env: Environment, payment: Payment, seen: Observation) -> Outcome[Payment, Unplaced]:
    """Merge a fact, contradictions included: those are recorded too."""
    return with_discrepancies(observe(payment, seen, env.now()))


def with_discrepancies(observed: Outcome[Payment, Discrepancy | Unplaced]) -> Outcome[Payment, Unplaced]:
    """Take a contradiction as what it is: a fact to record, with the payment that records it."""
    if isinstance(observed, Success):
        return observed
    match observed.failure():
        case Discrepancy(recorded):
            return Success(recorded)
        case Unplaced() as unplaced:
            return Failure(unplaced)


def _retired(env: Environment, before: Payment, after: Payment) -> tuple[SavedMethod, ...]:
    """The saved method that was paid with, taken out of use, if the gateway has just said that it will never work again."""
    if before.saved_method_id is None or not _declined_hard(after) or _declined_hard(before):
        return ()
    saved = env.store.saved_method(before.saved_method_id)
    return (archived(saved),) if saved and saved.status is not SavedMethodStatus.ARCHIVED else ()


def _declined_hard(payment: Payment) -> bool:
    return any(
        one.status is TransactionStatus.DECLINED and (telling := one.judgement.telling) is not None and telling.hard
        for one in payment.transactions
    )
