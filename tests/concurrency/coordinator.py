"""The coordinator: starts workers, opens their gates in some order, repeats busy actions, and collects the answers."""

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
from tests.concurrency.actions import NOTHING, Answer
from tests.concurrency.processes import RESPONSE_TIMEOUT_S, Process, ProcessHung
from tests.concurrency.worker import ShiftedClock, open_shop

WORKERS: Final = 3
TRIES: Final = 10
"""A worker may be busy this often; a worker that is busy more often is starved."""


class Mode(StrEnum):
    """How workers meet: as the machine schedules them; all at each gate together; or one step of one worker at a time."""

    FREE = "free"
    TOGETHER = "together"
    TURNS = "turns"


@attrs.frozen
class Task:
    """The task of one worker. ``ahead_s``: its clock is this much ahead; ``retries_when_idle``: repeat while there is nothing to do."""

    action: str
    arguments: dict[str, Any]
    ahead_s: float = 0.0
    retries_when_idle: bool = False


class Coordinator:
    """A store, a bank and workers for many races. ``shop`` is the coordinator's own view of the same store."""

    def __init__(self, config: dict[str, Any], bug: str = "") -> None:
        self._stack = ExitStack()
        with ExitStack() as starting:
            bank = starting.enter_context(Process("tests.concurrency.bank", {}))
            settings = {"config": config, "bank": bank.ready}
            self.clock = ShiftedClock()
            self.shop: Payports
            self.bank: RemoteSandboxBank
            self.shop, self.bank = open_shop(settings, self.clock)
            starting.callback(self.shop.close)
            starting.callback(self.bank.close)
            worker_settings = {**settings, "bug": bug}
            self._workers = [
                starting.enter_context(Process("tests.concurrency.worker", worker_settings)) for _ in range(WORKERS)
            ]
            self._stack = starting.pop_all()

    def __enter__(self) -> Coordinator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def race(self, tasks: Sequence[Task], mode: Mode, random: Random) -> list[Answer]:
        """Run each task in its own worker at the same time; return the last answer of each."""
        assert len(tasks) <= WORKERS
        return _Race(tasks, [worker.pipe for worker in self._workers], mode, random).run()


class _Race:
    """A race under way: which workers run, wait at a gate, or wait to try again."""

    def __init__(self, tasks: Sequence[Task], pipes: Sequence[Connection], mode: Mode, random: Random) -> None:
        self._tasks = dict(zip(pipes, tasks, strict=False))
        self._mode = mode
        self._random = random
        self._running: set[Connection] = set()
        self._at_gate: list[Connection] = []
        self._waiting: list[Connection] = []
        self._tries = dict.fromkeys(self._tasks, 0)
        self._answers: dict[Connection, Answer] = {}

    def run(self) -> list[Answer]:
        order = list(self._tasks)
        self._random.shuffle(order)
        for pipe in order:
            self._start(pipe)
        while self._running or self._at_gate or self._waiting:
            if self._running:
                self._listen()
            elif self._at_gate:
                self._open_gates()
            else:
                self._retry_waiting()
        return [self._answers[pipe] for pipe in self._tasks]

    def _start(self, pipe: Connection) -> None:
        task = self._tasks[pipe]
        self._tries[pipe] += 1
        self._running.add(pipe)
        pipe.send((task.action, task.arguments, self._mode is not Mode.FREE, task.ahead_s))

    def _listen(self) -> None:
        ready = wait(list(self._running), RESPONSE_TIMEOUT_S)
        if not ready:
            raise ProcessHung("the workers sent nothing")
        for pipe in self._running & set(ready):
            kind, payload = pipe.recv()
            self._running.remove(pipe)
            if kind == "gate":
                self._at_gate.append(pipe)
            else:
                self._take_answer(pipe, payload)

    def _take_answer(self, pipe: Connection, answer: Answer) -> None:
        self._answers[pipe] = answer
        idle = answer.kind == NOTHING and self._tasks[pipe].retries_when_idle
        others_run = bool(self._running or self._at_gate)
        if self._tries[pipe] < TRIES and (answer.is_busy or (idle and others_run)):
            self._waiting.append(pipe)
        elif not answer.is_busy:
            self._retry_waiting()  # there may be something to do now

    def _open_gates(self) -> None:
        self._random.shuffle(self._at_gate)
        passing = self._at_gate[:1] if self._mode is Mode.TURNS else self._at_gate
        self._at_gate = self._at_gate[len(passing) :]
        for pipe in passing:
            self._running.add(pipe)
            pipe.send("go")

    def _retry_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for pipe in waiting:
            self._start(pipe)
