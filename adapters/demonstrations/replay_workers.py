"""Worker processes of a replay: each has a shop of its own, gets order after order, and says what became of it.

A worker that dies is replaced, and what it was at is sold again: every step has a key, so nothing happens twice. A worker whose replay
has died stops after the order that it is at.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, TypeAlias, cast

import attrs

from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.demonstrations.order_sale import SaleResult
from payports.adapters.demonstrations.orders_file import RealOrder
from payports.adapters.demonstrations.replay_setup import ReplayLocation, ReplaySetup
from payports.ports.adapter import ConfigurationError, Unreachable

EVERY: Final = 10
"""Each order of this number gets half of its money back."""
Job: TypeAlias = tuple[int, RealOrder]
"""An order with its number in the file, from 1."""

_AHEAD: Final = 2
"""Orders that a worker has at hand, so that it need not wait for the next."""
_DEATHS: Final = 5
"""After so many deaths without one order sold in between it is no accident."""
_PATIENCE_S: Final = 30.0
"""How long a worker may take for the order that it is at, when it is to end."""
_OPENINGS: Final = 30
_PAUSE_S: Final = 0.5
"""A store that was there when the replay began is waited for so often, and so long each time."""
_CONTEXT: Final = get_context("spawn")


@attrs.define(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    jobs: deque[Job] = attrs.field(factory=lambda: deque[Job]())


class Workers:
    """Processes that sell orders. ``replaced``: how many died and were replaced."""

    def __init__(self, place: ReplayLocation, number: int) -> None:
        self.replaced = 0
        self._place = place
        self._deaths = 0
        self._workers = [self._started() for _ in range(number)]

    def sell_all(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, SaleResult]]:
        """Sell orders, in any order; gives each with what became of it."""
        coming = iter(jobs)
        again: deque[Job] = deque()
        self._hand_out(coming, again)
        while any(worker.jobs for worker in self._workers):
            busy = {worker.pipe: worker for worker in self._workers if worker.jobs}
            for pipe in wait(list(busy)):
                worker = busy[cast("Connection", pipe)]
                sold = self._hear(worker)
                if sold is None:
                    again.extend(worker.jobs)
                    self._replace(worker)
                else:
                    self._deaths = 0
                    yield worker.jobs.popleft(), sold
            self._hand_out(coming, again)

    def close(self) -> None:
        """Let everybody finish the order that it is at, and go."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_PATIENCE_S)
            worker.process.kill()
            worker.process.join()

    def _hand_out(self, coming: Iterator[Job], again: deque[Job]) -> None:
        for _ in range(_AHEAD):
            for worker in self._workers:
                job = None
                if len(worker.jobs) < _AHEAD:
                    job = again.popleft() if again else next(coming, None)
                if job is not None:
                    worker.jobs.append(job)
                    with suppress(OSError):  # it is dead: that is noticed when it is listened to
                        worker.pipe.send(job)

    def _hear(self, worker: _Worker) -> SaleResult | None:
        """What became of the first of a worker's orders; nothing if the worker is dead."""
        try:
            received: SaleResult | str = worker.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(received, str):
            raise Refused(received)
        return received

    def _replace(self, dead: _Worker) -> None:
        self._deaths += 1
        self.replaced += 1
        dead.pipe.close()
        dead.process.join(_PATIENCE_S)
        if self._deaths >= _DEATHS:
            raise Refused(f"the workers die one after another, with exit code {dead.process.exitcode}")
        self._workers[self._workers.index(dead)] = self._started()

    def _started(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_work, args=(theirs, self._place), name="payports-replay-worker", daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _work(pipe: Connection, place: ReplayLocation) -> None:
    """What a worker does until nobody wants anything of it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the replay, which then closes the pipe
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            with ExitStack() as stack:
                seller = opened(place, stack).seller
                while True:
                    number, order = pipe.recv()
                    pipe.send(seller.sell(order, refund=number % EVERY == 0))
        except ConfigurationError as error:
            pipe.send(str(error))
        except sqlite3.Error as error:
            pipe.send(f"a ledger cannot be used: {error}")
        except ConnectionError as error:
            pipe.send(f"the bank cannot be reached: {error}")
        except Refused as error:
            pipe.send(error.message)


def opened(place: ReplayLocation, stack: ExitStack) -> ReplaySetup:
    """Open the setting; a store that is away for a while is waited for."""
    for _ in range(_OPENINGS):
        with suppress(Unreachable):
            return stack.enter_context(place.opened())
        time.sleep(_PAUSE_S)  # nothing tells that a server is back
    return stack.enter_context(place.opened())
