"""The referee: starts racers, lets them pass their gates in some order, asks the busy ones again, and collects the answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from random import Random
from types import TracebackType
from typing import Any, Final

import attrs

from payports import Payports
from payports.testing import RemoteSandboxBank
from tests.concurrency.acts import NOTHING, Answer
from tests.concurrency.processes import PATIENCE_S, Hung, Process
from tests.concurrency.racer import ShiftedClock, open_shop

RACERS: Final = 3
TRIES: Final = 10
"""So often may a racer be told to come again; one that is told so more often is starved."""


class Mode(StrEnum):
    """How racers meet: as the machine schedules them; all at each gate together; or one step of one of them at a time."""

    FREE = "free"
    TOGETHER = "together"
    TURNS = "turns"


@attrs.frozen
class Task:
    """What one racer is to do. ``ahead_s``: by how much its clock is ahead; ``is_patient``: it comes again while there is nothing to do."""

    act: str
    told: dict[str, Any]
    ahead_s: float = 0.0
    is_patient: bool = False


class Referee:
    """A store, a bank and racers, for many races one after another. ``shop`` is the referee's own view of the same store."""

    def __init__(self, config: dict[str, Any], bug: str = "") -> None:
        self._stack = ExitStack()
        with ExitStack() as starting:
            bank = starting.enter_context(Process("tests.concurrency.bank", {}))
            told = {"config": config, "bank": bank.ready}
            self.clock = ShiftedClock()
            self.shop: Payports
            self.bank: RemoteSandboxBank
            self.shop, self.bank = open_shop(told, self.clock)
            starting.callback(self.shop.close)
            starting.callback(self.bank.close)
            racing = {**told, "bug": bug}
            self._racers = [starting.enter_context(Process("tests.concurrency.racer", racing)) for _ in range(RACERS)]
            self._stack = starting.pop_all()

    def __enter__(self) -> Referee:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def race(self, tasks: Sequence[Task], mode: Mode, chance: Random) -> list[Answer]:
        """Let each task be done by a racer of its own, at once; gives the last answer of each."""
        assert len(tasks) <= RACERS
        return _Race(tasks, [worker.pipe for worker in self._racers], mode, chance).run()


class _Race:
    """One race under way: who runs, who stands at a gate, who was told to come again."""

    def __init__(self, tasks: Sequence[Task], pipes: Sequence[Connection], mode: Mode, chance: Random) -> None:
        self._tasks = dict(zip(pipes, tasks, strict=False))
        self._mode = mode
        self._chance = chance
        self._running: set[Connection] = set()
        self._standing: list[Connection] = []
        self._resting: list[Connection] = []
        self._tries = dict.fromkeys(self._tasks, 0)
        self._answers: dict[Connection, Answer] = {}

    def run(self) -> list[Answer]:
        order = list(self._tasks)
        self._chance.shuffle(order)
        for pipe in order:
            self._start(pipe)
        while self._running or self._standing or self._resting:
            if self._running:
                self._listen()
            elif self._standing:
                self._let_pass()
            else:
                self._wake()
        return [self._answers[pipe] for pipe in self._tasks]

    def _start(self, pipe: Connection) -> None:
        task = self._tasks[pipe]
        self._tries[pipe] += 1
        self._running.add(pipe)
        pipe.send((task.act, task.told, self._mode is not Mode.FREE, task.ahead_s))

    def _listen(self) -> None:
        ready = wait(list(self._running), PATIENCE_S)
        if not ready:
            raise Hung("the racers hang")
        for pipe in self._running & set(ready):
            what, told = pipe.recv()
            self._running.remove(pipe)
            if what == "gate":
                self._standing.append(pipe)
            else:
                self._take(pipe, told)

    def _take(self, pipe: Connection, answer: Answer) -> None:
        self._answers[pipe] = answer
        idle = answer.kind == NOTHING and self._tasks[pipe].is_patient
        others_move = bool(self._running or self._standing)
        if self._tries[pipe] < TRIES and (answer.is_busy or (idle and others_move)):
            self._resting.append(pipe)
        elif not answer.is_busy:
            self._wake()  # somebody has moved on, so there may be something to do for those who wait

    def _let_pass(self) -> None:
        self._chance.shuffle(self._standing)
        passing = self._standing[:1] if self._mode is Mode.TURNS else self._standing
        self._standing = self._standing[len(passing) :]
        for pipe in passing:
            self._running.add(pipe)
            pipe.send("go")

    def _wake(self) -> None:
        resting, self._resting = self._resting, []
        for pipe in resting:
            self._start(pipe)
