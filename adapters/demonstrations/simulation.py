"""``payports simulate``: storms over a whole shop in a box, each from a seed, and the bank's ledger as the judge."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

import attrs
import click
from rich.console import Console

from payports.adapters.command_line.presentation.output import BAD, FAINT, GOOD, console, indented
from payports.testing.simulation import Run, Settings, simulate


@attrs.frozen(kw_only=True)
class SimulationOptions:
    """What to run: these ``seeds``, or as many as make so many ``steps``; ``first``: to the first failure; ``trace``: show every step."""

    seeds: range | None
    steps: int
    settings: Settings
    trace: bool
    first: bool


def run_simulation(options: SimulationOptions) -> int:
    """Run seed after seed, say what was found, and give the exit code."""
    out = console()
    settings = attrs.evolve(options.settings, show=click.echo if options.trace else None)
    began, steps, effects, days, broken, runs = time.monotonic(), 0, 0, 0.0, 0, 0
    for run in _runs(options, settings):
        if len(options.seeds or ()) == 1:
            out.print(f"seed {run.seed}: {run.steps:,} steps, digest {run.digest}")
        runs, steps, effects, days = runs + 1, steps + run.steps, effects + run.effects, days + run.days
        if run.violation:
            broken += 1
            _print_violation(out, run, settings)
            if options.first:
                break
    took = time.monotonic() - began
    out.print(
        f"{runs:,} runs, {steps:,} service steps, {effects:,} effects at the bank, {days:,.0f} days, in {took:.1f} s"
    )
    out.print(f"{broken:,} runs broke a promise", style=BAD if broken else GOOD)
    return 1 if broken else 0


def seeds_of(text: str) -> range:
    """Read ``7`` or ``0..99``; ``click.BadParameter`` for anything else."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last if dots else first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds or seeds[0] < 0:
        raise click.BadParameter("must be a seed, or two with .. between, the lower first", param_hint="--seeds")
    return seeds


def _runs(options: SimulationOptions, settings: Settings) -> Iterable[Run]:
    taken = 0
    for seed in options.seeds or itertools.count():
        run = simulate(seed, settings)
        yield run
        taken += run.steps
        if options.seeds is None and taken >= options.steps:
            return


def _print_violation(out: Console, run: Run, settings: Settings) -> None:
    out.print(f"seed {run.seed}: {run.violation}", style=BAD)
    out.print("the last steps:", style=FAINT)
    for line in run.last:
        out.print(indented(line))
    out.print(f"again: {again(run, settings)}")


def again(run: Run, settings: Settings) -> str:
    """The command that does it all again."""
    usual = Settings()
    options = {"--storm": settings.steps, "--store": settings.store, "--plant": settings.plant}
    defaults = {"--storm": usual.steps, "--store": usual.store, "--plant": usual.plant}
    given = [f"{name} {value}" for name, value in options.items() if value != defaults[name]]
    return " ".join(["payports simulate", f"--seed {run.seed}", *given])
