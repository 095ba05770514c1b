"""``shop.audit``: whether what is stored keeps the rules, tells how it came to be, and is what the gateways know. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Final, cast

import attrs
from returns.result import Failure, Success

from payports.application.audit.gateway_comparison import compare_with_gateway
from payports.application.audit.records import audit_leases, audit_reach, audit_record
from payports.application.audit.related_records import audit_related_records
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.input_validation import check_limit, check_place
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.audit.causes import audit_causes
from payports.domain.audit.findings import AuditLimits, Finding, FindingKind
from payports.domain.audit.history import audit_history, audit_positions
from payports.domain.audit.ledger import audit_comparability, audit_ledger
from payports.domain.failures import StoreUnavailable
from payports.domain.input_checks import InvalidInput
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.ports.store import RecordSet, StoreFailed

_DAY: Final = timedelta(days=1)


@attrs.frozen(kw_only=True)
class AuditPage:
    """What a part of the store holds and what is wrong with it. ``compared``: transactions of which a gateway was asked; ``records``: what
    is kept beside payments.

    ``after`` is where the next part begins; it is empty behind the last payment or record.
    """

    payments: int
    transactions: int
    facts: int
    compared: int
    findings: tuple[Finding, ...]
    after: str
    records: int = 0


@attrs.frozen
class Audit:
    """Looks a merchant's payments over, page by page, while others may go on working."""

    _env: Environment

    @store_errors_as_failures
    def verify(
        self, after: str = "", limit: int = 100, *, gateway_look_up: bool = False
    ) -> Outcome[AuditPage, InvalidInput | StoreUnavailable]:
        """Check at most ``limit`` payments behind the id ``after``; with ``gateway_look_up`` ask the gateways about each transaction, too.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``after`` no text that an id can be. StoreUnavailable.
        """
        if problem := check_limit(limit) or check_place("after", after):
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

    @store_errors_as_failures
    def verify_records(self, after: str = "", limit: int = 100) -> Outcome[AuditPage, InvalidInput | StoreUnavailable]:
        """Check at most ``limit`` records behind ``after``, which a page gave: keys, checkouts, notifications.

        The first page looks at the history as a whole, the delivery cursor and the leases as well.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``after`` is no place that a page gave. StoreUnavailable.
        """
        if problem := check_limit(limit) or check_place("after", after):
            return Failure(problem)
        place = _read_place(after)
        if place is None:
            return Failure(InvalidInput("after", "must be what a page gave"))
        keys = self._keys(*place, limit)
        looks: list[Callable[[], AuditPage]] = [partial(self._record, kept, key) for kept, key in keys]
        pages = [_twice(look) for look in (looks if after else [self._whole, *looks])]
        return Success(
            AuditPage(
                payments=0,
                transactions=0,
                facts=0,
                compared=0,
                findings=tuple(chain.from_iterable(one.findings for one in pages)),
                after=_written_place(*keys[-1]) if len(keys) == limit else "",
                records=len(keys),
            )
        )

    def _keys(self, first: RecordSet, behind: tuple[str, ...], limit: int) -> list[tuple[RecordSet, tuple[str, ...]]]:
        """The keys of a page, which begins in one table and may go on in the next."""
        found: list[tuple[RecordSet, tuple[str, ...]]] = []
        for kept in tuple(RecordSet)[tuple(RecordSet).index(first) :]:
            page = self._env.store.keys(kept, behind if kept is first else (), limit - len(found))
            found.extend((kept, key) for key in page)
        return found

    def _whole(self) -> AuditPage:
        return _page(*audit_reach(self._env), *audit_leases(self._env))

    def _record(self, kept: RecordSet, key: tuple[str, ...]) -> AuditPage:
        return _page(*audit_record(self._env, kept, key))

    def _look_over(self, payment_id: str, *, ask: bool) -> AuditPage:
        return _twice(lambda: self._look(payment_id, ask=ask))

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
        if odd := audit_comparability(payment):
            return attrs.evolve(_page(*odd), transactions=len(payment.transactions))
        history = self._env.store.history(payment.id)
        told = [one.fact for one in history]
        compared, differing = compare_with_gateway(self._env, payment) if ask else (0, ())
        found = (
            *audit_ledger(payment, self._env.now(), self._bounds()),
            *audit_related_records(self._env, payment, told),
            *audit_positions(payment.id, [(one.position, one.sequence) for one in history]),
            *audit_history(payment, told, self._bounds()),
            *audit_causes(payment, told),
            *differing,
        )
        return attrs.evolve(
            _page(*found), transactions=len(payment.transactions), facts=len(history), compared=compared
        )

    def _bounds(self) -> AuditLimits:
        waits = [one for one in attrs.asdict(self._env.policy.schedule).values() if isinstance(one, timedelta)]
        return AuditLimits(horizon=max(waits) + _DAY)


def _page(*found: Finding) -> AuditPage:
    return AuditPage(payments=1, transactions=0, facts=0, compared=0, findings=found, after="")


def _twice(look: Callable[[], AuditPage]) -> AuditPage:
    """Look at something. Others may commit between two reads, so what is found must be found twice."""
    found = look()
    for _ in range(TRIES):
        again = look() if found.findings else found
        if again.findings == found.findings:
            break
        found = again
    return found


def _written_place(kept: RecordSet, key: tuple[str, ...]) -> str:
    return json.dumps([kept, *key])


def _read_place(after: str) -> tuple[RecordSet, tuple[str, ...]] | None:
    """Where a page begins: behind a key of a table; ``None`` if that is no such place."""
    if not after:
        return RecordSet.REQUESTS, ()
    try:
        read: object = json.loads(after)
    except (ValueError, RecursionError):
        return None
    kept, *key = cast("list[object]", read) if isinstance(read, list) and read else [None]
    table = next((one for one in RecordSet if one == kept), None)
    texts = tuple(one for one in key if isinstance(one, str) and not check_place("after", one))
    columns = 1 if table is RecordSet.REQUESTS else 2
    return (table, texts) if table and len(texts) == len(key) == columns else None
