"""A store whose repositories are wrapped, so that a test can plant behaviour that no store may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payports.ports.store import PaymentRepository, Store


class RepositoryWrapper:
    """Forwards everything to a repository. Subclasses override what a test changes."""

    def __init__(self, inner: PaymentRepository) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class WrappedStore(Store):
    """A store that gives its repositories wrapped."""

    def __init__(self, inner: Store, wrapper: Callable[[PaymentRepository], RepositoryWrapper]) -> None:
        self._inner = inner
        self._wrapper = wrapper

    def of(self, merchant: str) -> PaymentRepository:
        wrapped: Any = self._wrapper(self._inner.of(merchant))
        repository: PaymentRepository = wrapped
        return repository

    def check(self) -> Mapping[str, str]:
        return self._inner.check()

    def close(self) -> None:
        self._inner.close()
