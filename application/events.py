"""``shop.events``: facts for the host, written in the same commit as the change they tell of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.environment import Environment, guarded
from payports.application.requests import check_limit
from payports.domain.failures import PaymentNotFound, PaymentsProblem, StoreUnavailable
from payports.domain.outcome import Outcome
from payports.domain.screening import InvalidInput, check_identifier
from payports.ports.store import RecordedFact

_PAGE: Final = 100


@attrs.frozen
class Delivery:
    """How many facts the handler took. ``stopped_at`` is the fact at which it raised (``error``: the exception's name), if it did."""

    delivered: int
    stopped_at: RecordedFact | None = None
    error: str = ""


@attrs.frozen
class Events:
    """Hands facts to the host: at least once, in order per payment."""

    _env: Environment

    @guarded
    def deliver(
        self, handler: Callable[[RecordedFact], object], limit: int = 10_000
    ) -> Outcome[Delivery, InvalidInput | StoreUnavailable]:
        """Call ``handler`` with every fact that it has not taken yet, in commit order.

        A handler that raises loses nothing: delivery stops there, and the next one begins with the same fact.

        Failures:
            InvalidInput: the handler cannot be called, or the limit is no whole number from 1 to 10,000.
        """
        problem = check_limit(limit) or (None if callable(handler) else InvalidInput("handler", "must be callable"))
        if problem:
            return Failure(problem)
        taken = 0
        while taken < limit:
            page = self._env.store.undelivered(min(_PAGE, limit - taken))
            if not page:
                break
            for number, recorded in enumerate(page):
                try:
                    handler(recorded)
                except Exception as error:  # noqa: BLE001 -- the host's; its name is passed on, its text may hold secrets
                    if number:
                        self._env.store.delivered(page[number - 1].position)
                    return Success(Delivery(taken, recorded, type(error).__name__))
                taken += 1
            self._env.store.delivered(page[-1].position)
        return Success(Delivery(taken))

    @guarded
    def history(self, payment_id: str) -> Outcome[tuple[RecordedFact, ...], PaymentsProblem]:
        """Read everything that happened to a payment, oldest first."""
        if problem := check_identifier("payment_id", payment_id):
            return Failure(problem)
        found = self._env.store.history(payment_id)
        return Success(found) if found else Failure(PaymentNotFound(payment_id))
