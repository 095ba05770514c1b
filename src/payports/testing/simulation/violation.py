"""Violations of what must always hold."""

from __future__ import annotations

from typing import NoReturn


class Violation(AssertionError):
    """A broken promise: a bug in the library, or in the simulation."""


def require(condition: object, message: object) -> None:
    """Raise ``Violation`` unless the condition holds; ``python -O`` does not drop this, as it would an ``assert``."""
    if not condition:
        _fail(message)


def _fail(message: object) -> NoReturn:
    """Raise the violation."""
    raise Violation(str(message))
