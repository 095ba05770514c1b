"""What PostgreSQL, libpq and psycopg mean by an error: why, whether it passes, and whether a store may still come.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. Who cannot connect is told in words alone.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg


def explain(error: psycopg.Error) -> str:
    """Why something failed, without the server's text, which may hold data."""
    if error.sqlstate is None:
        return _unreachable(error)
    return f"{_REASONS.get(error.sqlstate, 'PostgreSQL refused')} ({error.sqlstate})"


def passes(error: psycopg.Error) -> bool:
    """Tell whether what failed may well succeed if it is tried again: nothing was written, or the connection was lost."""
    if error.sqlstate is None:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return lost and not re.search(_FOR_GOOD, _without_names(error))
    return error.sqlstate in _PASSING or error.sqlstate.startswith(_CONNECTION)


def may_come(error: psycopg.Error) -> bool:
    """Tell whether a store that could not be opened may be there later. Words that are not known speak of a mistake, such as a misspelt
    ``sslmode``; once it was open, they speak of a connection that was lost."""
    known = error.sqlstate is not None or re.search(_FOR_NOW, _without_names(error)) is not None
    return known and passes(error)


def is_between(error: psycopg.Error) -> bool:
    """Tell whether a server says that it is going down or coming up."""
    return error.sqlstate in _BETWEEN or (error.sqlstate is None and re.search(_GOING, str(error)) is not None)


def _unreachable(error: psycopg.Error) -> str:
    """Why there is no connection, from the words alone that libpq has for it."""
    lost = "the connection to PostgreSQL was lost" if passes(error) else f"psycopg refused ({type(error).__name__})"
    return next((reason for words, reason in _TOLD if re.search(words, _without_names(error))), lost)


def _without_names(error: psycopg.Error) -> str:
    """What an error says, without the names in it: a role may be called ``timeout``."""
    return re.sub(r'"[^"]*"', '""', str(error))


_CONNECTION: Final = "08"
_PASSING: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "25P03",  # idle_in_transaction_session_timeout
        "53300",  # too_many_connections
        "57014",  # query_canceled, as by statement_timeout
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
    }
)
_BETWEEN: Final = ("57P01", "57P02", "57P03")
_REASONS: Final = {
    "22003": "a number is too large to be kept",
    "25006": "the database is read-only",
    "40001": "busy: others were writing the same",
    "40P01": "busy: others were writing the same",
    "42501": "the role may not do this",
    "53100": "the disk is full",
    "53300": "the server takes no more connections",
    "55P03": "busy: others have been writing the same for too long",
    "57014": "it took too long",
}
_GOING: Final = "the database system is (starting up|shutting down|in recovery mode|not yet accepting connections)"
_STRANGER: Final = "authentication failed|no password supplied"
_FOR_GOOD: Final = f"{_STRANGER}|does not exist|no pg_hba.conf entry|does not support SSL"
"""What somebody must put right before it can be connected to."""
_FULL: Final = "too many clients|too many connections|connection slots"
_NO_HOST: Final = "failed to resolve host|could not translate host"
_SILENT: Final = "[Tt]imeout|[Tt]imed out"
_ELSEWHERE: Final = "session is read-only|server is in hot standby mode"
_NOBODY: Final = "Connection refused|failed: No such file|No route to host|Network is unreachable|Host is down"
_LOST: Final = (
    "server closed the connection|Connection reset|Broken pipe|EOF detected|connection is (lost|closed)"
    "|terminating connection|could not (receive data|send)"
)
_FOR_NOW: Final = "|".join((_GOING, _FULL, _NO_HOST, _SILENT, _ELSEWHERE, _NOBODY, _LOST))
"""What may be over later without anybody's doing: libpq's words, psycopg's for a host, the operating system's, the server's."""
_TOLD: Final = (
    (_GOING, "the server is going down or coming up"),
    (_STRANGER, "the server does not take this user and password"),
    ('role "" does not exist', "there is no such role"),
    ('database "" does not exist', "there is no such database"),
    ("no pg_hba.conf entry", "the server takes no such connection: see its pg_hba.conf"),
    (_FULL, "the server takes no more connections"),
    (_NO_HOST, "no host of this name is known"),
    (_ELSEWHERE, "the server is a standby: decisions need the primary"),
    (_NOBODY, "nothing answers there"),
    (_SILENT, "the server does not answer"),
    (_LOST, "the connection to PostgreSQL was lost"),
    ("connection is bad", "libpq does not take this URL"),
    ("connection failed", "the server does not take what this URL asks for"),
)
"""What is said in words alone when there is no connection."""
