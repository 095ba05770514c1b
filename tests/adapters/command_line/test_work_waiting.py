"""A worker whose database is not there yet waits for it; a mistake ends it at once."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.adapters.command_line.command_process import LIMIT_S, payports, working
from tests.postgres import control, own_server, start_again

CONFIG: Final = """
[store]
url = "{url}"
[gateways.card]
adapter = "sandbox"
"""
NOWHERE: Final = "postgresql://me@127.0.0.1:1/shop"
AWAY: Final = "store.url: no server answers at this address; trying again\n"
READY: Final = "Working for default. Stop it with Ctrl-C or SIGTERM.\n"
STOPPED: Final = "Told to stop: all that was begun is finished.\n"


@contextmanager
def worker(folder: Path, url: str, *options: str) -> Generator[subprocess.Popen[str]]:
    (folder / "payports.toml").write_text(CONFIG.format(url=url))
    with working(folder, *options) as process:
        yield process


def test_a_database_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    with own_server() as server:
        control(server, "stop", "-m", "fast")
        with worker(tmp_path, server.get_uri(), "--every", "20ms") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert [process.stderr.readline() for _ in range(3)] == [AWAY] * 3
            start_again(server)
            assert process.stdout.readline() == READY
            process.send_signal(signal.SIGTERM)
            told, _ = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, told) == (0, STOPPED)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_who_waits_for_a_database_stops_at_once_when_told(tmp_path: Path, told: signal.Signals) -> None:
    with worker(tmp_path, NOWHERE, "--every", "1h") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == AWAY
        process.send_signal(told)
        assert process.communicate(timeout=LIMIT_S) == (STOPPED, "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "complaints"),
    [(("--once",), ""), (("--max-passes", "2", "--every", "20ms"), AWAY)],
    ids=["once", "twice"],
)
def test_who_works_for_a_while_only_does_not_wait_for_ever(
    tmp_path: Path, options: tuple[str, ...], complaints: str
) -> None:
    (tmp_path / "payports.toml").write_text(CONFIG.format(url=NOWHERE))
    ended = payports("work", *options, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"{complaints}Error: configuration: store.url: no server answers at this address\n"


def test_a_mistake_ends_the_work_before_it_begins(tmp_path: Path, database_url: str) -> None:
    missing = urlunsplit(urlsplit(database_url)._replace(path="/nowhere"))
    for config, reason in (
        (CONFIG.format(url=missing), "store.url: there is no such database"),
        (CONFIG.format(url=f"{NOWHERE}?sslmode=requre"), "store.url: libpq does not accept this URL"),
        (CONFIG.format(url=NOWHERE).replace("sandbox", "sandbax"), "gateways.card.adapter: no such adapter"),
        (CONFIG.format(url=NOWHERE) + "colour = 3\n", "gateways.card: unknown key 'colour'"),
    ):
        (tmp_path / "payports.toml").write_text(config)
        ended = payports("work", cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"Error: configuration: {reason}")
        assert len(ended.stderr.splitlines()) == 1
