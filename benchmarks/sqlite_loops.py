"""The library on an SQLite file, and two loops over the bare ``sqlite3`` module on the same file.

*Floor*: insert the intent, commit; update the result, commit; nothing else. *Same statements*: what the library executed for another
payment, replayed statement by statement: every BEGIN, SELECT with its rows, RETURNING and COMMIT.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.measuring import Piece
from benchmarks.shops import open_shop
from payports import Payports

Statement: TypeAlias = tuple[str, Any, bool]
"""A statement, its parameters, and whether they are those of several executions."""


class Recorder(sqlite3.Connection):
    """A connection that records what it executes."""

    log: list[Statement] | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.log is not None:
            self.log.append((sql, parameters, False))
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        rows = list(parameters)
        if self.log is not None:
            self.log.append((sql, rows, True))
        return super().executemany(sql, rows)


def open_sqlite(path: Path, synchronous: str) -> Payports:
    """Open a shop on an SQLite file."""
    return open_shop(f"sqlite:///{path}", {"synchronous": synchronous})


@contextmanager
def recorders() -> Generator[list[Recorder]]:
    """Give every new SQLite connection a recorder until the end of the block; list them."""
    made: list[Recorder] = []
    connect = sqlite3.connect

    def recording(*args: Any, **kwargs: Any) -> Recorder:
        made.append(connect(*args, **kwargs, factory=Recorder))
        return made[-1]

    sqlite3.connect = recording  # type: ignore[assignment]  # with fewer overloads
    try:
        yield made
    finally:
        sqlite3.connect = connect


def record(path: Path, work: Callable[[Payports, int], object], numbers: range) -> list[list[Statement]]:
    """Record what the library executes for some pieces of work, on a copy of the file."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    with recorders() as made, open_sqlite(copy, "NORMAL") as shop:
        shop.payments.get("nobody")
        logs: list[list[Statement]] = []
        for number in numbers:
            logs.append([])
            made[-1].log = logs[-1]
            work(shop, number)
    copy.unlink()
    return logs


def by_hand(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open a plain connection to the same file with the library's settings."""
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = 1", "secure_delete = 1"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def same_statements(connection: sqlite3.Connection, logs: Sequence[Sequence[Statement]]) -> Piece:
    """Execute the recorded statements, and fetch their results."""

    def replay(number: int) -> None:
        for sql, parameters, several in logs[number]:
            if several:
                connection.executemany(sql, parameters)
            else:
                cursor = connection.execute(sql, parameters)
                if cursor.description:
                    cursor.fetchall()

    return replay


FLOOR: Final = """
    CREATE TABLE IF NOT EXISTS floor (
        id TEXT PRIMARY KEY, payment_id TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
        amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, gateway_reference TEXT
    ) STRICT
"""


def floor(connection: sqlite3.Connection) -> Piece:
    """Two commits of one statement each: the least for anybody who records before calling the gateway."""
    connection.execute(FLOOR)

    def two_commits(number: int) -> None:
        key = f"01FLOOR{number:019}"
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO floor (id, payment_id, type, status, amount_minor, currency) VALUES (?, ?, ?, ?, ?, ?)",
            (key, f"p-{number}", "AUTHORIZE", "SENDING_TO_PROCESSOR", 5990, "EUR"),
        )
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE floor SET status = ?, gateway_reference = ? WHERE id = ?", ("SUCCEEDED", f"ref-{key}", key)
        )
        connection.execute("COMMIT")

    return two_commits
