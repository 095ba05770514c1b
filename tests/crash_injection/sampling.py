"""How many faults a run injects, and the report at its end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

AMOUNT: Final = "PAYPORTS_FORCE_POINTS"
"""How many points of each operation get a fault, or ``all``."""

_USUAL: Final = 60
_Value = TypeVar("_Value")

lines: Final[list[str]] = []


def is_exhaustive() -> bool:
    """Return whether every point in every scenario is wanted."""
    return os.environ.get(AMOUNT) == "all"


def sample(points: Sequence[_Value], part: int = 0, parts: int = 1) -> list[_Value]:
    """Take the configured number of points, spread evenly; with ``parts``, every ``parts``-th of them."""
    number = len(points) if is_exhaustive() else min(len(points), int(os.environ.get(AMOUNT) or _USUAL))
    return [points[place * len(points) // number] for place in range(number)][part::parts]


def report(line: str) -> None:
    """Add a line to the report."""
    lines.append(line)
