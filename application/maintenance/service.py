"""``shop.maintenance``: recover unknown results, reverse, expire, and list what needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.input_validation import check_limit, check_stopping, never_stop
from payports.application.maintenance.attention import needing_attention, rule
from payports.application.maintenance.maintenance_pass import MaintenancePass
from payports.domain.attention import AttentionItem
from payports.domain.failures import StoreUnavailable, TransactionProblem
from payports.domain.input_checks import InvalidInput
from payports.domain.outcome import Outcome
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import TransactionStatus


@attrs.frozen(kw_only=True)
class MaintenanceReport:
    """What one pass did.

    ``doubts_resolved``: how many of the ``looked_up`` transactions have another status now, and a known one.
    ``checkouts_concluded``: looked at again because their date had come, whatever came of it. ``actions_expired``: the shopper did not come
    back in time. ``holds_expiring``: the host is told that they end soon. ``unreadable``: the store failed on them. ``more``: there is
    more work than one pass takes, or the pass was stopped.
    """

    looked_up: int
    doubts_resolved: int
    reversed: int
    failed_reversals: int
    actions_expired: int
    holds_expiring: int
    notifications_applied: int
    checkouts_concluded: int
    unreadable: int
    more: bool


@attrs.frozen
class Maintenance:
    """Finishes what was left open, and says what it cannot decide."""

    _env: Environment

    @store_errors_as_failures
    def run(
        self, limit: int = 100, *, stopping: Callable[[], bool] = never_stop
    ) -> Outcome[MaintenanceReport, InvalidInput | StoreUnavailable]:
        """Make one pass over at most ``limit`` payments, notifications and checkouts that are due; call it every minute or so.

        Any number of processes may run passes at once: each leases what it works on. What the store fails on is left to the next pass.
        ``stopping`` is asked before each item; once it returns true, or raises, the pass ends and releases at once what it had leased. What
        was done before stays done; what ``stopping`` raised is raised again.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``stopping`` cannot be called.
            StoreUnavailable: the store could not be used at all.
        """
        if problem := check_limit(limit) or check_stopping(stopping):
            return Failure(problem)
        done = Counter[str]()
        one_pass = MaintenancePass(self._env, self._env.ids.new(), done, stopping)
        more = one_pass.run(limit) >= limit or one_pass.stopped
        counted = {field.name: done[field.name] for field in attrs.fields(MaintenanceReport) if field.name != "more"}
        return Success(MaintenanceReport(**counted, more=more))

    @store_errors_as_failures
    def needs_attention(self) -> Outcome[tuple[AttentionItem, ...], StoreUnavailable]:
        """List everything that a person must decide."""
        return Success(tuple(needing_attention(self._env)))

    @store_errors_as_failures
    def resolve(
        self,
        transaction_id: str,
        status: TransactionStatus,
        *,
        operator: str,
        reason: str,
        gateway_reference: str = "",
    ) -> Outcome[TransactionReport, TransactionProblem]:
        """Rule on the result of a transaction as an operator; the operator and the reason are kept in its history.

        ``status``: SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED; the status that the transaction has already acknowledges what needed
        attention. A final status is never lowered: a success can only be revoked. ``gateway_reference``: the gateway's reference, where
        none is known yet: further transactions on a success need it.

        Failures:
            InvalidInput: the status cannot be ruled, no operator or no reason is named, or the gateway has given another reference.
            PaymentNotFound: no such transaction.
            OperationNotAllowed: the transaction has a higher status; the ruling stays in its history without effect.
        """
        return rule(self._env, transaction_id, status, operator, reason, gateway_reference)
