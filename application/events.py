"""``shop.events``: facts for the host, stored in the same commit as the change that they report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.input_validation import check_limit, check_stopping, never_stop
from payports.domain.failures import PaymentNotFound, PaymentProblem, StoreUnavailable
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.outcome import Outcome
from payports.ports.leases import DELIVERY
from payports.ports.store import RecordedFact, StoreFailed

_PAGE: Final = 100

_LEASE: Final = timedelta(minutes=1)
"""When another process may take over from one that has stopped without releasing."""


@attrs.frozen
class Delivery:
    """How many facts the handler took. ``stopped_at``: the fact at which it raised, if it did (``error``: the exception's name).

    ``elsewhere``: another process is delivering, or has taken over from this one, which was too slow. ``told_to_stop``: ``stopping``
    returned true, so there may be more.
    """

    delivered: int
    stopped_at: RecordedFact | None = None
    error: str = ""
    elsewhere: bool = False
    told_to_stop: bool = False


@attrs.frozen
class Events:
    """Hands facts to the host: at least once, in order per payment."""

    _env: Environment

    @store_errors_as_failures
    def deliver(
        self,
        handler: Callable[[RecordedFact], object],
        limit: int = 10_000,
        *,
        stopping: Callable[[], bool] = never_stop,
    ) -> Outcome[Delivery, InvalidInput | StoreUnavailable]:
        """Call ``handler`` with every fact that it has not taken yet, in the order of their positions.

        Of several processes that deliver at once only one does; when it dies another goes on within a minute, from the delivery cursor. A
        handler that raises loses nothing: delivery stops there, and the next one begins with the same fact. ``stopping`` is asked before
        each fact; once it returns true, or raises, delivery ends with the cursor behind the last fact taken; what ``stopping`` raised is
        raised again.

        Failures:
            InvalidInput: the handler or ``stopping`` cannot be called, or the limit is no whole number from 1 to 10,000.
        """
        problem = (
            check_limit(limit)
            or (None if callable(handler) else InvalidInput("handler", "must be callable"))
            or check_stopping(stopping)
        )
        if problem:
            return Failure(problem)
        deliverer = _Deliverer(self._env, self._env.ids.new(), handler, stopping)
        try:
            return Success(deliverer.deliver(limit))
        finally:
            deliverer.release()

    @store_errors_as_failures
    def history(self, payment_id: str) -> Outcome[tuple[RecordedFact, ...], PaymentProblem]:
        """Read everything that happened to a payment, oldest first."""
        if problem := check_identifier("payment_id", payment_id):
            return Failure(problem)
        facts = self._env.store.history(payment_id)
        return Success(facts) if facts else Failure(PaymentNotFound(payment_id))


@attrs.define
class _Deliverer:
    """Delivers for as long as its lease holds."""

    env: Environment
    holder: str
    handler: Callable[[RecordedFact], object]
    stopping: Callable[[], bool]
    leased_at: datetime | None = None
    taken: int = 0

    def deliver(self, limit: int) -> Delivery:
        while self.taken < limit:
            if not self.has_lease():
                return Delivery(self.taken, elsewhere=True)
            page = self.env.store.undelivered(min(_PAGE, limit - self.taken))
            if not page:
                break
            if stopped := self.deliver_page(page):
                return stopped
        return Delivery(self.taken)

    def deliver_page(self, page: tuple[RecordedFact, ...]) -> Delivery | None:
        """Deliver a page; gives why delivery stops in it, if it does."""
        position = 0
        stopped: Delivery | None = None
        for recorded in page:
            if self.should_stop(position):
                stopped = Delivery(self.taken, told_to_stop=True)
                break
            if not self.has_lease():
                stopped = Delivery(self.taken, elsewhere=True)
                break
            try:
                self.handler(recorded)
            except Exception as error:  # noqa: BLE001 -- the host's; its name is passed on, its text may hold secrets
                stopped = Delivery(self.taken, recorded, type(error).__name__)
                break
            self.taken += 1
            position = recorded.position
        self.move_cursor(position)
        return stopped

    def should_stop(self, position: int) -> bool:
        """Ask ``stopping``; if it raises, the cursor moves to ``position`` first, so that nothing taken comes again."""
        try:
            return self.stopping()
        except BaseException:
            with suppress(StoreFailed):  # what `stopping` raised goes first
                self.move_cursor(position)
            raise

    def move_cursor(self, position: int) -> None:
        if position:
            self.env.store.delivered(position)  # the handler took them, whoever has the lease now

    def has_lease(self) -> bool:
        """Tell whether the lease is held for a while yet: renewed in time, or taken if it is free."""
        now = self.env.now()
        if self.leased_at is not None and timedelta() <= now - self.leased_at < _LEASE / 3:
            return True
        held = bool(self.env.store.lease((DELIVERY,), self.holder, _LEASE))
        self.leased_at = now if held else None
        return held

    def release(self) -> None:
        try:
            self.env.store.release((DELIVERY,), self.holder)
        except StoreFailed:
            return  # the lease runs out
