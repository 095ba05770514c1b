"""Run a sequence of commands on every lane, and minimise a sequence that gives different results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import attrs

from tests.differential.commands import Command, sequence
from tests.differential.lanes import Lane


@attrs.frozen(kw_only=True)
class Difference:
    """A sequence of commands with different results on two lanes."""

    seed: int
    commands: tuple[Command, ...]
    first: str
    second: str
    told: tuple[str, str]

    @property
    def message(self) -> str:
        """The commands to replay, and the first difference."""
        commands = "\n  ".join(map(repr, self.commands))
        return f"seed {self.seed}:\n  {commands}\n{self.first}: {self.told[0]}\n{self.second}: {self.told[1]}"


def compare(lanes: Sequence[Lane], seed: int) -> Difference | None:
    """Run the sequence of a seed on all lanes; return the first difference, minimised."""
    found = _difference(lanes, seed, f"m{seed}", sequence(seed))
    if found is None:
        return None
    tries = (f"m{seed}-{number}" for number in count(1))
    shorter: Difference | None = found
    while shorter:
        found = shorter
        parts = [found.commands[:place] + found.commands[place + 1 :] for place in range(len(found.commands))]
        shorter = next(
            filter(None, (_difference(lanes, seed, next(tries), list(shortened)) for shortened in parts)), None
        )
    return found


def _difference(lanes: Sequence[Lane], seed: int, merchant: str, commands: list[Command]) -> Difference | None:
    first, *others = lanes
    expected = first.run(merchant, commands)
    answers = [(lane, lane.run(merchant, commands)) for lane in others]
    for other, given in answers:
        if given != expected:
            at = next(place for place, (mine, two) in enumerate(zip(expected, given, strict=True)) if mine != two)
            told = repr(expected[at]), repr(given[at])
            return Difference(seed=seed, commands=tuple(commands), first=first.name, second=other.name, told=told)
    return None
