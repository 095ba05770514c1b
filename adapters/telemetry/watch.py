"""Telling observers what begins and what has ended, without ever standing in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Lock
from time import perf_counter
from typing import Final, TypeAlias, TypeVar

import attrs

from payports.ports.telemetry import Attribute, Ending, Observer, Operation

_Value = TypeVar("_Value")

RAISED: Final = "RAISED"
ERROR_TYPE: Final = "error.type"
"""The attribute that names the class of what was raised; never its text."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What a value that was given says about how it went."""

    outcome: str
    failed: bool = False
    attributes: Mapping[str, Attribute] = attrs.field(factory=dict[str, Attribute])


class Failures:
    """Counts what observers raised, in all threads; the first is logged by the name of its class."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many exceptions observers have raised."""
        return self._count

    def note(self, error: BaseException) -> None:
        """Count an exception."""
        with self._lock:
            self._count += 1
            first = self._count == 1
        if first:
            with suppress(Exception):  # the logging of the host may be what is broken
                logging.getLogger("payports.telemetry").warning("an observer raised %s", type(error).__name__)


_Finish: TypeAlias = Callable[[Ending], object]


@attrs.frozen
class Watch:
    """Reports the operations of one merchant, or of one of its gateways, to observers; ``known``: attributes of all of them."""

    observers: tuple[Observer, ...]
    failures: Failures
    known: Mapping[str, Attribute]

    def knowing(self, **more: Attribute) -> Watch:
        """The same watch with further attributes of all its operations; ``__`` in a name stands for a dot."""
        attributes = {f"payports.{name.replace('__', '.')}": value for name, value in more.items()}
        return attrs.evolve(self, known={**self.known, **attributes})

    def over(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        work: Callable[[], _Value],
        judge: Callable[[_Value], Verdict],
    ) -> _Value:
        """Run ``work`` and report it. What it returns or raises is passed on unchanged, whatever the observers do."""
        operation = Operation(name=f"payports.{name}", attributes={**self.known, **attributes})
        finishes = tuple(self._begin(operation))
        started = perf_counter()
        try:
            value = work()
        except BaseException as error:
            raised = Verdict(outcome=RAISED, failed=True, attributes={ERROR_TYPE: type(error).__name__})
            self._end(operation, finishes, started, raised)
            raise
        self._end(operation, finishes, started, self._verdict(judge, value))
        return value

    def _begin(self, operation: Operation) -> Iterator[_Finish]:
        for observer in self.observers:
            try:
                finish = observer.began(operation)
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- whoever watches must never break a payment
                self.failures.note(error)
            else:
                if finish is not None:
                    yield finish

    def _verdict(self, judge: Callable[[_Value], Verdict], value: _Value) -> Verdict:
        try:
            return judge(value)
        except Exception:  # noqa: BLE001 -- an adapter may give what is none of the port's types
            return Verdict(outcome="UNREADABLE", failed=True)

    def _end(self, operation: Operation, finishes: tuple[_Finish, ...], started: float, verdict: Verdict) -> None:
        ending = Ending(
            operation=operation,
            outcome=verdict.outcome,
            failed=verdict.failed,
            duration_s=perf_counter() - started,
            attributes=verdict.attributes,
        )
        for finish in reversed(finishes):
            try:
                finish(ending)
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- whoever watches must never break a payment
                self.failures.note(error)
