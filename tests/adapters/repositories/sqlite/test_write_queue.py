"""The first process of the queue polls often, the others seldom, and one that died or was stopped blocks nobody.

Every process here reads a clock that the test sets: a child that read the machine's would arrive when it happens to have started.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from payports.adapters.repositories.common.wait_clock import WaitClock
from payports.adapters.repositories.sqlite.database import SqliteDatabase, SqliteOptions
from payports.adapters.repositories.sqlite.write_queue import QueuePlace, WriteQueue
from payports.ports.store import StoreFailed

WAITER: Final = """
import pathlib, sys
from payports.adapters.repositories.common.wait_clock import WaitClock
from payports.adapters.repositories.sqlite.write_queue import QueuePlace, WriteQueue
clock = WaitClock(lambda: float(sys.argv[2]), lambda _: None)
with QueuePlace(WriteQueue(pathlib.Path(sys.argv[1]), clock)) as place:
    place.wait()
    print("waiting", flush=True)
    sys.stdin.read()
"""
FIRST: Final = 1
BEHIND: Final = 25
LONG_S: Final = 0.2


class Machine:
    """The time that all processes of a machine share, and the pauses that this process has made."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.pauses: list[float] = []
        self.clock: Final = WaitClock(lambda: self.now_s, self.pauses.append)

    def pass_time(self, seconds: float = 0.001) -> None:
        self.now_s += seconds

    def pauses_of(self, place: QueuePlace) -> int:
        """Count the pauses of one wait."""
        self.pauses.clear()
        place.wait()
        return len(self.pauses)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payments.db-line"


@pytest.fixture
def queue(path: Path, machine: Machine) -> Generator[WriteQueue]:
    queue = WriteQueue(path, machine.clock)
    yield queue
    queue.close()


@pytest.fixture
def database(path: Path, machine: Machine) -> Generator[SqliteDatabase]:
    database = SqliteDatabase(path.with_name("payments.db"), SqliteOptions(), wait_clock=machine.clock)
    yield database
    database.close()


@contextmanager
def waiter(path: Path, machine: Machine) -> Generator[subprocess.Popen[str]]:
    """Another process, which arrives in the queue now."""
    command = [sys.executable, "-P", "-c", WAITER, str(path), repr(machine.now_s)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        machine.pass_time()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_first_polls_often_and_the_next_one_does_when_it_leaves(
    path: Path, queue: WriteQueue, machine: Machine
) -> None:
    with waiter(path, machine) as before, QueuePlace(queue) as place:
        assert machine.pauses_of(place) == BEHIND
        machine.pass_time()
        with waiter(path, machine):
            assert machine.pauses_of(place) == BEHIND
            before.communicate("")  # it leaves as it should
            assert machine.pauses_of(place) == FIRST


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_was_killed_or_stopped_is_not_waited_for(
    path: Path, queue: WriteQueue, machine: Machine, how: signal.Signals
) -> None:
    with waiter(path, machine) as before, QueuePlace(queue) as place:
        before.send_signal(how)
        if how is signal.SIGKILL:
            before.wait()
        assert machine.pauses_of(place) == (FIRST if how is signal.SIGKILL else BEHIND)


def test_a_process_that_has_left_is_in_nobody_s_way(path: Path, queue: WriteQueue, machine: Machine) -> None:
    with QueuePlace(queue) as place:
        place.wait()
    machine.pass_time()
    with waiter(path, machine), QueuePlace(queue) as place:
        assert machine.pauses_of(place) == BEHIND


def test_a_process_that_cannot_enter_polls_as_the_first_does(path: Path, machine: Machine) -> None:
    with waiter(path, machine), QueuePlace(WriteQueue(path / "nowhere", machine.clock)) as place:
        assert machine.pauses_of(place) == FIRST


def test_a_process_that_has_not_waited_enters_no_queue(path: Path, queue: WriteQueue) -> None:
    with QueuePlace(queue):
        assert not path.exists()


def test_a_late_comer_yields_to_a_process_that_has_waited_for_long(
    path: Path, queue: WriteQueue, machine: Machine
) -> None:
    with waiter(path, machine) as before, QueuePlace(queue) as place:
        place.yield_to_long_waiters()
        assert machine.pauses == []  # it has only just arrived
        machine.pass_time(LONG_S)
        place.yield_to_long_waiters()
        assert len(machine.pauses) == BEHIND
        machine.pauses.clear()
        before.communicate("")
        place.yield_to_long_waiters()
        assert machine.pauses == []


def test_a_late_comer_yields_to_nobody_where_nobody_has_ever_waited(
    path: Path, queue: WriteQueue, machine: Machine
) -> None:
    with QueuePlace(queue) as place:
        place.yield_to_long_waiters()
    assert (path.exists(), machine.pauses) == (False, [])


def test_a_transaction_yields_and_a_read_does_not(path: Path, database: SqliteDatabase, machine: Machine) -> None:
    database.write(lambda connection: connection.execute("CREATE TABLE one (n)"))
    with waiter(path, machine):
        machine.pass_time(LONG_S)
        assert database.run(lambda connection: connection.execute("SELECT count(*) FROM one").fetchone()) == (0,)
        assert machine.pauses == []
        database.write(lambda connection: connection.execute("INSERT INTO one VALUES (1)"))
        assert len(machine.pauses) == BEHIND  # a process that was stopped blocks nobody


def test_a_process_that_does_not_go_although_it_may_is_skipped_for_a_second(
    path: Path, database: SqliteDatabase, machine: Machine
) -> None:
    pauses: list[int] = []
    with waiter(path, machine) as before:
        before.send_signal(signal.SIGSTOP)
        arrival_s = machine.now_s
        for later_s in (LONG_S, LONG_S, 0.9, 1.5, 1.5):
            machine.now_s = arrival_s + later_s
            machine.pauses.clear()
            database.write(lambda connection: connection.execute("SELECT 1"))
            pauses.append(len(machine.pauses))
    assert pauses == [BEHIND, 0, 0, BEHIND, 0]


def test_a_late_comer_yields_to_a_process_that_came_after_those_that_are_skipped(
    path: Path, queue: WriteQueue, machine: Machine
) -> None:
    with waiter(path, machine):
        machine.pass_time(LONG_S)
        with QueuePlace(queue) as place:
            place.yield_to_long_waiters()
        machine.pauses.clear()
        with QueuePlace(queue) as place:
            place.yield_to_long_waiters()
            assert machine.pauses == []
        with waiter(path, machine):
            machine.pass_time(2 * LONG_S)
            with QueuePlace(queue) as place:
                place.yield_to_long_waiters()
            assert len(machine.pauses) == BEHIND


def test_a_closed_store_opens_nothing(path: Path, database: SqliteDatabase, machine: Machine) -> None:
    with waiter(path, machine):
        database.close()
        with pytest.raises(StoreFailed, match="closed"):
            database.write(lambda connection: connection.execute("SELECT 1"))
        assert str(path) not in [file.path for file in psutil.Process().open_files()]
