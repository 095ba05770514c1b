"""Mutation testing: mutmut makes the mutants, and each runs in a fork of one pytest session that has already collected its tests.

mutmut itself starts pytest for every mutant, which takes ten times as long as the tests that kill it. The verdicts are stored where mutmut
stores them, for ``mutmut results`` and ``mutmut show``. ``make mutation`` runs this: for the mutants that match the patterns, or else for
all that survived or have no verdict yet.
"""

from __future__ import annotations

import fnmatch
import gc
import json
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import attrs
import pytest
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths

ALIVE: Final = 0
KILLED: Final = 1
UNTESTED: Final = 33
TIMED_OUT: Final = 36
"""The exit codes of mutmut."""

_REACHED: Final = Path("reached.json")
_REMEMBERED: Final = 25


@attrs.define
class Judge:
    """A pytest plugin that replaces the normal test run: for each mutant it runs the tests that reach it, the fastest first."""

    patterns: Sequence[str]
    jobs: int
    failed: bool = False
    files: dict[Path, Any] = attrs.field(factory=dict[Path, Any])
    running: dict[int, tuple[Path, str]] = attrs.field(factory=dict[int, tuple[Path, str]])
    killers: dict[Path, list[str]] = attrs.field(factory=lambda: defaultdict[Path, list[str]](list))
    judged: int = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.files = {path: json.loads(path.read_text()) for path in sorted(Path("src").rglob("*.meta"))}
        reached, seconds = self._reached(session.items)
        items = {item.nodeid: item for item in session.items}
        gc.freeze()  # children share what they do not touch
        for path, name in list(self._wanted()):
            tests = sorted(
                reached.get(name.rpartition("__mutmut_")[0], ()), key=lambda test: self._rank(path, test, seconds)
            )
            if tests:
                limit_s = int(10 + 5 * sum(seconds[test] for test in tests))
                self._start(path, name, [items[test] for test in tests], limit_s)
            else:
                self._note(path, name, UNTESTED)
        while self.running:
            self._wait()
        return True

    def _rank(self, path: Path, test: str, seconds: dict[str, float]) -> float:
        """Rank the recent killers of mutants of the same file first, then the fastest tests."""
        return -1.0 / (1 + self.killers[path].index(test)) if test in self.killers[path] else seconds[test]

    def _wanted(self) -> Iterator[tuple[Path, str]]:
        for path, found in self.files.items():
            for name, verdict in found["exit_code_by_key"].items():
                if any(fnmatch.fnmatch(name, pattern) for pattern in self.patterns) or (
                    not self.patterns and verdict != KILLED
                ):
                    yield path, name

    def _reached(self, items: Sequence[pytest.Item]) -> tuple[dict[str, list[str]], dict[str, float]]:
        """Run every test once without a mutant; return the tests that reach each function, and their durations."""

        def watch() -> None:
            reached: dict[str, list[str]] = {}
            seconds: dict[str, float] = {}
            hits: set[str] = state()._stats  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- mutmut has no other
            for item, following in zip(items, [*items[1:], None], strict=True):
                started = time.process_time()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds[item.nodeid] = time.process_time() - started
                for function in hits:
                    reached.setdefault(function, []).append(item.nodeid)
                hits.clear()
            _REACHED.write_text(json.dumps([reached, seconds]))

        child = _fork(lambda: self._under("stats", watch))
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            pytest.exit("the tests fail without a mutant", 1)
        reached, seconds = json.loads(_REACHED.read_text())
        return reached, seconds

    def _start(self, path: Path, name: str, items: Sequence[pytest.Item], limit_s: int) -> None:
        def judge() -> None:
            items[0].config.pluginmanager.unregister(name="terminalreporter")  # nobody reads along
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
            signal.alarm(20 * limit_s)  # for one that waits for ever
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    Path(f"killer-{os.getpid()}").write_text(item.nodeid)
                    return

        while len(self.running) >= self.jobs:
            self._wait()
        self.running[_fork(lambda: self._under(name, judge))] = (path, name)

    def _under(self, mutant: str, work: Callable[[], None]) -> NoReturn:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        try:
            set_mutant_under_test(mutant)
            work()
        finally:
            os._exit(KILLED if self.failed or sys.exc_info()[0] else ALIVE)  # a mutant may raise anything

    def _wait(self) -> None:
        child, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        path, name = self.running.pop(child)
        killer = Path(f"killer-{child}")
        if killer.exists():
            test = killer.read_text()
            self.killers[path] = [test, *(killer for killer in self.killers[path] if killer != test)][:_REMEMBERED]
            killer.unlink()
        self._note(path, name, code if code in (KILLED, ALIVE) else TIMED_OUT)

    def _note(self, path: Path, name: str, verdict: int) -> None:
        self.files[path]["exit_code_by_key"][name] = verdict
        written = path.with_suffix(".new")
        written.write_text(json.dumps(self.files[path], indent=4))
        written.replace(path)  # so that a run may be stopped at any time
        self.judged += 1
        if self.judged % 100 == 0:
            print(f"{self.judged} judged", file=sys.__stderr__, flush=True)


def _fork(work: Callable[[], NoReturn]) -> int:
    return os.fork() or work()


def main(patterns: Sequence[str]) -> int:
    """Make the mutants of what has changed, run them, and print how many were killed per module."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    jobs = os.cpu_count() or 1
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(jobs)
    settings = config()  # read before the folder changes
    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    os.chdir("mutants")
    set_mutant_under_test("")
    judge = Judge(patterns, jobs)
    arguments = ["--rootdir=.", "-q", "-p", "no:cacheprovider"]
    code = pytest.main(
        [*arguments, *settings.pytest_add_cli_args, *settings.pytest_add_cli_args_test_selection], plugins=[judge]
    )
    for path, found in judge.files.items():
        verdicts: Counter[int | None] = Counter(found["exit_code_by_key"].values())
        if verdicts:
            print(
                f"{path.with_suffix('').relative_to('src/payports')}: {verdicts[KILLED]} of {verdicts.total()} killed"
            )
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
