"""Bugs to plant: a simulation that finds nothing proves nothing. None of them is a switch of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final, TypeAlias

from payports.testing.simulation.processes import Surroundings

Plant: TypeAlias = Callable[[Surroundings, ExitStack], Surroundings]

PLANTS: Final[Mapping[str, Plant]] = {}
