"""``shop.maintenance``: finish what was left open. One pass is bounded and safe to run from many places at once."""

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
    """What one pass did: look-ups made and how many of them settled a doubt, reversals made and failed, actions that lapsed, holds whose
    end is near, parked notifications applied, checkouts concluded, and what could not be worked on because the store failed over it.
    ``more``: there was more work than one pass takes, or it was stopped."""

    looked_up: int
    settled: int
    reversed: int
    failed_reversals: int
    lapsed: int
    expiring: int
    applied: int
    concluded: int
    unreadable: int
    more: bool


@attrs.frozen
class Maintenance:
    """Recovers, reverses, expires, and says what it cannot do alone."""

    _env: Environment

    @store_errors_as_failures
    def run(
        self, limit: int = 100, *, stopping: Callable[[], bool] = never_stop
    ) -> Outcome[MaintenanceReport, InvalidInput | StoreUnavailable]:
        """Make one pass over at most ``limit`` payments, notifications and checkouts that are due; a host calls it every minute or so.

        Any number of processes may do so at once: each leases what it works on. What the store fails over is left to the next pass.
        ``stopping`` is asked before each of them; once it says yes the pass ends, and gives back at once what it had leased. So it
        does if ``stopping`` raises, and that is raised on; what was done before stays done.

        Failures:
            InvalidInput: the limit is no whole number from 1 to 10,000, or ``stopping`` cannot be called.
            StoreUnavailable: nothing could be done at all.
        """
        if problem := check_limit(limit) or check_stopping(stopping):
            return Failure(problem)
        done = Counter[str]()
        one_pass = MaintenancePass(self._env, self._env.ids.new(), done, stopping)
        more = one_pass.run(limit) >= limit or one_pass.stopped
        counted = {one.name: done[one.name] for one in attrs.fields(MaintenanceReport) if one.name != "more"}
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
        """Settle by a person's word what a transaction came to; who and why is kept in its history.

        ``status``: SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED; the status that it has takes note of what needed attention. A final status
        is never lowered: what succeeded can only be revoked. ``gateway_reference``: the gateway's name for it, where nobody has told that
        yet: what is to be built on a success needs it.

        Failures:
            InvalidInput: the status cannot be ruled, nobody or no reason is named, or what succeeded is called otherwise.
            PaymentNotFound: no such transaction.
            OperationNotAllowed: it has a higher status; the ruling stands in its history and settles nothing.
        """
        return rule(self._env, transaction_id, status, operator, reason, gateway_reference)
