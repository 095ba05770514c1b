"""An observer for the standard library's logging: one record an operation, its attributes as ``extra``.

The host chooses what becomes of them: a JSON formatter, structlog's ``ProcessorFormatter`` or plain lines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import attrs

from payports.ports.telemetry import Ending, Observer, Operation

LOGGER: Final = "payports"


def _usual() -> logging.Logger:
    return logging.getLogger(LOGGER)


@attrs.frozen
class LogObserver(Observer):
    """Logs how each operation ended: at WARNING if it failed, else at INFO."""

    logger: logging.Logger = attrs.field(factory=_usual)

    def began(self, operation: Operation) -> Callable[[Ending], object] | None:  # noqa: ARG002 -- the port asks for it
        """Wait for the end."""
        return self._ended

    def _ended(self, ending: Ending) -> None:
        level = logging.WARNING if ending.failed else logging.INFO
        if not self.logger.isEnabledFor(level):
            return
        name, took_ms = ending.operation.name, round(ending.duration_s * 1_000, 3)
        extra = {
            **ending.operation.attributes,
            **ending.attributes,
            "payports.operation": name,
            "payports.outcome": ending.outcome,
            "payports.duration_ms": took_ms,
        }
        self.logger.log(level, "%s %s in %s ms", name, ending.outcome, took_ms, extra=extra)
