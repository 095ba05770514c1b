"""``shop.audit``: the stored ledger checked against the rules, its own history and, if asked to, the gateways. Changes nothing."""

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
    """A page of the audit: what was checked, and what is wrong with it.

    ``compared``: transactions looked up at a gateway. ``records``: records beside payments. ``after``: where the next page begins;
    empty after the last payment or record.
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
    """Audits a merchant's payments page by page, while other processes work on."""

    _env: Environment

    @store_errors_as_failures
    def verify(
        self, after: str = "", limit: int = 100, *, gateway_look_up: bool = False
    ) -> Outcome[AuditPage, InvalidInput | StoreUnavailable]:
        """Check at most ``limit`` payments after the id ``after``; with ``gateway_look_up`` also look up each transaction at its gateway.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``after`` cannot be an id. StoreUnavailable.
        """
        if problem := check_limit(limit) or check_place("after", after):
            return Failure(problem)
        ids = self._env.store.payment_ids(after, limit)
        pages = [self._audited_payment(payment_id, ask=gateway_look_up) for payment_id in ids]
        return Success(
            AuditPage(
                payments=len(ids),
                transactions=sum(page.transactions for page in pages),
                facts=sum(page.facts for page in pages),
                compared=sum(page.compared for page in pages),
                findings=tuple(chain.from_iterable(page.findings for page in pages)),
                after=ids[-1] if len(ids) == limit else "",
            )
        )

    @store_errors_as_failures
    def verify_records(self, after: str = "", limit: int = 100) -> Outcome[AuditPage, InvalidInput | StoreUnavailable]:
        """Check at most ``limit`` records after the place ``after``, which a page gave: keys, checkouts, notifications.

        The first page also checks the history as a whole, the delivery cursor and the leases.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``after`` is no place that a page gave. StoreUnavailable.
        """
        if problem := check_limit(limit) or check_place("after", after):
            return Failure(problem)
        place = _read_place(after)
        if place is None:
            return Failure(InvalidInput("after", "must be what a page gave"))
        keys = self._keys(*place, limit)
        checks: list[Callable[[], AuditPage]] = [partial(self._record, record_set, key) for record_set, key in keys]
        pages = [_confirmed(check) for check in (checks if after else [self._store_as_a_whole, *checks])]
        return Success(
            AuditPage(
                payments=0,
                transactions=0,
                facts=0,
                compared=0,
                findings=tuple(chain.from_iterable(page.findings for page in pages)),
                after=_written_place(*keys[-1]) if len(keys) == limit else "",
                records=len(keys),
            )
        )

    def _keys(self, first: RecordSet, behind: tuple[str, ...], limit: int) -> list[tuple[RecordSet, tuple[str, ...]]]:
        """The keys of a page, which may begin in one table and continue in the next."""
        keys: list[tuple[RecordSet, tuple[str, ...]]] = []
        for record_set in tuple(RecordSet)[tuple(RecordSet).index(first) :]:
            page = self._env.store.keys(record_set, behind if record_set is first else (), limit - len(keys))
            keys.extend((record_set, key) for key in page)
        return keys

    def _store_as_a_whole(self) -> AuditPage:
        return _page(*audit_reach(self._env), *audit_leases(self._env))

    def _record(self, record_set: RecordSet, key: tuple[str, ...]) -> AuditPage:
        return _page(*audit_record(self._env, record_set, key))

    def _audited_payment(self, payment_id: str, *, ask: bool) -> AuditPage:
        return _confirmed(lambda: self._payment(payment_id, ask=ask))

    def _payment(self, payment_id: str, *, ask: bool) -> AuditPage:
        try:
            payment = self._env.store.payment(payment_id)
            if payment is not None:
                return self._findings(payment, ask=ask)
            reason = "the payment is gone, and its transactions or its history are not"
        except StoreFailed as failed:
            reason = str(failed)
            self._env.store.payment_ids("", 1)  # if this fails too, the payment is not what is damaged
        return _page(Finding(kind=FindingKind.UNREADABLE, payment_id=payment_id, message=reason))

    def _findings(self, payment: Payment, *, ask: bool) -> AuditPage:
        if malformed := audit_comparability(payment):
            return attrs.evolve(_page(*malformed), transactions=len(payment.transactions))
        history = self._env.store.history(payment.id)
        facts = [recorded.fact for recorded in history]
        compared, differences = compare_with_gateway(self._env, payment) if ask else (0, ())
        findings = (
            *audit_ledger(payment, self._env.now(), self._bounds()),
            *audit_related_records(self._env, payment, facts),
            *audit_positions(payment.id, [(recorded.position, recorded.sequence) for recorded in history]),
            *audit_history(payment, facts, self._bounds()),
            *audit_causes(payment, facts),
            *differences,
        )
        return attrs.evolve(
            _page(*findings), transactions=len(payment.transactions), facts=len(history), compared=compared
        )

    def _bounds(self) -> AuditLimits:
        waits = [wait for wait in attrs.asdict(self._env.policy.schedule).values() if isinstance(wait, timedelta)]
        return AuditLimits(horizon=max(waits) + _DAY)


def _page(*findings: Finding) -> AuditPage:
    return AuditPage(payments=1, transactions=0, facts=0, compared=0, findings=findings, after="")


def _confirmed(check: Callable[[], AuditPage]) -> AuditPage:
    """Check until two checks in a row find the same: other processes may commit between two reads."""
    page = check()
    for _ in range(TRIES):
        again = check() if page.findings else page
        if again.findings == page.findings:
            break
        page = again
    return page


def _written_place(record_set: RecordSet, key: tuple[str, ...]) -> str:
    return json.dumps([record_set, *key])


def _read_place(after: str) -> tuple[RecordSet, tuple[str, ...]] | None:
    """Read where a page begins: after a key of a table; ``None`` if it is no place."""
    if not after:
        return RecordSet.REQUESTS, ()
    try:
        read: object = json.loads(after)
    except (ValueError, RecursionError):
        return None
    record_set, *key = cast("list[object]", read) if isinstance(read, list) and read else [None]
    table = next((member for member in RecordSet if member == record_set), None)
    texts = tuple(part for part in key if isinstance(part, str) and not check_place("after", part))
    columns = 1 if table is RecordSet.REQUESTS else 2
    return (table, texts) if table and len(texts) == len(key) == columns else None
