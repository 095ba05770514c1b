"""Measure loops in turn, so that whatever disturbs the machine disturbs them alike; only ratios are worth anything."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs

Piece: TypeAlias = Callable[[int], object]
"""Does one piece of work, named by its number; no number comes twice."""

MICRO: Final = 1e6


@attrs.frozen
class Cost:
    """What one piece took, on average over a round, in microseconds. CPU is that of this process, system calls included."""

    cpu_us: float
    wall_us: float


@attrs.frozen
class Size:
    """How often: ``rounds`` of ``batch`` pieces each."""

    rounds: int
    batch: int

    @property
    def pieces(self) -> int:
        """How many pieces there are in all, one round of warming up included."""
        return (self.rounds + 1) * self.batch


Series: TypeAlias = tuple[Cost, ...]


def in_turn(loops: Mapping[str, Piece], size: Size) -> dict[str, Series]:
    """Run a round of each loop, again and again, each time another one first. The first round of all only warms up."""
    found: dict[str, list[Cost]] = {name: [] for name in loops}
    names = list(loops)
    for number in range(size.rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            cost = timed(loops[name], range(number * size.batch, (number + 1) * size.batch))
            if number:
                found[name].append(cost)
    return {name: tuple(costs) for name, costs in found.items()}


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
    """The median time of a piece by the clock on the wall."""
    return statistics.median(cost.wall_us for cost in series)


def ratio_of_cpu(series: Series, other: Series) -> float:
    """How many times the CPU of another loop one took: the median over the rounds, each against the same round."""
    return statistics.median(mine.cpu_us / its.cpu_us for mine, its in zip(series, other, strict=True))


def ratio_of_wall(series: Series, other: Series) -> float:
    """The same for time by the clock on the wall."""
    return statistics.median(mine.wall_us / its.wall_us for mine, its in zip(series, other, strict=True))
