"""Errors of PostgreSQL, libpq and psycopg are interpreted by their code, or by their words where there is none."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest

from payports.adapters.repositories.postgres import errors as postgres_errors

RESTARTING: Final = "the server is shutting down or starting up"


@pytest.mark.parametrize(
    ("words", "reason", "transient", "restarting"),
    [
        ("FATAL:  the database system is starting up", RESTARTING, True, True),
        ("FATAL:  the database system is shutting down", RESTARTING, True, True),
        ("FATAL:  the database system is in recovery mode", RESTARTING, True, True),
        ("FATAL:  the database system is not yet accepting connections", RESTARTING, True, True),
        ("Connection refused", "no server answers at this address", True, False),
        ("could not translate host name", "the host name is unknown", True, False),
        ("FATAL:  sorry, too many clients already", "the server accepts no more connections", True, False),
        ("server closed the connection unexpectedly", "the connection to PostgreSQL was lost", True, False),
        ("timeout expired", "the server does not answer", True, False),
        ("session is read-only", "the server is a standby: decisions need the primary", True, False),
        (
            'FATAL:  password authentication failed for user "me"',
            "the server refuses this user or password",
            False,
            False,
        ),
        ("fe_sendauth: no password supplied", "the server refuses this user or password", False, False),
        ('FATAL:  database "shop" does not exist', "there is no such database", False, False),
        ('FATAL:  role "me" does not exist', "there is no such role", False, False),
        ('FATAL:  role "timeout" does not exist', "there is no such role", False, False),
        (
            "FATAL:  no pg_hba.conf entry for host",
            "the server refuses this connection: see its pg_hba.conf",
            False,
            False,
        ),
    ],
)
def test_errors_of_libpq_are_interpreted_by_their_words(
    words: str, reason: str, transient: bool, restarting: bool
) -> None:
    error = psycopg.OperationalError(f"connection failed: connection to server at ::1, port 5432 failed: {words}")
    interpretation = (
        postgres_errors.explain(error),
        postgres_errors.is_transient(error),
        postgres_errors.is_transient_at_opening(error),
        postgres_errors.is_restarting(error),
    )
    assert interpretation == (reason, transient, transient, restarting)


def test_unknown_words_are_a_mistake_at_the_opening_and_a_lost_connection_afterwards() -> None:
    error = psycopg.OperationalError("words that libpq never uses")
    assert (postgres_errors.is_transient_at_opening(error), postgres_errors.is_transient(error)) == (False, True)


@pytest.mark.parametrize(
    ("error", "restarting"),
    [
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.CrashShutdown, True),
        (psycopg.errors.CannotConnectNow, True),
        (psycopg.errors.TooManyConnections, False),
        (psycopg.errors.SerializationFailure, False),
    ],
)
def test_a_server_reports_a_restart_by_a_code(error: type[psycopg.Error], restarting: bool) -> None:
    assert (postgres_errors.is_restarting(error()), postgres_errors.is_transient(error())) == (restarting, True)
