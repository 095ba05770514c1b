"""A deterministic scheduler: one of many threads runs until its next step, and a seed decides which runs next.

The turn passes from thread to thread with a lock, so the whole is as deterministic as one thread. A step is a service's call of a port;
other tasks can run only there.
"""

from __future__ import annotations

import heapq
from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from random import Random
from threading import Thread
from typing import Final, NoReturn, Protocol

LAST_STEPS: Final = 40
"""The number of last steps to show when a run fails."""


class Killed(BaseException):
    """The process of this task is gone; nothing more of it happens."""


class Task:
    """One thread: repeats ``act`` with a pause of ``pause()`` seconds."""

    def __init__(self, name: str, act: Callable[[], None], pause: Callable[[], float]) -> None:
        self.name = name
        self.act = act
        self.pause = pause
        self.killed = False
        self.baton: LockType = allocate_lock()
        self.baton.acquire()


class Waiting(Protocol):
    """Where calls of a port take a step or wait."""

    def step(self, what: str) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    def note(self, what: str) -> None: ...


class Scheduler:
    """Schedules tasks by a seed. ``now``: seconds since the start; it advances with every step, and to the next wake-up when all tasks
    sleep.
    """

    def __init__(self, seed: int, limit: int, show: Callable[[str], object] | None = None) -> None:
        self.random = Random(seed)  # noqa: S311 -- chance that can be repeated is the point
        self.now = 0.0
        self.steps = 0
        self.last: deque[str] = deque(maxlen=LAST_STEPS)
        self.failure: BaseException | None = None
        self.current: Task | None = None
        self._limit = limit
        self._show = show
        self._digest = blake2b(digest_size=16)
        self._ready: list[Task] = []
        self._asleep: list[tuple[float, int, Task]] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self._over = False
        self._main = allocate_lock()

    @property
    def digest(self) -> str:
        """A digest of all steps so far, 32 hexadecimal digits: equal digests mean equal runs."""
        return self._digest.copy().hexdigest()

    def note(self, what: str) -> None:
        """Log what happens."""
        line = f"{self.steps} {self.now:.3f} {self.current.name if self.current else 'main'} {what}"
        self._digest.update(line.encode())
        self.last.append(line)
        if self._show:
            self._show(line)

    def step(self, what: str) -> None:
        """Take a step: other tasks may run first, and this task may be killed before it continues."""
        self._yield_turn()
        self.steps += 1
        self.note(what)

    def sleep(self, seconds: float) -> None:
        """Wait while other tasks run."""
        task = self.current
        if task is None:
            self._advance_to(self.now + seconds)
            return
        self._number += 1
        heapq.heappush(self._asleep, (self.now + seconds, self._number, task))
        self._ready.remove(task)
        self._yield_turn()

    def call_later(self, seconds: float, event: Callable[[], object]) -> None:
        """Call something after a delay."""
        self._number += 1
        heapq.heappush(self._timers, (self.now + seconds, self._number, event))

    def fail(self, failure: BaseException) -> NoReturn:
        """End the run from within a call whose caller would take an exception for an outcome."""
        self.failure = self.failure or failure
        self._limit = 0
        raise Killed

    def run(self, tasks: list[Task]) -> None:
        """Run tasks until the limit of steps or a failure; then kill all of them."""
        self._main.acquire()
        threads = [Thread(target=self._run_task, args=(task,), name=task.name, daemon=True) for task in tasks]
        for task, thread in zip(tasks, threads, strict=True):
            self.call_later(task.pause(), partial(self._ready.append, task))
            thread.start()
        self._schedule_next()
        self._main.acquire()
        self._over, self.current = True, None
        for task, thread in zip(tasks, threads, strict=True):
            task.baton.release()
            thread.join()
        self._main.release()
        if self.failure:
            raise self.failure

    def _run_task(self, task: Task) -> None:
        task.baton.acquire()
        while not self._over:
            try:
                task.act()
                self.sleep(task.pause())
            except Killed:
                task.killed = False
            except BaseException as failure:  # noqa: BLE001 -- whatever it is, the run has failed, and the main thread raises it
                self.failure = self.failure or failure
                self._main.release()
                return

    def _yield_turn(self) -> None:
        """Pass the turn to the next task, perhaps the same one; return at this task's next turn."""
        mine = self.current
        if mine is None:
            self._advance_to(self.now)
            return
        if self._schedule_next() is not mine:
            mine.baton.acquire()
        if self._over or mine.killed:
            raise Killed

    def _schedule_next(self) -> Task | None:
        former = self.current
        if self.steps >= self._limit:
            self.current = None
            self._main.release()
            return None
        self._advance_to(self.now + self.random.random() * 0.02)
        while not self._ready:
            self._advance_to(min(heap[0][0] for heap in (self._asleep, self._timers) if heap))
        ready = self._ready
        self.current = chosen = ready[int(self.random.random() * len(ready))]
        if chosen is not former:
            chosen.baton.release()
        return chosen

    def _advance_to(self, until: float) -> None:
        while self._timers and self._timers[0][0] <= until:
            at, _, event = heapq.heappop(self._timers)
            self.now = max(self.now, at)
            event()
        self.now = max(self.now, until)
        while self._asleep and self._asleep[0][0] <= self.now:
            self._ready.append(heapq.heappop(self._asleep)[2])
