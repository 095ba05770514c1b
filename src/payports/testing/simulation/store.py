"""A store that fails now and then, before or after a commit became durable, and that tells the invariants of every commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from returns.result import Failure, Success

from payports.ports.commit import Commit, RecordKind, Stale
from payports.ports.store import PaymentRepository, Store, StoreFailed
from payports.testing.simulation.faults import Fault, Weather
from payports.testing.simulation.scheduler import Waiting


class FaultyStore(Store):
    """Stands before the real one for one process."""

    def __init__(self, inner: Store, process: Waiting, weather: Weather, committed: Callable[[Commit], object]) -> None:
        self._inner = inner
        self._around = (process, weather, committed)

    def of(self, merchant: str) -> PaymentRepository:
        return cast("PaymentRepository", FaultyRepository(self._inner.of(merchant), *self._around))

    def check(self) -> Mapping[str, str]:
        return self._inner.check()

    def close(self) -> None:
        """The store outlives its processes."""


class FaultyRepository:
    """Forwards every method, those that a later version adds too: a step before each, and a failure where the weather says so."""

    def __init__(
        self,
        inner: PaymentRepository,
        process: Waiting,
        weather: Weather,
        committed: Callable[[Commit], object],
    ) -> None:
        self._inner = inner
        self._process = process
        self._weather = weather
        self._committed = committed

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._process.step(name)
            if self._weather.strikes(Fault.READ_FAILS):
                self._fail("could not be reached")
            found = method(*args, **kwargs)
            if self._weather.strikes(Fault.READ_FAILS):
                self._fail("was lost on the way back")
            return found

        self.__dict__[name] = call
        return call

    def commit(self, commit: Commit) -> Any:
        """Commit, fail before, or fail after; sometimes say that somebody was faster although nobody was."""
        self._process.step(f"commit {', '.join(told(commit))}")
        weather = self._weather
        if weather.strikes(Fault.COMMIT_FAILS_BEFORE):
            self._fail("commit failed, nothing is there")
        if commit.changes and weather.strikes(Fault.STALE):
            self._process.note("stale for no reason")
            return Failure(Stale(RecordKind.PAYMENT, commit.changes[0].after.id))
        done = self._inner.commit(commit)
        if isinstance(done, Success):
            self._committed(commit)
        else:
            self._process.note(f"stale: {done.failure().name}")
        if weather.strikes(Fault.COMMIT_FAILS_AFTER):
            self._fail(f"commit failed, {'all' if isinstance(done, Success) else 'nothing'} is there")
        return done

    def _fail(self, how: str) -> None:
        self._process.note(how)
        raise StoreFailed(f"the store {how}")


def told(commit: Commit) -> list[str]:
    """Say in a few words what a commit writes."""
    return [
        *(
            f"{change.after.id} {' '.join(f'{row.id}={row.status}/{row.reversal}' for row in change.after.transactions)}"
            for change in commit.changes
        ),
        *(f"key {request.key}" for request in commit.requests),
        *(f"checkout {checkout.owner.id} {checkout.request_id} {checkout.state}" for checkout in commit.checkouts),
        *(f"inbox {entry.event_id}" for entry in commit.inbox),
    ]
