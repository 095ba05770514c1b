"""Bugs to be found: each is a switch of these tests, nothing of it is in the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from payports import Observation, Outcome, Payports, Success, TransactionStatus
from payports.domain.observation import Channel
from payports.ports.commit import Commit, Stale
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.ports.store import PaymentRepository
from tests.behind import Behind, Through
from tests.crash_injection.scene import Between, with_gateways, with_store


class _Lazy(Through):
    """Says that an intent is committed, and writes it with whatever is read or written next: after the gateway was called."""

    def __init__(self, inner: PaymentRepository) -> None:
        super().__init__(inner)
        self.waiting: list[Commit] = []

    def __getattr__(self, name: str) -> Any:
        self.flush()
        return super().__getattr__(name)

    def flush(self) -> None:
        while self.waiting:
            self.inner.commit(self.waiting.pop(0))

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        self.flush()
        rows = [transaction for change in commit.changes for transaction in change.after.transactions]
        if not any(transaction.status is TransactionStatus.SENDING_TO_PROCESSOR for transaction in rows):
            return self.inner.commit(commit)
        self.waiting.append(commit)
        return Success(None)


class _Hasty(Between):
    """Takes a "not found" for a failure, and burns no key."""

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:  # noqa: ARG002 -- that is the bug
        found = super().look_up(request, fence=False)
        if not isinstance(found, NotFoundYet):
            return found
        return Observation(
            status=TransactionStatus.NOT_EXECUTED, channel=Channel.LOOK_UP, transaction_id=request.transaction_id
        )


BUGS: Final[Mapping[str, Callable[[Payports], Payports]]] = {
    "": lambda shop: shop,
    "the gateway is called before the intent is committed": lambda shop: with_store(shop, Behind(shop.store, _Lazy)),
    "not found is taken for a failure without a fence": lambda shop: with_gateways(shop, _Hasty),
}


def planted(shop: Payports, bug: str) -> Payports:
    """The shop with a bug in it."""
    return BUGS[bug](attrs.evolve(shop))
