"""A harness for one operation: prepare once, then run it again and again with a bank, a process to kill, and a process that recovers.

All three are forked from this process, so that each run makes the same system calls in the same order and a fault can hit each of them.
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
from tests.crash_injection.child_processes import Child, fork, wait_for_start
from tests.crash_injection.fixtures import SECRET, Fixture, open_shop
from tests.crash_injection.operations import Operation
from tests.crash_injection.planted_bugs import with_planted_bug
from tests.crash_injection.slow_bank import SlowBank, deliver, serve
from tests.crash_injection.system_calls import FaultPoint, SystemCall, attached, read_trace
from tests.crash_injection.verification import Answer, RecoveringProcess, describe, verify_recovery

RECOVERY_SCENARIOS: Final = ("recover", "retry", "late")
"""What follows the crash: recovery; the same call at once, then recovery; recovery before the bank has received the request."""

_NOT_JUDGED: Final[Mapping[str, Any]] = {
    "repeated": [],
    "sent": [],
    "violation": "the recovering process raised an exception",
}
_FILES: Final = ("shop.db", "shop.db-wal", "shop.db-shm", "shop.db-journal")


@attrs.frozen(kw_only=True)
class Run:
    """The result of one run. ``status``: exit code of the process, -9 if it was killed; ``answer``: its answer if it lived to give one;
    ``sent``: the transactions that the bank had executed by then; ``repeated``: the answers to the repeated calls.
    """

    status: int
    answer: Answer
    repeated: list[Answer]
    sent: list[str]
    violation: str


class OperationHarness:
    """An operation, prepared in its own folder."""

    def __init__(self, operation: Operation, folder: Path, bug: str = "") -> None:
        self._operation = operation
        self._bug = bug
        self._prepared = folder / "prepared"
        self._played = folder / "played"
        self._prepared.mkdir(parents=True)
        self._played.mkdir()
        self._bank = SlowBank(SECRET)
        self._fixture = self._prepare(folder)
        gc.collect()
        gc.freeze()

    def trace(self, scenario: str) -> tuple[list[SystemCall], list[Answer]]:
        """Run without a fault; return the system calls from the first access to the store, and the answers to the repeated calls."""
        log = self._prepared.parent / "trace"
        run = self.play(FaultPoint(), scenario, ("-y",), str(log))
        assert run.status == 0, run
        assert not run.violation, run.violation
        return read_trace(log), run.repeated

    def play(self, point: FaultPoint, scenario: str, options: tuple[str, ...] = (), log: str = os.devnull) -> Run:
        """Run the operation with a fault at ``point``, then recover and verify."""
        self._set()
        bank = fork(functools.partial(serve, self._bank, is_slow=scenario == "late"))
        url = bank.read().decode()
        try:
            status, answer = self._run_killed(url, (*options, *point.options), log)
            recovering = fork(functools.partial(self._run_recovery, url, scenario, answer))
            output = recovering.read()
            recovering.end()
            judged: Mapping[str, Any] = json.loads(output) if output else _NOT_JUDGED
        finally:
            bank.kill()
        return Run(status=status, answer=answer, **judged)

    def _prepare(self, folder: Path) -> Fixture:
        """Prepare the store. For maintenance, leave it as after a crash, with SQLite's log not checkpointed."""
        making = folder / "making"
        making.mkdir()
        shop = open_shop(making / "shop.db", self._bank, FixedClock(), "p", immediate=self._operation.immediate)
        fixture = self._operation.prepare(shop, self._bank)
        self._bank.webhooks()
        if not self._operation.recovers:
            shop.close()
        if not self._operation.fresh:
            for name in _FILES:
                if (making / name).exists() and not name.endswith("-shm"):
                    shutil.copy(making / name, self._prepared / name)
        shop.close()
        return fixture

    def _set(self) -> None:
        for name in _FILES:
            (self._played / name).unlink(missing_ok=True)
            if (self._prepared / name).exists():
                shutil.copy(self._prepared / name, self._played / name)

    def _run_killed(self, url: str, options: tuple[str, ...], log: str) -> tuple[int, Answer]:
        killed = fork(functools.partial(self._run_operation, url))
        with attached(killed.pid, options, log):
            killed.start()
            return self._result_of(killed)

    def _result_of(self, killed: Child) -> tuple[int, Answer]:
        output = killed.read()
        return killed.end(), json.loads(output) if output else {}

    def _run_operation(self, url: str, result: int) -> None:
        """Wait for the start signal, then run the operation: this is the process that gets killed."""
        wait_for_start()
        try:
            shop = with_planted_bug(self._open(url, "v", self._clock()), self._bug)
        except ConfigurationError as error:
            answer: Answer = {"kind": "ConfigurationError", "text": str(error)}
        else:
            answer = describe(self._operation.run(shop, self._fixture))
            shop.close()
        os.write(result, json.dumps(answer).encode())

    def _run_recovery(self, url: str, scenario: str, answer: Answer, result: int) -> None:
        clock = self._clock()
        shop = with_planted_bug(self._open(url, "s", clock), self._bug)
        recovering = RecoveringProcess(shop, RemoteSandboxBank(url, SECRET), clock, self._fixture)
        how = {"retry": scenario == "retry", "deliver": functools.partial(deliver, url) if scenario == "late" else None}
        sent = [effect.transaction_id for effect in recovering.bank.effects() if effect.transaction_id.startswith("v-")]
        answers: list[Answer] = []
        violation = ""
        try:
            answers = verify_recovery(recovering, self._operation, answer, how)
        except AssertionError as error:
            violation = str(error) or "an assertion failed"
        os.write(result, json.dumps({"repeated": answers, "sent": sent, "violation": violation[:4_000]}).encode())

    def _open(self, url: str, letter: str, clock: FixedClock) -> Any:
        bank = RemoteSandboxBank(url, SECRET)
        return open_shop(self._played / "shop.db", bank, clock, letter, immediate=self._operation.immediate)

    def _clock(self) -> FixedClock:
        clock = FixedClock()
        clock.advance(self._operation.at_s)
        return clock
