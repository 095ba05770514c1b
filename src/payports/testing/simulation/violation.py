"""Something that must never be so, and is."""

from __future__ import annotations

from typing import NoReturn


class Violation(AssertionError):
    """A promise was broken: a bug of ours, or of the simulation."""


def demand(holds: object, what: object) -> None:
    """Raise ``Violation`` unless something holds; ``python -O`` does not drop it, as it would an ``assert``."""
    if not holds:
        violated(what)


def violated(what: object) -> NoReturn:
    """Say that a promise was broken."""
    raise Violation(str(what))
