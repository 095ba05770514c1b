"""``shop.audit``: whether what is stored keeps the rules, tells how it came to be, and is what the gateways know. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.comparing import compare
from payports.application.environment import TRIES, Environment, guarded
from payports.application.requests import check_limit
from payports.domain.attention import concerns_about
from payports.domain.audit import audit, unsound
from payports.domain.audit_history import audit_history, audit_places
from payports.domain.failures import StoreUnavailable
from payports.domain.findings import Bounds, Finding, FindingKind, finding
from payports.domain.lifecycle import INITIATING
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.screening import InvalidInput
from payports.domain.transaction import TransactionStatus
from payports.ports.store import CheckoutRecord, CheckoutState, StoreFailed

_DAY: Final = timedelta(days=1)


@attrs.frozen(kw_only=True)
class AuditPage:
    """What a part of the store holds and what is wrong with it. ``compared``: transactions of which a gateway was asked.

    ``after`` is where the next part begins; it is empty behind the last payment.
    """

    payments: int
    transactions: int
    facts: int
    compared: int
    findings: tuple[Finding, ...]
    after: str


@attrs.frozen
class Audit:
    """Looks a merchant's payments over, page by page, while others may go on working."""

    _env: Environment

    @guarded
    def verify(
        self, after: str = "", limit: int = 100, *, gateway_look_up: bool = False
    ) -> Outcome[AuditPage, InvalidInput | StoreUnavailable]:
        """Check at most ``limit`` payments behind the id ``after``; with ``gateway_look_up`` ask the gateways about each transaction, too.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``after`` no text. StoreUnavailable.
        """
        problem = check_limit(limit) or (None if type(after) is str else InvalidInput("after", "must be text"))
        if problem:
            return Failure(problem)
        ids = self._env.store.payment_ids(after, limit)
        looked = [self._look_over(payment_id, ask=gateway_look_up) for payment_id in ids]
        return Success(
            AuditPage(
                payments=len(ids),
                transactions=sum(one.transactions for one in looked),
                facts=sum(one.facts for one in looked),
                compared=sum(one.compared for one in looked),
                findings=tuple(chain.from_iterable(one.findings for one in looked)),
                after=ids[-1] if len(ids) == limit else "",
            )
        )

    def _look_over(self, payment_id: str, *, ask: bool) -> AuditPage:
        """Look at one payment. Others may commit between two reads, so what is found must be found twice."""
        found = self._look(payment_id, ask=ask)
        for _ in range(TRIES):
            again = self._look(payment_id, ask=ask) if found.findings else found
            if again.findings == found.findings:
                break
            found = again
        return found

    def _look(self, payment_id: str, *, ask: bool) -> AuditPage:
        try:
            payment = self._env.store.payment(payment_id)
            if payment is not None:
                return self._checked(payment, ask=ask)
            reason = "the payment is gone, and its transactions or its history are not"
        except StoreFailed as failed:
            reason = str(failed)
            self._env.store.payment_ids("", 1)  # if it fails over this too, it is not the payment that is damaged
        return _page(Finding(kind=FindingKind.UNREADABLE, payment_id=payment_id, message=reason))

    def _checked(self, payment: Payment, *, ask: bool) -> AuditPage:
        if odd := unsound(payment):
            return attrs.evolve(_page(*odd), transactions=len(payment.transactions))
        history = self._env.store.history(payment.id)
        compared, differing = compare(self._env, payment) if ask else (0, ())
        found = (
            *audit(payment, self._env.now(), self._bounds()),
            *self._beside(payment),
            *audit_places(payment.id, [(one.position, one.sequence) for one in history]),
            *audit_history(payment, [one.fact for one in history], self._bounds()),
            *differing,
        )
        return attrs.evolve(
            _page(*found), transactions=len(payment.transactions), facts=len(history), compared=compared
        )

    def _bounds(self) -> Bounds:
        waits = [one for one in attrs.asdict(self._env.policy.schedule).values() if isinstance(one, timedelta)]
        return Bounds(horizon=max(waits) + _DAY)

    def _beside(self, payment: Payment) -> Iterator[Finding]:
        """What is kept beside a payment and must fit it: rows for finding it, keys, references, its saved method, its checkout."""
        for misfit in self._env.store.misfits(payment.id):
            yield finding(FindingKind.ROWS, payment, misfit)
        yield from self._references(payment)
        yield from self._requests(payment)
        if payment.saved_method_id is not None:
            saved = self._env.store.saved_method(payment.saved_method_id)
            if saved is None or (saved.gateway, saved.customer) != (payment.gateway, payment.customer):
                said = "the saved method that it rests on is not there, or of another customer or gateway"
                yield finding(FindingKind.SAVED_METHOD, payment, said)
        record = self._env.store.checkout(payment.owner)
        yield from self._checkout(payment, record)

    def _references(self, payment: Payment) -> Iterator[Finding]:
        for one in payment.transactions:
            if not one.succeeded or not one.gateway_reference:
                continue
            owner = self._env.store.payment_by_reference(payment.gateway, one.gateway_reference)
            if owner is None or owner.id != payment.id:
                said = f"the gateway reference {one.gateway_reference} does not lead to this payment alone"
                yield finding(FindingKind.REFERENCE, payment, said, one)

    def _requests(self, payment: Payment) -> Iterator[Finding]:
        """A key was recorded with its first use, and no more may have moved under it than was asked then."""
        for key in dict.fromkeys(one.key for one in payment.transactions if one.key):
            record = self._env.store.request(key)
            first = payment.under_key(key)[0]
            if record is None or record.payment_id != payment.id:
                said = f"{first.type} was asked for under the key {key}, which is not recorded for this payment"
                yield finding(FindingKind.REQUEST, payment, said, first)
                continue
            moved = sum(
                one.requested.minor for one in payment.under_key(key) if one.may_have_happened and not one.implied_by
            )
            if not record.plan.isdecimal() or moved > int(record.plan):
                said = f"under the key {key} {moved} minor units may have moved; asked for were {record.plan or 'none'}"
                yield finding(FindingKind.REQUEST, payment, said, first)

    def _checkout(self, payment: Payment, record: CheckoutRecord | None) -> Iterator[Finding]:
        placed = record is not None and record.state is CheckoutState.PLACED
        if payment.placed and not placed:
            said = f"an order was placed on it, and the checkout is {record.state if record else 'not there'}"
            yield finding(FindingKind.CHECKOUT, payment, said)
        if record is None or not placed:
            return
        payments = self._env.store.payments_of(payment.owner)
        on_it = [one for one in payments if one.placed]
        if payment.id != min(one.id for one in on_it or payments):
            return  # told of one payment of the owner only
        if not on_it and record.total:
            yield finding(FindingKind.CHECKOUT, payment, "the order is placed, and on none of its owner's payments")
        elif any(one.currency != record.total.currency for one in on_it):
            yield finding(FindingKind.CHECKOUT, payment, "the order is in another currency than its payments")
        elif sum(one.amount.minor for one in on_it) != record.total.minor:
            said = f"the order is for {record.total}, the payments that it was placed on are not"
            yield finding(FindingKind.CHECKOUT, payment, said)
        elif short := sum(one.amount.minor - self._secured(one) for one in on_it):
            shown = any(True for one in on_it for each in one.transactions for _ in concerns_about(one, each))
            said = f"the order was placed for {record.total}, of which {short} minor units were never secured"
            yield finding(FindingKind.COVER, payment, said, known=shown)

    def _secured(self, payment: Payment) -> int:
        """What a payment surely held or took for the order, whatever became of it since; promises count where they cover."""
        good = {TransactionStatus.SUCCEEDED}
        if payment.gateway in self._env.awaiting_covers():
            good.add(TransactionStatus.AWAITING_RESULT)
        secured = sum(one.amount.minor for one in payment.transactions if one.type in INITIATING and one.status in good)
        return min(secured, payment.amount.minor)


def _page(*found: Finding) -> AuditPage:
    return AuditPage(payments=1, transactions=0, facts=0, compared=0, findings=found, after="")
