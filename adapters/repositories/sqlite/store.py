"""The SQLite store: one file, durable with every commit, the default."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final

import attrs

from payports.adapters.option_reading import ConfigurationError, read_options
from payports.adapters.repositories.common.commit_statements import RowWrite
from payports.adapters.repositories.common.executor import SqlExecutor
from payports.adapters.repositories.common.json_codec import Row, require_storable_merchant
from payports.adapters.repositories.common.payment_rows import DatabaseRow
from payports.adapters.repositories.common.schema import version_of
from payports.adapters.repositories.common.sql_repository import SqlRepository
from payports.adapters.repositories.common.version_conflict import VersionConflict
from payports.adapters.repositories.sqlite.database import SqliteDatabase, SqliteOptions
from payports.ports.clock import Clock
from payports.ports.store import PaymentRepository, Store, StoreFailed

_SCHEME: Final = "sqlite:///"


def connect(url: str, options: Mapping[str, object], clock: Clock) -> Store:
    """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``; creates the file if it is missing, but not its folder."""
    name = url.removeprefix(_SCHEME)
    if name == url or not name or "\0" in name or name.startswith(":memory:"):
        raise ConfigurationError("store.url", "must be sqlite:///relative.db or sqlite:////absolute.db")
    return SqliteStore(SqliteDatabase(Path(name).absolute(), read_options(SqliteOptions, options, "store"), clock.now))


@attrs.frozen
class SqliteStore(Store):
    """The store of all merchants in one file."""

    database: SqliteDatabase

    def of(self, merchant: str) -> PaymentRepository:
        return SqlRepository(SqliteExecutor(self.database), require_storable_merchant(merchant))

    def check(self) -> Mapping[str, str]:
        settings = self.database.run(_settings)
        busy_timeout_ms = str(self.database.options.busy_timeout // timedelta(milliseconds=1))
        permissions = self._permissions()
        return {
            "store": "sqlite",
            "file": str(self.database.path),
            "permissions": permissions,
            **settings,
            "busy_timeout": busy_timeout_ms,
        }

    def _permissions(self) -> str:
        try:
            mode = self.database.path.stat().st_mode & 0o777
        except OSError:
            mode = None
        if mode is None:
            raise StoreFailed(f"{self.database.path} is gone")
        return f"{mode:o}" + (" (others may read it)" if mode & 0o077 else "")

    def close(self) -> None:
        self.database.close()


@attrs.frozen
class SqliteExecutor(SqlExecutor):
    """Executes the statements unchanged. SQLite lets one writer in at a time, so positions have no gaps and rise in commit order."""

    gapless: ClassVar = True
    database: SqliteDatabase

    def select(self, statement: str, row: Row) -> Sequence[DatabaseRow]:
        return self.database.run(lambda connection: connection.execute(statement, row).fetchall())

    def write(self, merchant: str, writes: Sequence[RowWrite]) -> None:
        def execute(connection: sqlite3.Connection) -> None:
            for write in writes:
                if connection.execute(write.statement, (merchant, *write.row)).rowcount != 1:
                    raise VersionConflict(write.stale)

        self.database.write(execute)

    def execute_many(self, statement: str, rows: Sequence[Row]) -> list[int]:
        counts: list[int] = []
        self.database.write(
            lambda connection: counts.extend(connection.execute(statement, row).rowcount for row in rows)
        )
        return counts

    def stable_position(self, merchant: str) -> int:  # noqa: ARG002 -- every commit is visible at once
        return _MAX_POSITION


_MAX_POSITION: Final = 2**63 - 1


def _settings(connection: sqlite3.Connection) -> dict[str, str]:
    connection.execute("BEGIN IMMEDIATE")  # fails unless the file is writable
    connection.execute("ROLLBACK")
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    values = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    return {
        "sqlite": sqlite3.sqlite_version,
        "schema": str(version_of(connection)),
        **{name: str(value) for name, value in values.items()},
    }
