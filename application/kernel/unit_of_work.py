"""The unit of work: load a payment, decide, commit; on a version conflict load and decide again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import attrs
from returns.result import Failure, Success

from payports.application.kernel.policy import MerchantGateways
from payports.domain.checkout import CheckoutRecord
from payports.domain.failures import Busy, PaymentNotFound
from payports.domain.history import Cause, derive_facts
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.schedule import Schedule, reschedule
from payports.ports.clock import Clock
from payports.ports.commit import Change, Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository

TRIES: Final = 25
"""How often a decision is made again because another writer changed the payment meanwhile."""

HOST: Final = Cause("host")
NOTHING: Final = Commit()

_Error = TypeVar("_Error")


@attrs.frozen
class CheckoutLease:
    """A checkout attempt's lease of its owner: each intent proves it in its own commit.

    An attempt that another one overtook while it waited for a gateway, for however long, begins nothing more: the record's version has
    moved on. A commit that proves a lease gives the next one.
    """

    record: CheckoutRecord

    def proven(self) -> CheckoutLease:
        """The lease after a commit that proved it."""
        return CheckoutLease(self.record.evolve(version=self.record.version + 1))


def is_lost(lease: CheckoutLease | None, stale: Stale) -> bool:
    """Tell whether a commit was refused because another attempt has the checkout now."""
    return lease is not None and stale.kind is RecordKind.CHECKOUT


@attrs.frozen
class Saved:
    """A payment as it is stored now, and the lease that the next commit must prove, if there is one."""

    payment: Payment
    lease: CheckoutLease | None = None


@attrs.frozen(kw_only=True)
class UnitOfWork:
    """Commits of one merchant's payments: each with the next dates of what changed and the facts to tell."""

    store: PaymentRepository
    clock: Clock
    schedule: Schedule
    gateways: MerchantGateways

    def change(self, before: Payment | None, after: Payment, cause: Cause) -> Change:
        """Describe a change of a payment: as it will be stored, with its next dates and facts."""
        now = self.clock.now()
        lifetime = self.gateways.authorization_lifetime(after.gateway)
        dated = reschedule(before, after, now, self.schedule, lifetime)
        stored = after.as_version(before.version + 1 if before else 1, *dated)
        return Change(before=before, after=stored, facts=derive_facts(before, stored, cause, now))

    def save(
        self,
        before: Payment | None,
        after: Payment,
        cause: Cause,
        beside: Commit = NOTHING,
        lease: CheckoutLease | None = None,
    ) -> Outcome[Saved, Stale]:
        """Commit a change of one payment, in the same commit what goes ``beside`` it and the proof of the ``lease``."""
        change = self.change(before, after, cause)
        commit = beside.evolve(
            changes=(change, *beside.changes),
            checkouts=(*beside.checkouts, lease.record) if lease else beside.checkouts,
        )
        committed = self.store.commit(commit)
        return (
            committed
            if isinstance(committed, Failure)
            else Success(Saved(change.after, lease.proven() if lease else None))
        )

    def update(
        self, payment_id: str, cause: Cause, decide: Callable[[Payment], Outcome[Payment, _Error]]
    ) -> Outcome[Payment, _Error | PaymentNotFound | Busy]:
        """Load a payment, let ``decide`` change it, and commit; decide again if another writer was faster."""
        saved = self.update_leased(payment_id, cause, decide, None)
        return saved if isinstance(saved, Failure) else Success(saved.unwrap().payment)

    def update_leased(
        self,
        payment_id: str,
        cause: Cause,
        decide: Callable[[Payment], Outcome[Payment, _Error]],
        lease: CheckoutLease | None,
    ) -> Outcome[Saved, _Error | PaymentNotFound | Busy]:
        """Update a payment, as the checkout attempt that has the ``lease``; ``Busy`` once the lease is lost."""
        for _ in range(TRIES):
            before = self.store.payment(payment_id)
            if before is None:
                return Failure(PaymentNotFound(payment_id))
            decided = decide(before)
            if isinstance(decided, Failure):
                return decided
            after = decided.unwrap()
            if after == before:
                return Success(Saved(before, lease))
            saved = self.save(before, after, cause, NOTHING, lease)
            if isinstance(saved, Success):
                return saved
            if is_lost(lease, saved.failure()):
                return Failure(Busy(saved.failure().name))
        return Failure(Busy(f"payment {payment_id}"))
