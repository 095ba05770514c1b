"""A store that sometimes fails, before or after a commit becomes durable, and reports every commit to the invariants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from returns.result import Failure, Success

from payports.ports.commit import Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store, StoreFailed
from payports.testing.simulation.faults import Fault, FaultInjector
from payports.testing.simulation.scheduler import Waiting


class FaultyStore(Store):
    """Wraps the real store for one process."""

    def __init__(
        self, inner: Store, process: Waiting, faults: FaultInjector, on_commit: Callable[[Commit], object]
    ) -> None:
        self._inner = inner
        self._context = (process, faults, on_commit)

    def of(self, merchant: str) -> PaymentRepository:
        return cast("PaymentRepository", FaultyRepository(self._inner.of(merchant), *self._context))

    def check(self) -> Mapping[str, str]:
        return self._inner.check()

    def close(self) -> None:
        """Do nothing: the store outlives its processes."""


class FaultyRepository:
    """Forwards every method, with a step before each and a failure where a fault occurs."""

    def __init__(
        self,
        inner: PaymentRepository,
        process: Waiting,
        faults: FaultInjector,
        on_commit: Callable[[Commit], object],
    ) -> None:
        self._inner = inner
        self._process = process
        self._faults = faults
        self._on_commit = on_commit

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._process.step(name)
            if self._faults.occurs(Fault.READ_FAILS):
                self._fail("could not be reached")
            result = method(*args, **kwargs)
            if self._faults.occurs(Fault.READ_FAILS):
                self._fail("was lost on the way back")
            return result

        self.__dict__[name] = call
        return call

    def commit(self, commit: Commit) -> Any:
        """Commit, or fail before or after; sometimes report a stale version for no reason."""
        self._process.step(f"commit {', '.join(describe_commit(commit))}")
        faults = self._faults
        if faults.occurs(Fault.COMMIT_FAILS_BEFORE):
            self._fail("commit failed, nothing is there")
        if commit.changes and faults.occurs(Fault.STALE):
            self._process.note("stale for no reason")
            return Failure(Stale(RecordKind.PAYMENT, commit.changes[0].after.id))
        outcome = self._inner.commit(commit)
        if isinstance(outcome, Success):
            self._on_commit(commit)
        else:
            self._process.note(f"stale: {outcome.failure().name}")
        if faults.occurs(Fault.COMMIT_FAILS_AFTER):
            self._fail(f"commit failed, {'all' if isinstance(outcome, Success) else 'nothing'} is there")
        return outcome

    def _fail(self, problem: str) -> None:
        self._process.note(problem)
        raise StoreFailed(f"the store {problem}")


def describe_commit(commit: Commit) -> list[str]:
    """Describe what a commit writes."""
    return [
        *(
            f"{change.after.id} {' '.join(f'{row.id}={row.status}/{row.reversal}' for row in change.after.transactions)}"
            for change in commit.changes
        ),
        *(f"key {request.key}" for request in commit.requests),
        *(f"checkout {checkout.owner.id} {checkout.request_id} {checkout.state}" for checkout in commit.checkouts),
        *(f"inbox {entry.event_id}" for entry in commit.inbox),
    ]
