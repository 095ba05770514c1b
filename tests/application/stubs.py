"""Stubs of gateways and stores: they watch calls and commits, answer instead, or fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from payports import Success
from payports.domain.capabilities import Capabilities
from payports.domain.observation import Observation
from payports.ports.commit import Commit
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse, TransactionGateway
from payports.ports.store import PaymentRepository, Store, StoreFailed


class Spy(TransactionGateway):
    """A gateway under watch: notes calls; a test may act during one (``during``) or answer it (``instead``, ``on_look_up``)."""

    def __init__(self, inner: TransactionGateway) -> None:
        self.inner = inner
        self.executed: list[PaymentRequest] = []
        self.looked_up: list[PaymentRequest] = []
        self.during: Callable[[PaymentRequest], object] | None = None
        self.instead: Callable[[PaymentRequest], Any] | None = None
        self.on_look_up: Callable[[PaymentRequest], Any] | None = None

    @property
    def calls(self) -> int:
        return len(self.executed) + len(self.looked_up)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        self.executed.append(request)
        if self.during:
            self.during(request)
        if self.instead:
            answer: PaymentResponse = self.instead(request)
            return answer
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        self.looked_up.append(request)
        if self.on_look_up:
            answer: Observation | NotFoundYet = self.on_look_up(request)
            return answer
        return self.inner.look_up(request, fence=fence)


class Capable(TransactionGateway):
    """A gateway with changed capabilities; calls go on to the inner gateway."""

    def __init__(self, inner: TransactionGateway, **changes: Any) -> None:
        self.inner = inner
        self._capabilities: Capabilities = attrs.evolve(inner.capabilities, **changes)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return self.inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        return self.inner.look_up(request, fence=fence)


class WatchedStore(Store):
    """A store under watch: keeps its commits; a test may act, or raise, before and after each."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.commits: list[Commit] = []
        self.before_commit: Callable[[Commit], object] | None = None
        self.after_commit: Callable[[Commit], object] | None = None

    def of(self, merchant: str) -> PaymentRepository:
        return watched(self, self.inner.of(merchant))

    def check(self) -> Mapping[str, str]:
        return self.inner.check()

    def close(self) -> None:
        self.inner.close()


def watched(store: WatchedStore, inner: PaymentRepository) -> PaymentRepository:
    """The repository of a watched store: all of the inner one's methods but ``commit``, which is watched."""

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def commit(self, commit: Commit) -> Any:
            if store.before_commit:
                store.before_commit(commit)
            done = inner.commit(commit)
            if isinstance(done, Success):
                store.commits.append(commit)
            if store.after_commit:
                store.after_commit(commit)
            return done

    repository: Any = Watched()
    watching: PaymentRepository = repository
    return watching


def override(repository: object, name: str, instead: Callable[[Any], Any] | Callable[[Any, Any], Any]) -> None:
    """Replace a method of a watched store's repository."""
    setattr(repository, name, instead)


def fail(reason: str = "the disk is full") -> Callable[[object], None]:
    """A function that fails as a store does."""

    def raising(_: object) -> None:
        raise StoreFailed(reason)

    return raising
