"""Interpretation of the errors of PostgreSQL, libpq and psycopg: the reason, and whether a later attempt may succeed.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. A failure to connect has no code, only words.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg


def explain(error: psycopg.Error) -> str:
    """Give the reason of an error, without the server's text, which may contain data."""
    if error.sqlstate is None:
        return _explain_by_words(error)
    return f"{_REASONS.get(error.sqlstate, 'PostgreSQL refused')} ({error.sqlstate})"


def is_transient(error: psycopg.Error) -> bool:
    """Tell whether a retry may succeed: nothing was written, or the connection was lost."""
    if error.sqlstate is None:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return lost and not re.search(_PERMANENT_WORDS, _without_quoted_names(error))
    return error.sqlstate in _TRANSIENT_CODES or error.sqlstate.startswith(_CONNECTION_CLASS)


def is_transient_at_opening(error: psycopg.Error) -> bool:
    """Tell whether a store that could not be opened may be available later.

    Unknown words mean a mistake in the configuration here, such as a misspelt ``sslmode``; once the store was open, they mean a lost
    connection.
    """
    is_known = error.sqlstate is not None or re.search(_TRANSIENT_WORDS, _without_quoted_names(error)) is not None
    return is_known and is_transient(error)


def is_restarting(error: psycopg.Error) -> bool:
    """Tell whether the server says that it is shutting down or starting up."""
    return error.sqlstate in _RESTARTING_CODES or (
        error.sqlstate is None and re.search(_RESTARTING_WORDS, str(error)) is not None
    )


def _explain_by_words(error: psycopg.Error) -> str:
    """Give the reason of an error without a code, from its words."""
    lost = (
        "the connection to PostgreSQL was lost" if is_transient(error) else f"psycopg refused ({type(error).__name__})"
    )
    return next((reason for words, reason in _REASONS_BY_WORDS if re.search(words, _without_quoted_names(error))), lost)


def _without_quoted_names(error: psycopg.Error) -> str:
    """Give the text of an error with quoted names emptied: a role may be called ``timeout``."""
    return re.sub(r'"[^"]*"', '""', str(error))


_CONNECTION_CLASS: Final = "08"
_TRANSIENT_CODES: Final = frozenset(
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
_RESTARTING_CODES: Final = ("57P01", "57P02", "57P03")
_REASONS: Final = {
    "22003": "a number is too large to store",
    "25006": "the database is read-only",
    "40001": "busy: others were writing the same",
    "40P01": "busy: others were writing the same",
    "42501": "the role may not do this",
    "53100": "the disk is full",
    "53300": "the server accepts no more connections",
    "55P03": "busy: others have been writing the same for too long",
    "57014": "it took too long",
}
_RESTARTING_WORDS: Final = (
    "the database system is (starting up|shutting down|in recovery mode|not yet accepting connections)"
)
_AUTHENTICATION: Final = "authentication failed|no password supplied"
_PERMANENT_WORDS: Final = f"{_AUTHENTICATION}|does not exist|no pg_hba.conf entry|does not support SSL"
"""Errors that persist until somebody corrects the configuration."""
_TOO_MANY: Final = "too many clients|too many connections|connection slots"
_UNKNOWN_HOST: Final = "failed to resolve host|could not translate host"
_TIMEOUT: Final = "[Tt]imeout|[Tt]imed out"
_STANDBY: Final = "session is read-only|server is in hot standby mode"
_UNREACHABLE: Final = "Connection refused|failed: No such file|No route to host|Network is unreachable|Host is down"
_LOST: Final = (
    "server closed the connection|Connection reset|Broken pipe|EOF detected|connection is (lost|closed)"
    "|terminating connection|could not (receive data|send)"
)
_TRANSIENT_WORDS: Final = "|".join(
    (_RESTARTING_WORDS, _TOO_MANY, _UNKNOWN_HOST, _TIMEOUT, _STANDBY, _UNREACHABLE, _LOST)
)
"""Errors that may pass by themselves, in the words of libpq, psycopg, the operating system and the server."""
_REASONS_BY_WORDS: Final = (
    (_RESTARTING_WORDS, "the server is shutting down or starting up"),
    (_AUTHENTICATION, "the server refuses this user or password"),
    ('role "" does not exist', "there is no such role"),
    ('database "" does not exist', "there is no such database"),
    ("no pg_hba.conf entry", "the server refuses this connection: see its pg_hba.conf"),
    (_TOO_MANY, "the server accepts no more connections"),
    (_UNKNOWN_HOST, "the host name is unknown"),
    (_STANDBY, "the server is a standby: decisions need the primary"),
    (_UNREACHABLE, "no server answers at this address"),
    (_TIMEOUT, "the server does not answer"),
    (_LOST, "the connection to PostgreSQL was lost"),
    ("connection is bad", "libpq does not accept this URL"),
    ("connection failed", "the server refuses a parameter of this URL"),
)
"""Reasons of errors that have no code."""
