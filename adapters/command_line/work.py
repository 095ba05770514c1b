"""``payports work``: make maintenance passes until a signal comes, in one process or in fifty."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import click
from returns.result import Failure

from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.command_line.presentation.output import words
from payports.adapters.command_line.shops import open_shop, shops_of
from payports.adapters.command_line.stop_signal import StopSignal
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.application.shop import Payports
from payports.ports.adapter import Unreachable
from payports.ports.store import RecordedFact

_SHARE: Final = 10
"""Payments a pass takes on: few, so that whoever is killed leaves little to others."""
_FACTS: Final = 100
_PATIENCE: Final = 10
"""After so many passes that did nothing, although something was due, it waits: others are at work on it."""
_LONGEST_WAIT_S: Final = 60.0
_JITTER: Final = 0.25

Handler = Callable[[RecordedFact], object]


@attrs.frozen(kw_only=True)
class WorkOptions:
    """How to work. ``every``: the pause when nothing is due; ``passes``: after so many it ends, 0 for never."""

    every: timedelta
    once: bool = False
    passes: int = 0
    merchants: tuple[str, ...] = ()
    handler: Handler | None = None


@attrs.define
class _Pass:
    """The result of one pass over all merchants: whether more is due, whether anything was done, whether it failed."""

    more: bool = False
    did: bool = False
    failed: bool = False


def run_work(config: Path | None, options: WorkOptions) -> int:
    """Work until a signal comes, or until nothing is due; 1 if the last pass failed."""
    with StopSignal() as stop:
        failures = 0
        if shop := _open(config, options, stop):
            with shop:
                failures = _work(shop, options, stop)
        click.echo("Told to stop: all that was begun is finished." if stop.is_set() else "Done.")
        return int(failures > 0 and not stop.is_set())


def _open(config: Path | None, options: WorkOptions, stop: StopSignal) -> Payports | None:
    """Open the shop; unless the work ends by itself, wait for a store that is not there. ``None`` if a signal comes meanwhile."""
    for failures in count(1):
        try:
            return open_shop(config)
        except Unreachable as away:
            if options.once or failures == options.passes:
                raise
            _complain(away.key, away.reason)
        if stop.wait(_pause_s(options.every, failures)):
            break
    return None


def _work(shop: Payports, options: WorkOptions, stop: StopSignal) -> int:
    """Make passes; gives how many in a row have failed at the end."""
    named = shops_of(shop, options.merchants)
    click.echo(f"Working for {', '.join(named)}. Stop it with Ctrl-C or SIGTERM.")
    failures = without_progress = 0
    for number in count(1):
        done = _Pass()
        for merchant, one_shop in named.items():
            if not stop.is_set():
                _maintain(one_shop, merchant, options.handler, stop, done)
        failures = failures + 1 if done.failed else 0
        without_progress = 0 if done.did else without_progress + 1
        idle = failures > 0 or not done.more or without_progress > _PATIENCE
        if stop.is_set() or (options.once and idle) or number == options.passes:
            break
        if idle and stop.wait(_pause_s(options.every, failures)):
            break
    return failures


def _maintain(shop: Payports, merchant: str, handler: Handler | None, stop: StopSignal, done: _Pass) -> None:
    """Make one pass for one merchant, and print what it did, if anything."""
    ran = shop.maintenance.run(_SHARE, stopping=stop.is_set)
    if isinstance(ran, Failure):
        done.failed = True
        _complain(merchant, ran.failure().message)
        return
    report: dict[str, Any] = attrs.asdict(ran.unwrap())
    did = {name: number for name, number in report.items() if type(number) is int and number}
    done.more |= ran.unwrap().more
    if handler is not None:
        did |= _deliver(shop, merchant, handler, stop, done)
    done.did |= any(name != "unreadable" for name in did)
    if did:
        click.echo(f"{merchant}: {', '.join(f'{words(name)} {number}' for name, number in did.items())}")


def _deliver(shop: Payports, merchant: str, handler: Handler, stop: StopSignal, done: _Pass) -> dict[str, int]:
    delivered = shop.events.deliver(handler, _FACTS, stopping=stop.is_set)
    if isinstance(delivered, Failure):
        done.failed = True
        _complain(merchant, delivered.failure().message)
        return {}
    delivery = delivered.unwrap()
    if delivery.stopped_at:
        done.failed = True
        fact = delivery.stopped_at.fact
        _complain(merchant, f"the handler raised {delivery.error} at {fact.kind} of payment {fact.payment_id}")
    done.more |= delivery.delivered == _FACTS
    return {"delivered": delivery.delivered} if delivery.delivered else {}


def _complain(merchant: str, message: str) -> None:
    sys.stderr.write(f"{merchant}: {message}; trying again\n")
    sys.stderr.flush()


def _pause_s(every: timedelta, failures: int) -> float:
    """Wait longer after each failure, and never as long as another worker."""
    wait: float = min(every.total_seconds() * 2 ** min(failures, 16), max(_LONGEST_WAIT_S, every.total_seconds()))
    return wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 -- spreads the load, keeps no secret


@attrs.frozen
class _Pause:
    every: timedelta


def read_every(text: str) -> timedelta:
    """Read a pause as the configuration reads durations."""
    try:
        every = read_options(_Pause, {"every": text}, "work").every
    except ConfigurationError as error:
        reason = error.reason
    else:
        if every:
            return every
        reason = "must be longer than nothing"
    raise Refused(f"--every: {reason}")


def load_handler(name: str) -> Handler:
    """Find ``module:function``, in this folder or among what is installed."""
    module_name, colon, function = name.partition(":")
    if not (colon and module_name and function):
        raise Refused("--deliver: is written module:function")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        handler = getattr(import_module(module_name), function, None)
    except ImportError as error:
        reason = f"--deliver: {module_name} cannot be imported: {error}"
    else:
        if callable(handler):
            found: Handler = handler
            return found
        reason = f"--deliver: {module_name} has no function {function}"
    raise Refused(reason)
