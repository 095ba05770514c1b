"""The PostgreSQL database: a commit takes two round trips, and the outcome of one whose answer was lost is inquired.

Decisions 29 to 33 in ``docs/decisions`` say why each part is as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import ClassVar, Final, TypeVar

import psycopg

from payports.adapters.repositories.common import statements
from payports.adapters.repositories.common.commit_statements import RowWrite
from payports.adapters.repositories.common.executor import SqlExecutor
from payports.adapters.repositories.common.json_codec import Row
from payports.adapters.repositories.common.payment_rows import DatabaseRow
from payports.adapters.repositories.common.version_conflict import VersionConflict, expect
from payports.adapters.repositories.common.wait_clock import SYSTEM_WAIT_CLOCK, WaitClock
from payports.adapters.repositories.postgres.commit_outcome import (
    DELETE_OLD_MARKS,
    MARK_COMMIT,
    CommitMark,
    is_committed,
)
from payports.adapters.repositories.postgres.connection import PostgresConnection, PostgresOptions, open_connection
from payports.adapters.repositories.postgres.errors import explain, is_restarting, is_transient, is_transient_at_opening
from payports.adapters.repositories.postgres.pool import ConnectionPool
from payports.adapters.repositories.postgres.schema import migrate
from payports.domain.secret import Secret
from payports.ports.store import StoreFailed, StoreUnreachable

_Value = TypeVar("_Value")

_FENCE: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_FENCE_TIMEOUT: Final = "SET LOCAL lock_timeout = '250ms'"
"""All later commits of the merchant wait behind a session that waits for the fence, so it gives up after this long."""
_ANYTHING_NEW: Final = (
    "SELECT EXISTS (SELECT 1 FROM history WHERE merchant = $1"
    " AND position > coalesce((SELECT position FROM delivery WHERE merchant = $1), 0))"
)
_LAST: Final = "SELECT max(position) FROM history WHERE merchant = $1"


class PostgresDatabase(SqlExecutor):
    """A database on a server, for any number of threads, processes and hosts at once."""

    gapless: ClassVar = False

    def __init__(self, url: Secret, options: PostgresOptions, clock: WaitClock = SYSTEM_WAIT_CLOCK) -> None:
        self._clock = clock
        self._patience_s = options.patience.total_seconds()
        busy_timeout_s = options.busy_timeout.total_seconds()
        self._pool = ConnectionPool(lambda: open_connection(url, options), options.connections, busy_timeout_s)
        try:
            self.run(lambda connection: migrate(connection, options.schema), opening=True)
            self.run(lambda connection: connection.execute_text(DELETE_OLD_MARKS))
        except BaseException:
            self.close()
            raise

    def select(self, statement: str, row: Row) -> Sequence[DatabaseRow]:
        return self.run(lambda connection: connection.execute_text(in_postgres_dialect(statement), row).fetchall())

    def write(self, merchant: str, writes: Sequence[RowWrite]) -> None:
        deadline_s = self._clock.monotonic_s() + self._patience_s
        while True:
            result = self.run(lambda connection: _attempt_write(connection, merchant, writes))
            if isinstance(result, VersionConflict):
                raise result
            if result is None or is_committed(self._pool, result, self._patience_s, self._clock):
                return
            if self._clock.monotonic_s() > deadline_s:
                raise StoreFailed("the answers to commits are lost; the last commit is not there")

    def execute_many(self, statement: str, rows: Sequence[Row]) -> list[int]:
        def execute(connection: PostgresConnection) -> list[int]:
            with connection.one_round_trip():
                connection.execute_text("BEGIN")
                cursors = [connection.execute_text(in_postgres_dialect(statement), row) for row in rows]
                connection.execute_text("COMMIT")
            return [cursor.rowcount for cursor in cursors]

        return self.run(execute)

    def stable_position(self, merchant: str) -> int:
        """Give the last position once all commits that began before have ended.

        Every commit holds a shared lock. Taking it exclusively for an instant waits for those commits.
        """

        def fence(connection: PostgresConnection) -> int:
            if connection.execute_text(_ANYTHING_NEW, (merchant,)).fetchone() == (False,):
                return 0
            with connection.one_round_trip():
                connection.execute_text("BEGIN")
                connection.execute_text(_FENCE_TIMEOUT)
                connection.execute_text(_FENCE, (merchant,))
                cursor = connection.execute_text(_LAST, (merchant,))
                connection.execute_text("COMMIT")
            row = cursor.fetchone()
            return row[0] if row and row[0] else 0

        return self.run(fence)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def run(self, work: Callable[[PostgresConnection], _Value], *, opening: bool = False) -> _Value:
        """Run ``work`` on a connection, and retry on another after a transient error.

        While ``opening``, retry only for a server that says that it is shutting down or starting up. Error messages do not contain the
        data involved.
        """
        deadline_s = self._clock.monotonic_s() + self._patience_s
        retries = not opening
        pause_s = 0.01
        while True:
            try:
                with self._pool.connection() as connection:
                    return work(connection)
            except psycopg.Error as error:
                reason, transient = explain(error), (is_transient_at_opening if opening else is_transient)(error)
                retries = retries or is_restarting(error)
            except StoreFailed as failed:
                reason, transient = str(failed), False
            if not (transient and retries) or self._clock.monotonic_s() + pause_s > deadline_s:
                break
            self._clock.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 -- so that two do not meet again and again
            pause_s = min(2 * pause_s, 1.0)
        # outside the except: the frames of the cause may hold data that must not be shown
        raise StoreUnreachable(reason) if transient else StoreFailed(reason)


def _attempt_write(
    connection: PostgresConnection, merchant: str, writes: Sequence[RowWrite]
) -> VersionConflict | CommitMark | None:
    """Try to commit once. Give ``None`` if that worked, the conflict, or the mark of a commit whose answer was lost.

    Raises only while it is certain that nothing was written.
    """
    try:
        mark = _send_writes(connection, merchant, writes)
    except VersionConflict as conflict:
        return VersionConflict(conflict.stale)
    try:
        status = connection.execute_text("COMMIT").statusmessage
    except psycopg.Error as error:
        if error.sqlstate and not connection.broken and not connection.closed:
            raise  # the server refused, so nothing was committed
        connection.close()
        return mark
    if status != "COMMIT":
        raise psycopg.OperationalError("the server rolled back instead")
    return None


def _send_writes(connection: PostgresConnection, merchant: str, writes: Sequence[RowWrite]) -> CommitMark:
    """Begin a transaction and execute all writes, in one round trip."""
    cursors: list[psycopg.Cursor[tuple[object, ...]]] = []
    violation: psycopg.IntegrityError | None = None
    marking = None
    connection.commits += 1
    try:
        with connection.one_round_trip():
            connection.execute_text("BEGIN")
            marking = connection.execute_text(MARK_COMMIT, (merchant, connection.name, connection.commits))
            cursors.extend(
                connection.execute_text(in_postgres_dialect(write.statement), (merchant, *write.row))
                for write in writes
            )
    except psycopg.IntegrityError as error:
        violation = error
    counts = [cursor.rowcount for cursor in cursors] + [_NOT_REACHED] * (len(writes) - len(cursors))
    for write, count in zip(writes, counts, strict=True):
        if violation and count == _NOT_REACHED and not isinstance(violation, psycopg.errors.UniqueViolation):
            raise violation
        expect(count == 1, write.stale.kind, write.stale.id)
    row = marking.fetchone() if marking else None
    if row is None:
        raise psycopg.OperationalError("no transaction was begun")
    return CommitMark(
        merchant=merchant, connection=connection.name, number=connection.commits, xid=row[0], process=row[1]
    )


_NOT_REACHED: Final = -1


@cache
def in_postgres_dialect(statement: str) -> str:
    """Translate a statement of ``statements`` to PostgreSQL."""
    if statement == statements.ADD_FACT:
        statement = statements.ADD_FACT_AT_NEXT_IDENTITY
    return re.sub(r"moment\(([^)]*)\)", _MOMENT, statement).replace("?", "$")


_MOMENT: Final = (
    r"to_char((clock_timestamp() + \1 * interval '1 microsecond') AT TIME ZONE 'UTC',"
    """ 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
)
"""Writes a time as ``json_codec.utc_text`` does."""
