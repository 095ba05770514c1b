"""A shop in which somebody else is always faster: every commit comes too late."""

from __future__ import annotations

from typing import Any

import attrs

from payports import Failure
from payports.ports.commit import Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store
from tests.application.shops import Bench


def overtaken(on: Bench, kind: RecordKind = RecordKind.PAYMENT, record_id: str = "p-0", times: int = 1_000) -> Bench:
    """The same shop, in which the next ``times`` commits find that a record has moved on."""
    inner, left = on.shop.store, [times]

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
    return attrs.evolve(on, shop=attrs.evolve(on.shop, store=losing))
