"""A store with something before it: what a test puts there may do what no store may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payports.ports.store import PaymentRepository, Store


class Through:
    """A repository through which everything passes."""

    def __init__(self, inner: PaymentRepository) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Behind(Store):
    """The same store, with something before each repository."""

    def __init__(self, inner: Store, kind: Callable[[PaymentRepository], Through]) -> None:
        self._inner = inner
        self._kind = kind

    def of(self, merchant: str) -> PaymentRepository:
        repository: Any = self._kind(self._inner.of(merchant))
        found: PaymentRepository = repository
        return found

    def check(self) -> Mapping[str, str]:
        return self._inner.check()

    def close(self) -> None:
        self._inner.close()
