"""Who waits for a file stands in line: the first asks after each pause, others rarely, and whoever died or was stopped holds up nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from payports.adapters.repositories.sqlite.database import Database, SqliteOptions
from payports.adapters.repositories.sqlite.write_queue import QueuePlace, WriteQueue
from payports.ports.store import StoreFailed

STANDS: Final = """
import pathlib, sys
from payports.adapters.repositories.sqlite.write_queue import Line, Place
with Place(Line(pathlib.Path(sys.argv[1]))) as place:
    place.wait()
    print("standing", flush=True)
    sys.stdin.read()
"""
FIRST: Final = 1
BEHIND: Final = 25
LONG_S: Final = 0.2


@contextmanager
def somebody(path: Path) -> Generator[subprocess.Popen[str]]:
    """Another process, which stands in line."""
    command = [sys.executable, "-P", "-c", STANDS, str(path)]
    standing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert standing.stdout is not None
        assert standing.stdout.readline() == "standing\n"
        yield standing
    finally:
        standing.kill()
        standing.communicate()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


class Moment:
    """The clock that a machine's processes share, set forward here."""

    later_s = 0.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Moment:
    moment, clock = Moment(), time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + moment.later_s)
    return moment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payments.db-line"


def waited(place: QueuePlace, pauses: list[float]) -> int:
    pauses.clear()
    place.wait()
    return len(pauses)


def test_the_first_asks_after_each_pause_and_who_is_behind_goes_on_when_it_leaves(
    path: Path, pauses: list[float]
) -> None:
    line = WriteQueue(path)
    with somebody(path) as before, QueuePlace(line) as place:
        assert waited(place, pauses) == BEHIND
        with somebody(path):
            assert waited(place, pauses) == BEHIND
            before.communicate("")  # it leaves as it should
            assert waited(place, pauses) == FIRST
    line.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_whoever_was_killed_or_stopped_is_not_waited_for(path: Path, pauses: list[float], how: signal.Signals) -> None:
    line = WriteQueue(path)
    with somebody(path) as before, QueuePlace(line) as place:
        before.send_signal(how)
        if how is signal.SIGKILL:
            before.wait()
        assert waited(place, pauses) == (FIRST if how is signal.SIGKILL else BEHIND)
    line.close()


def test_whoever_has_left_is_in_nobody_s_way(path: Path, pauses: list[float]) -> None:
    line = WriteQueue(path)
    with QueuePlace(line) as place:
        place.wait()
    with somebody(path), QueuePlace(line) as place:
        assert waited(place, pauses) == BEHIND
    line.close()


def test_whoever_cannot_stand_in_line_counts_as_the_first(path: Path, pauses: list[float]) -> None:
    with somebody(path), QueuePlace(WriteQueue(path / "nowhere")) as place:
        assert waited(place, pauses) == FIRST


def test_nobody_stands_in_line_who_has_not_waited(path: Path) -> None:
    with QueuePlace(WriteQueue(path)):
        assert not path.exists()


def test_a_newcomer_gives_way_to_whoever_has_waited_for_long(path: Path, pauses: list[float], now: Moment) -> None:
    line = WriteQueue(path)
    with somebody(path) as before, QueuePlace(line) as place:
        place.give_way()
        assert pauses == []  # it has but come
        now.later_s = LONG_S
        place.give_way()
        assert len(pauses) == BEHIND
        pauses.clear()
        before.communicate("")
        place.give_way()
        assert pauses == []
    line.close()


def test_a_newcomer_gives_way_to_nobody_where_nobody_has_ever_waited(path: Path, pauses: list[float]) -> None:
    with QueuePlace(WriteQueue(path)) as place:
        place.give_way()
    assert (path.exists(), pauses) == (False, [])


def test_a_transaction_gives_way_and_a_look_does_not(path: Path, pauses: list[float], now: Moment) -> None:
    database = Database(path.with_name("payments.db"), SqliteOptions())
    database.write(lambda connection: connection.execute("CREATE TABLE one (n)"))
    with somebody(path):
        now.later_s = LONG_S
        pauses.clear()
        assert database.run(lambda connection: connection.execute("SELECT count(*) FROM one").fetchone()) == (0,)
        assert pauses == []
        database.write(lambda connection: connection.execute("INSERT INTO one VALUES (1)"))
        assert len(pauses) == BEHIND  # whoever was stopped holds up nobody
    database.close()


def test_whoever_does_not_go_though_he_is_let_is_passed_over_for_a_second(
    path: Path, pauses: list[float], now: Moment
) -> None:
    database = Database(path.with_name("payments.db"), SqliteOptions())
    made: list[int] = []
    with somebody(path) as before:
        before.send_signal(signal.SIGSTOP)
        for later_s in (LONG_S, LONG_S, 0.9, 1.5, 1.5):
            now.later_s = later_s
            pauses.clear()
            database.write(lambda connection: connection.execute("SELECT 1"))
            made.append(len(pauses))
    assert made == [BEHIND, 0, 0, BEHIND, 0]
    database.close()


def test_whoever_comes_after_those_who_were_passed_over_is_given_way_to(
    path: Path, pauses: list[float], now: Moment
) -> None:
    line = WriteQueue(path)
    with somebody(path):
        now.later_s = LONG_S
        with QueuePlace(line) as place:
            place.give_way()
        pauses.clear()
        with QueuePlace(line) as place:
            place.give_way()
            assert pauses == []
        with somebody(path):
            now.later_s = 3 * LONG_S
            with QueuePlace(line) as place:
                place.give_way()
            assert len(pauses) == BEHIND
    line.close()


def test_a_closed_store_opens_nothing(path: Path) -> None:
    database = Database(path.with_name("payments.db"), SqliteOptions())
    with somebody(path):
        database.close()
        with pytest.raises(StoreFailed, match="closed"):
            database.write(lambda connection: connection.execute("SELECT 1"))
        assert str(path) not in [one.path for one in psutil.Process().open_files()]
