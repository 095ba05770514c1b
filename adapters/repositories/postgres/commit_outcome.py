"""The outcome of a commit whose answer was lost. Each commit writes the number of its connection's last commit, its mark.

Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT. ``pg_xact_status`` alone does not suffice:
after a crash PostgreSQL reuses the ids of transactions that left no trace, and then gives the status of the later transaction.
"""

from __future__ import annotations

from typing import Final

import attrs
import psycopg

from payports.adapters.repositories.common.wait_clock import WaitClock
from payports.adapters.repositories.postgres.connection import PostgresConnection
from payports.adapters.repositories.postgres.errors import explain, is_transient
from payports.adapters.repositories.postgres.pool import ConnectionPool
from payports.ports.store import StoreFailed

MARK_COMMIT: Final = (
    "WITH marked AS (INSERT INTO last_commits AS l (merchant, connection, number, at)"
    " VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (merchant, connection)"
    " DO UPDATE SET number = excluded.number, at = excluded.at)"
    " SELECT pg_current_xact_id()::text, pg_backend_pid(),"
    " pg_advisory_xact_lock_shared(hashtextextended($1, 0))::text"
)
"""Write the mark of a commit, and share the merchant's lock (``PostgresDatabase.stable_position``)."""
DELETE_OLD_MARKS: Final = (
    "DELETE FROM last_commits WHERE (merchant, connection) IN (SELECT merchant, connection FROM last_commits"
    " WHERE at < clock_timestamp() - interval '7 days' FOR UPDATE SKIP LOCKED)"
)
"""Delete the marks of connections that ended long ago."""
_TRANSACTION_STATUS: Final = "SELECT pg_xact_status($1::text::xid8)"
_LAST_NUMBER: Final = "SELECT number FROM last_commits WHERE merchant = $1 AND connection = $2"
_TERMINATE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid = $1 AND backend_xid::text::bigint = $2::text::bigint % 4294967296"
    " AND wait_event IS DISTINCT FROM 'SyncRep'"
)
"""Terminate the server process if it is still at this transaction, since it may not have noticed the lost connection.

Leave a process alone that waits for its standby: terminated, it would report a commit that the standby does not have."""
_PAUSE_S: Final = 0.1


@attrs.frozen(kw_only=True)
class CommitMark:
    """Identifies a commit: its merchant, connection and number, the id of its transaction, and the server process that executes it."""

    merchant: str
    connection: str
    number: int
    xid: str
    process: int


def is_committed(pool: ConnectionPool, mark: CommitMark, patience_s: float, clock: WaitClock) -> bool:
    """Wait until the transaction of a commit has ended, and tell whether it was committed. Raises ``StoreFailed`` if that stays unknown."""
    deadline_s = clock.monotonic_s() + patience_s
    reason = "its transaction does not end"
    while clock.monotonic_s() < deadline_s:
        try:
            with pool.connection() as connection:
                if _has_ended(connection, mark):
                    return connection.execute_text(_LAST_NUMBER, (mark.merchant, mark.connection)).fetchone() == (
                        mark.number,
                    )
                connection.execute_text(_TERMINATE, (mark.process, mark.xid))
        except psycopg.Error as error:
            reason = explain(error)
            if not is_transient(error):
                break
        clock.sleep(_PAUSE_S)  # the server does not notify of the end of another session's transaction
    raise StoreFailed(f"the answer to a commit was lost, and nobody knows whether it is there: {reason}")


def _has_ended(connection: PostgresConnection, mark: CommitMark) -> bool:
    try:
        return connection.execute_text(_TRANSACTION_STATUS, (mark.xid,)).fetchone() != ("in progress",)
    except psycopg.errors.InvalidParameterValue:  # an id not yet assigned: the server crashed and lost the transaction
        return True
