"""Concurrent writers: records change between reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from payports import Failure, Payment
from payports.ports.commit import Change, Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store
from tests.application.fixtures import ShopFixture, value_of


def commit_meanwhile(shop: ShopFixture, payment: Payment) -> None:
    """Commit a payment unchanged, past the shop under test: only its version rises."""
    store = shop.store.inner.of("default")
    now = store.payment(payment.id)
    assert now
    value_of(store.commit(Commit(changes=(Change(before=now, after=now, facts=()),))))


def before_next_commits(act: Callable[[Commit], object], times: int = 1) -> Callable[[Commit], None]:
    """Act before the next ``times`` commits only."""
    left = [times]

    def acting(commit: Commit) -> None:
        left[0] -= 1
        if left[0] >= 0:
            act(commit)

    return acting


def with_stale_commits(
    shop: ShopFixture, kind: RecordKind = RecordKind.PAYMENT, record_id: str = "p-0", times: int = 1_000
) -> ShopFixture:
    """The same shop, in which the next ``times`` commits find a newer version of a record."""
    inner, left = shop.payports.store, [times]

    class Losing:
        def of(self, merchant: str) -> Any:
            return Repository(inner.of(merchant))

    class Repository:
        def __init__(self, repository: PaymentRepository) -> None:
            self._repository = repository

        def commit(self, commit: Commit) -> Any:
            left[0] -= 1
            return Failure(Stale(kind, record_id)) if left[0] >= 0 else self._repository.commit(commit)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._repository, name)

    store: Any = Losing()
    losing: Store = store
    return attrs.evolve(shop, payports=attrs.evolve(shop.payports, store=losing))
