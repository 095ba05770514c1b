"""One connection to PostgreSQL, with verified settings and a limit on every wait.

Settings: https://www.postgresql.org/docs/current/runtime-config-client.html and runtime-config-wal.html.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import attrs
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from payports.domain.secret import Secret
from payports.ports.store import StoreFailed

OLDEST: Final = 13
"""The first version that gives the status of a transaction by a 64-bit id, which does not wrap."""


@attrs.frozen(kw_only=True)
class PostgresOptions:
    """The keys of ``[store]`` besides ``url``.

    ``schema``: of the tables, created if missing. ``password``: keeps it out of the URL. ``connections``: how many a process opens at
    most; further threads wait. ``busy_timeout``: how long to wait for other writers, or for a free connection. ``answer_timeout``: how
    long a statement may take, and an open transaction be idle. ``patience``: how long to retry a write that failed and wrote nothing, and
    how long to inquire after a commit whose answer was lost.
    """

    schema: str = "payports"
    password: Secret | None = None
    connections: int = 10
    busy_timeout: timedelta = timedelta(seconds=5)
    answer_timeout: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=15)


class PostgresConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no operation takes longer than ``limit_s``, whatever the server or the network does.

    ``name`` and ``commits``, the number of commits begun, identify the last commit (``commit_outcome``).
    """

    limit_s: float | None = None
    name: str = ""
    commits: int = 0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, timeout or self.limit_s)

    def execute_text(self, statement: str, row: Sequence[object] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement."""
        return self.execute(statement.encode(), row or None)

    @contextmanager
    def longer_limit(self, limit_s: float) -> Generator[None]:
        """Raise the limit during the block."""
        former, self.limit_s = self.limit_s, limit_s
        yield
        self.limit_s = former

    @contextmanager
    def one_round_trip(self) -> Generator[None]:
        """Send all statements of the block in one round trip. Its end raises the first error."""
        first: psycopg.Error | None = None
        try:
            with self.pipeline():
                try:
                    yield
                except psycopg.Error as error:  # not passed on to psycopg, which would log the errors after it
                    first = error
        except psycopg.Error as error:
            first = first or error
        if first:
            raise first

    def reset(self) -> None:
        """Roll back an open transaction. After an error use psycopg's own rollback, which also forgets the prepared statements."""
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            self.rollback()
        elif self.pgconn.transaction_status == TransactionStatus.INTRANS:
            self.execute_text("ROLLBACK")


def open_connection(url: Secret, options: PostgresOptions) -> PostgresConnection:
    """Connect, and verify the settings that every connection must have."""
    limit_s = options.answer_timeout.total_seconds()
    connection = _connect(url, options)
    try:
        connection.limit_s = limit_s * _SLACK
        connection.name = uuid4().hex
        connection.prepare_threshold = 1
        connection.adapters.register_dumper(int, Int8Dumper)  # for every size, so that a statement is prepared once
        verify_settings(connection, options)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(url: Secret, options: PostgresOptions) -> PostgresConnection:
    try:
        return PostgresConnection.connect(
            url.reveal(),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            connect_timeout=max(2, round(options.answer_timeout.total_seconds())),
            client_encoding="UTF8",
            password=options.password.reveal() if options.password else None,
        )
    except UnicodeError:  # a host name that cannot be encoded for a name server
        pass
    raise StoreFailed("the host name in the URL is not valid")


_SLACK: Final = 1.25
"""Factor by which the client waits longer than the server's own limits, so that the server can report them."""


def verify_settings(connection: PostgresConnection, options: PostgresOptions) -> dict[str, str]:
    """Set and read back the settings that durability and liveness depend on, and give them with the server's state."""
    if connection.info.server_version < OLDEST * 10_000:
        raise StoreFailed(f"the server is older than PostgreSQL {OLDEST}")
    milliseconds = _milliseconds(options.answer_timeout)
    settings = {
        "search_path": options.schema,
        "lock_timeout": _milliseconds(options.busy_timeout),
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "default_transaction_isolation": "read committed",
    }
    reported = ("synchronous_commit", "fsync", "full_page_writes", "server_encoding")
    columns = [f"set_config('{name}', ${place}, false)" for place, name in enumerate(settings, start=1)]
    columns += [f"current_setting('{name}')" for name in reported]
    query = f"SELECT pg_is_in_recovery()::text, {', '.join(columns)}"
    row = connection.execute_text(query, tuple(settings.values())).fetchone()
    values: dict[str, str] = dict(zip(("in_recovery", *settings, *reported), row or (), strict=True))
    for name, refused, reason in _REFUSED:
        if values[name] == refused:
            raise StoreFailed(reason)
    if values["server_encoding"] != "UTF8":
        raise StoreFailed("the database is not encoded in UTF8")
    return values


_REFUSED: Final = (
    ("in_recovery", "true", "the server is a standby: decisions need the primary"),
    ("synchronous_commit", "off", "synchronous_commit is off: an acknowledged commit could be lost"),
    ("fsync", "off", "fsync is off: committed data could be lost"),
    ("full_page_writes", "off", "full_page_writes is off: a crash could damage the tables"),
)


def _milliseconds(duration: timedelta) -> str:
    return f"{max(1, duration // timedelta(milliseconds=1))}ms"
