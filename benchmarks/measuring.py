"""Measure loops in turn, so that any disturbance hits them alike; only the ratios are reliable."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs

Piece: TypeAlias = Callable[[int], object]
"""Does one piece of work, with a number that is never repeated."""

MICRO: Final = 1e6


@attrs.frozen
class Cost:
    """The average cost of a piece over a round, in microseconds. CPU is that of this process, system calls included."""

    cpu_us: float
    wall_us: float


@attrs.frozen
class Size:
    """``rounds`` of ``batch`` pieces each."""

    rounds: int
    batch: int

    @property
    def pieces(self) -> int:
        """The number of pieces in all, with one warm-up round."""
        return (self.rounds + 1) * self.batch


Series: TypeAlias = tuple[Cost, ...]


def in_turn(loops: Mapping[str, Piece], size: Size) -> dict[str, Series]:
    """Run a round of each loop in turn, each time starting with another loop. The first round is a warm-up."""
    costs: dict[str, list[Cost]] = {name: [] for name in loops}
    names = list(loops)
    for number in range(size.rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            cost = timed(loops[name], range(number * size.batch, (number + 1) * size.batch))
            if number:
                costs[name].append(cost)
    return {name: tuple(series) for name, series in costs.items()}


def timed(piece: Piece, numbers: range) -> Cost:
    """Time some pieces."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for number in numbers:
        piece(number)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu * MICRO / len(numbers), wall * MICRO / len(numbers))


def cpu_us(series: Series) -> float:
    """The median CPU time of a piece."""
    return statistics.median(cost.cpu_us for cost in series)


def wall_us(series: Series) -> float:
    """The median wall-clock time of a piece."""
    return statistics.median(cost.wall_us for cost in series)


def ratio_of_cpu(series: Series, other: Series) -> float:
    """The median ratio of CPU times, round by round."""
    return statistics.median(mine.cpu_us / its.cpu_us for mine, its in zip(series, other, strict=True))


def ratio_of_wall(series: Series, other: Series) -> float:
    """The median ratio of wall-clock times, round by round."""
    return statistics.median(mine.wall_us / its.wall_us for mine, its in zip(series, other, strict=True))
