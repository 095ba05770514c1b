"""An observer that remembers, and one that always raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from payports.ports.telemetry import Ending, Observer, Operation


class Witness(Observer):
    """Keeps everything that it is told."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.endings: list[Ending] = []

    def began(self, operation: Operation) -> Callable[[Ending], object]:
        self.operations.append(operation)
        return self.endings.append

    def told(self, name: str) -> list[str]:
        """How the operations of a name ended."""
        return [one.outcome for one in self.endings if one.operation.name == f"payports.{name}"]

    def text(self) -> str:
        return repr((self.operations, self.endings))


class Hysteric(Observer):
    """Raises at the beginning, or at the end."""

    def __init__(self, *, at_once: bool) -> None:
        self.at_once = at_once

    def began(self, operation: Operation) -> Callable[[Ending], object]:
        if self.at_once:
            self._raise(operation)
        return self._raise

    def _raise(self, *_: Any) -> NoReturn:
        raise RuntimeError("the observer is broken")
