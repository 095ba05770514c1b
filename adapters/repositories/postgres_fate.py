"""What became of a commit that nobody answered: PostgreSQL is asked by the number of its transaction.

Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT (``pg_xact_status``).
"""

from __future__ import annotations

import time
from typing import Final

import attrs
import psycopg

from payports.adapters.repositories.postgres_connection import explain, passes
from payports.adapters.repositories.postgres_pool import Pool
from payports.ports.store import StoreFailed

_STATUS: Final = "SELECT pg_xact_status($1::text::xid8)"
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid = $1 AND backend_xid::text::bigint = $2::text::bigint % 4294967296"
)
"""The server may not have noticed yet that nobody is there any more: its end of the line is told, if it is still at this transaction."""
_PAUSE_S: Final = 0.1


@attrs.frozen
class Mark:
    """How to find a transaction again: its number, and the process of the server that is at work on it."""

    xid: str
    process: int


def committed(pool: Pool, mark: Mark, patience_s: float) -> bool:
    """Tell whether a transaction was committed, once that is certain. Raises ``StoreFailed`` if nobody can say."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            with pool.link() as link:
                found = link.execute(_STATUS, (mark.xid,)).fetchone()
                status = found[0] if found else None
                if status == "in progress":
                    link.execute(_END, (mark.process, mark.xid))
        except psycopg.Error as error:
            status, again = explain(error), passes(error)
            if not again:
                break
        if status in ("committed", "aborted"):
            return status == "committed"
        if status is None:
            break
        time.sleep(_PAUSE_S)
    raise StoreFailed("a commit was not answered, and nobody knows whether it is there")
