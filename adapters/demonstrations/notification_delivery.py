"""Carrying the sandbox bank's notifications to the shop, as an HTTP endpoint of the host would."""

from __future__ import annotations

import json
from typing import Final, Protocol

import attrs
from returns.result import Failure, Success

from payports.application.shop import Payports
from payports.domain.failures import StoreUnavailable
from payports.domain.outcome import Outcome

_BATCH: Final = 200


class Notifier(Protocol):
    """A bank that hands its notifications over, each once."""

    def webhooks(self, limit: int | None = None) -> list[tuple[dict[str, str], bytes]]:
        """Hand over at most so many."""
        ...


@attrs.frozen
class NotTaken:
    """The shop did not take a notification."""

    status_code: int

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"a notification of the bank was answered with {self.status_code}"


def deliver(shop: Payports, bank: Notifier) -> Outcome[int, NotTaken | StoreUnavailable]:
    """Deliver everything that is pending; gives how many facts were new. The account that a notification is for names our gateway.

    Failures:
        NotTaken: with the status that the bank was answered with. StoreUnavailable.
    """
    applied, more = 0, True
    while more:
        pending = bank.webhooks(_BATCH)
        more = len(pending) == _BATCH
        for headers, body in pending:
            received = shop.webhooks.receive(json.loads(body)["account"], headers, body)
            if isinstance(received, Failure):
                problem = received.failure()
                return Failure(problem if isinstance(problem, StoreUnavailable) else NotTaken(404))
            if received.unwrap().status_code != 200:
                return Failure(NotTaken(received.unwrap().status_code))
            applied += received.unwrap().applied
    return Success(applied)
