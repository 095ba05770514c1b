"""What became of a commit that nobody answered: each connection writes down the number of its last commit, in that commit.

Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT. ``pg_xact_status`` alone would not do: after a
crash PostgreSQL gives the ids of transactions that left no trace to others, and then tells what became of those.
"""

from __future__ import annotations

import time
from typing import Final

import attrs
import psycopg

from payports.adapters.repositories.postgres.connection import Link
from payports.adapters.repositories.postgres.errors import explain, passes
from payports.adapters.repositories.postgres.pool import Pool
from payports.ports.store import StoreFailed

BEGUN: Final = (
    "WITH marked AS (INSERT INTO last_commits AS l (merchant, connection, number, at)"
    " VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (merchant, connection)"
    " DO UPDATE SET number = excluded.number, at = excluded.at)"
    " SELECT pg_current_xact_id()::text, pg_backend_pid(),"
    " pg_advisory_xact_lock_shared(hashtextextended($1, 0))::text"
)
"""Leave the mark of a commit, and share the merchant's lock (``PostgresDatabase.horizon``)."""
FORGET: Final = (
    "DELETE FROM last_commits WHERE (merchant, connection) IN (SELECT merchant, connection FROM last_commits"
    " WHERE at < clock_timestamp() - interval '7 days' FOR UPDATE SKIP LOCKED)"
)
"""What connections left that are long gone."""
_STATUS: Final = "SELECT pg_xact_status($1::text::xid8)"
_LAST: Final = "SELECT number FROM last_commits WHERE merchant = $1 AND connection = $2"
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid = $1 AND backend_xid::text::bigint = $2::text::bigint % 4294967296"
    " AND wait_event IS DISTINCT FROM 'SyncRep'"
)
"""The server may not have noticed yet that nobody is there any more: its end of the line is told, if it is still at this transaction.

One that waits for its standby is left to wait: told to end, it would call a commit done that the standby does not have."""
_PAUSE_S: Final = 0.1


@attrs.frozen(kw_only=True)
class Mark:
    """How to find a commit again: whose it was, its transaction's id, and the process of the server that is at work on it."""

    merchant: str
    connection: str
    number: int
    xid: str
    process: int


def committed(pool: Pool, mark: Mark, patience_s: float) -> bool:
    """Tell whether a commit is there, once its transaction has ended. Raises ``StoreFailed`` if nobody can say."""
    deadline = time.monotonic() + patience_s
    reason = "its transaction does not end"
    while time.monotonic() < deadline:
        try:
            with pool.link() as link:
                if _has_ended(link, mark):
                    return link.ask(_LAST, (mark.merchant, mark.connection)).fetchone() == (mark.number,)
                link.ask(_END, (mark.process, mark.xid))
        except psycopg.Error as error:
            reason = explain(error)
            if not passes(error):
                break
        time.sleep(_PAUSE_S)  # nobody tells of the end of another's transaction, so it is asked for
    raise StoreFailed(f"a commit was not answered, and nobody knows whether it is there: {reason}")


def _has_ended(link: Link, mark: Mark) -> bool:
    try:
        return link.ask(_STATUS, (mark.xid,)).fetchone() != ("in progress",)
    except (
        psycopg.errors.InvalidParameterValue
    ):  # an id that nobody has had yet: the server crashed, and lost all trace of it
        return True
