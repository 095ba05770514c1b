"""A repository whose commits are observed; everything else is the repository's own."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

import attrs
from returns.result import Failure

from payports.adapters.telemetry.watch import Verdict, Watch
from payports.domain.outcome import Outcome
from payports.ports.commit import Commit, Stale
from payports.ports.store import PaymentRepository
from payports.ports.telemetry import Attribute

_PARTS: Final = tuple(field.name for field in attrs.fields(Commit))


def watched_repository(inner: PaymentRepository, watch: Watch) -> PaymentRepository:
    """Wrap a repository so that its commits are reported to the observers."""
    return cast("PaymentRepository", _Repository(inner, watch))


class _Repository:
    """Offers whatever the inner repository offers, so that no list of methods here can become incomplete."""

    def __init__(self, inner: PaymentRepository, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, commit: Commit) -> Outcome[None, Stale]:
        return self._watch.over("store.commit", _about(commit), partial(self._inner.commit, commit), _of_commit)

    def delivered(self, *given: Any, **named: Any) -> Any:
        work = partial(self._inner.delivered, *given, **named)
        return self._watch.over("store.delivered", {}, work, _of_delivery)


def _about(commit: Commit) -> dict[str, Attribute]:
    parts: dict[str, Attribute] = {f"payports.{name}": len(getattr(commit, name)) for name in _PARTS}
    parts["payports.facts"] = sum(len(change.facts) for change in commit.changes)
    if len(commit.changes) == 1:
        parts["payports.payment.id"] = commit.changes[0].after.id
    return {name: value for name, value in parts.items() if value}


def _of_delivery(_: object) -> Verdict:
    return Verdict(outcome="COMMITTED")


def _of_commit(committed: Outcome[None, Stale]) -> Verdict:
    return Verdict(outcome="STALE" if isinstance(committed, Failure) else "COMMITTED")
