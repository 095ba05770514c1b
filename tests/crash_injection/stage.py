"""One operation on the stage: everything up to the call is prepared once; then, again and again, a bank, a victim and a survivor.

All three are forked from the same process, so that each run makes the same system calls in the same order and can be struck at each.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from payports import ConfigurationError
from payports.testing import FixedClock, RemoteSandboxBank
from tests.crash_injection.bankside import SlowBank, deliver, serve
from tests.crash_injection.children import Child, fork, wait_for_the_start
from tests.crash_injection.judging import Survivor, Told, described, outlive
from tests.crash_injection.operations import Operation
from tests.crash_injection.planted import planted
from tests.crash_injection.scene import SECRET, Scene, open_shop
from tests.crash_injection.tracing import Point, Traced, attached, read_trace

COURSES: Final = ("recover", "retry", "late")
"""What comes after: recovery; the same call at once and then recovery; recovery before the bank has received what was sent to it."""

_NOT_JUDGED: Final[Mapping[str, Any]] = {"answers": [], "sent": [], "violation": "the survivor raised an exception"}
_FILES: Final = ("shop.db", "shop.db-wal", "shop.db-shm", "shop.db-journal")


@attrs.frozen(kw_only=True)
class Run:
    """What became of one run. ``status``: of the victim, -9 where it was killed; ``told``: what it answered, if it lived to do so;
    ``sent``: what the bank had done for it by then; ``answers``: what the repetitions were told."""

    status: int
    told: Told
    answers: list[Told]
    sent: list[str]
    violation: str


class Stage:
    """An operation, prepared in a folder of its own."""

    def __init__(self, operation: Operation, folder: Path, bug: str = "") -> None:
        self._operation = operation
        self._bug = bug
        self._prepared = folder / "prepared"
        self._played = folder / "played"
        self._prepared.mkdir(parents=True)
        self._played.mkdir()
        self._bank = SlowBank(SECRET)
        self._scene = self._prepare(folder)
        gc.collect()
        gc.freeze()

    def trace(self, course: str) -> tuple[list[Traced], list[Told]]:
        """Run undisturbed: the system calls from the first touch of the store on, and what the repetitions answered."""
        log = self._prepared.parent / "trace"
        run = self.play(Point(), course, ("-y",), str(log))
        assert run.status == 0, run
        assert not run.violation, run.violation
        return read_trace(log), run.answers

    def play(self, point: Point, course: str, options: tuple[str, ...] = (), log: str = os.devnull) -> Run:
        """Let a victim run into a point, and a survivor clean up and judge."""
        self._set()
        bank = fork(functools.partial(serve, self._bank, is_slow=course == "late"))
        url = bank.read().decode()
        try:
            status, told = self._victimise(url, (*options, *point.options), log)
            survivor = fork(functools.partial(self._survive, url, course, told))
            heard = survivor.read()
            survivor.end()
            judged: Mapping[str, Any] = json.loads(heard) if heard else _NOT_JUDGED
        finally:
            bank.kill()
        return Run(status=status, told=told, **judged)

    def _prepare(self, folder: Path) -> Scene:
        """Prepare the store; for maintenance it is left as after a crash, with the log of SQLite not yet folded in."""
        making = folder / "making"
        making.mkdir()
        shop = open_shop(making / "shop.db", self._bank, FixedClock(), "p", immediate=self._operation.immediate)
        scene = self._operation.prepare(shop, self._bank)
        self._bank.webhooks()
        if not self._operation.recovers:
            shop.close()
        if not self._operation.fresh:
            for name in _FILES:
                if (making / name).exists() and not name.endswith("-shm"):
                    shutil.copy(making / name, self._prepared / name)
        shop.close()
        return scene

    def _set(self) -> None:
        for name in _FILES:
            (self._played / name).unlink(missing_ok=True)
            if (self._prepared / name).exists():
                shutil.copy(self._prepared / name, self._played / name)

    def _victimise(self, url: str, options: tuple[str, ...], log: str) -> tuple[int, Told]:
        victim = fork(functools.partial(self._fall, url))
        with attached(victim.pid, options, log):
            victim.start()
            return self._result_of(victim)

    def _result_of(self, victim: Child) -> tuple[int, Told]:
        heard = victim.read()
        return victim.end(), json.loads(heard) if heard else {}

    def _fall(self, url: str, result: int) -> None:
        """What the victim does: wait until somebody watches, and make the call."""
        wait_for_the_start()
        try:
            shop = planted(self._open(url, "v", self._clock()), self._bug)
        except ConfigurationError as error:
            told: Told = {"kind": "ConfigurationError", "text": str(error)}
        else:
            told = described(self._operation.run(shop, self._scene))
            shop.close()
        os.write(result, json.dumps(told).encode())

    def _survive(self, url: str, course: str, told: Told, result: int) -> None:
        clock = self._clock()
        shop = planted(self._open(url, "s", clock), self._bug)
        survivor = Survivor(shop, RemoteSandboxBank(url, SECRET), clock, self._scene)
        how = {"retry": course == "retry", "deliver": functools.partial(deliver, url) if course == "late" else None}
        sent = [effect.transaction_id for effect in survivor.bank.effects() if effect.transaction_id.startswith("v-")]
        answers: list[Told] = []
        violation = ""
        try:
            answers = outlive(survivor, self._operation, told, how)
        except AssertionError as error:
            violation = str(error) or "an assertion failed"
        os.write(result, json.dumps({"answers": answers, "sent": sent, "violation": violation[:4_000]}).encode())

    def _open(self, url: str, letter: str, clock: FixedClock) -> Any:
        bank = RemoteSandboxBank(url, SECRET)
        return open_shop(self._played / "shop.db", bank, clock, letter, immediate=self._operation.immediate)

    def _clock(self) -> FixedClock:
        clock = FixedClock()
        clock.advance(self._operation.at_s)
        return clock
