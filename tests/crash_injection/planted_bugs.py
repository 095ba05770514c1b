"""Planted bugs, which the tests must find. None of them is a switch of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from payports import Observation, Outcome, Payports, Success, TransactionStatus
from payports.domain.observation import Channel
from payports.ports.commit import Commit, Stale
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.ports.store import PaymentRepository
from tests.crash_injection.fixtures import GatewayProxy, with_gateways, with_store
from tests.store_wrappers import RepositoryWrapper, WrappedStore


class _CommitsLate(RepositoryWrapper):
    """Reports an intent as committed, but writes it with the next read or write: after the gateway call."""

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


class _NotFoundIsFailure(GatewayProxy):
    """Takes "not found" for a failure, and fences no key."""

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:  # noqa: ARG002 -- that is the bug
        observed = super().look_up(request, fence=False)
        if not isinstance(observed, NotFoundYet):
            return observed
        return Observation(
            status=TransactionStatus.NOT_EXECUTED, channel=Channel.LOOK_UP, transaction_id=request.transaction_id
        )


BUGS: Final[Mapping[str, Callable[[Payports], Payports]]] = {
    "": lambda shop: shop,
    "the gateway is called before the intent is committed": lambda shop: with_store(
        shop, WrappedStore(shop.store, _CommitsLate)
    ),
    "not found is taken for a failure without a fence": lambda shop: with_gateways(shop, _NotFoundIsFailure),
}


def with_planted_bug(shop: Payports, bug: str) -> Payports:
    """Put a bug into a shop."""
    return BUGS[bug](attrs.evolve(shop))
