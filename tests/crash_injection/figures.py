"""How much of the proofs by force a run takes on, and the figures that it shows at its end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

AMOUNT: Final = "PAYPORTS_FORCE_POINTS"
"""How many points of each operation are struck, or ``all``."""

_USUAL: Final = 60
_Value = TypeVar("_Value")

lines: Final[list[str]] = []


def is_everything() -> bool:
    """Whether every point was asked for, in every course."""
    return os.environ.get(AMOUNT) == "all"


def chosen(points: Sequence[_Value], part: int = 0, parts: int = 1) -> list[_Value]:
    """Take as many points as asked for, evenly over all; or of these every ``parts``-th, where several lists share the number."""
    number = len(points) if is_everything() else min(len(points), int(os.environ.get(AMOUNT) or _USUAL))
    return [points[place * len(points) // number] for place in range(number)][part::parts]


def note(line: str) -> None:
    """Keep a figure for the end."""
    lines.append(line)
