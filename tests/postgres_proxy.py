"""A TCP proxy in front of a PostgreSQL server. It counts round trips, records statements, and injects faults.

A round trip is what a client sends before it waits for an answer. Protocol: https://www.postgresql.org/docs/current/protocol.html
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


class Fault(Enum):
    """What happens to a round trip."""

    NONE = "goes through"
    CUT_BEFORE = "never arrives, and both ends see the cut"
    CUT_AFTER = "is done, and the connection is cut before the answer arrives"
    HALF_CUT = "never arrives, and only the client sees the cut"
    SILENT_BEFORE = "never arrives, and no answer ever arrives"
    SILENT_AFTER = "is done, and no answer ever arrives"


RoundTrip = list[str]
"""The statements of a round trip."""


class PostgresProxy:
    """Listens on a free port and forwards to the server at ``url``. ``fault`` decides about every round trip."""

    def __init__(self, url: str, fault: Callable[[RoundTrip], Fault] = lambda _: Fault.NONE) -> None:
        self.round_trips: list[RoundTrip] = []
        self.fault = fault
        self._server_url = url
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of the same database through this proxy."""
        parts, port = urlsplit(self._server_url), self._listener.getsockname()[1]
        options = {name: values[-1] for name, values in parse_qs(parts.query).items() if name not in ("host", "port")}
        options |= {"sslmode": "disable", "gssencmode": "disable"}
        user = parts.netloc.rpartition("@")[0]
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}", query=query))

    def close(self) -> None:
        """Cut all connections."""
        for connection in (self._listener, *self._connections):
            _cut(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = _connect(self._server_url)
                self._connections += [client, server]
                _ProxiedConnection(self, client, server).start()


class _ProxiedConnection:
    """One client connection, and its connection to the server."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._silenced_by: Fault | None = None
        self._prepared: dict[bytes, str] = {}

    def start(self) -> None:
        for work in (self._forward_requests, self._forward_responses):
            threading.Thread(target=work, daemon=True).start()

    def _forward_requests(self) -> None:
        """Forward from the client to the server, one round trip at a time."""
        with suppress(OSError):
            self._server.sendall(_start_up(self._client))
            pending, round_trip = b"", RoundTrip()
            for kind, message in _messages(self._client):
                pending += message
                round_trip += self._read(kind, message[5:])
                if kind in b"p" or (
                    kind in b"H" and not round_trip
                ):  # a password, or Flush after Sync: the client does not wait
                    self._server.sendall(pending)
                    pending = b""
                elif kind in b"SQH":  # Sync, Query or Flush: the client waits
                    self._proxy.round_trips.append(round_trip)
                    if not self._pass_on(pending, self._proxy.fault(round_trip)):
                        return
                    pending, round_trip = b"", RoundTrip()
            self._server.sendall(pending)
        _cut(self._server)

    def _read(self, kind: int, body: bytes) -> RoundTrip:
        match chr(kind):
            case "P":
                name, statement, *_ = body.split(b"\0")
                self._prepared[name] = statement.decode()
            case "B":
                return [self._prepared[body.split(b"\0")[1]]]
            case "Q":
                return [body.rstrip(b"\0").decode()]
            case _:
                pass
        return []

    def _pass_on(self, pending: bytes, fault: Fault) -> bool:
        match fault:
            case Fault.NONE:
                self._server.sendall(pending)
                return True
            case Fault.CUT_AFTER | Fault.SILENT_AFTER:
                self._silenced_by = fault
                self._server.sendall(pending)
            case Fault.CUT_BEFORE:
                _cut(self._client)
                _cut(self._server)
            case Fault.HALF_CUT:
                _cut(self._client)
            case Fault.SILENT_BEFORE:
                pass
        return False

    def _forward_responses(self) -> None:
        """Forward from the server to the client, until a fault silences it."""
        with suppress(OSError):
            for kind, message in _messages(self._server):
                if self._silenced_by is None:
                    self._client.sendall(message)
                elif self._silenced_by is Fault.CUT_AFTER and kind == ord("Z"):  # ReadyForQuery: the statement is done
                    break
        if self._silenced_by is not Fault.SILENT_AFTER:
            _cut(self._client)
            _cut(self._server)


def _connect(url: str) -> socket.socket:
    settings = conninfo_to_dict(url)
    host, port = str(settings.get("host", "localhost")), int(settings.get("port") or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return connection


def _start_up(client: socket.socket) -> bytes:
    """Read the start-up message, which has no type."""
    length = _receive_exactly(client, 4)
    return length + _receive_exactly(client, int.from_bytes(length) - 4)


def _messages(source: socket.socket) -> Iterator[tuple[int, bytes]]:
    while head := _receive_exactly(source, 5):
        yield head[0], head + _receive_exactly(source, int.from_bytes(head[1:]) - 4)


def _receive_exactly(source: socket.socket, number: int) -> bytes:
    """Read this many bytes; empty at the end of the stream."""
    received = b""
    while len(received) < number:
        chunk = source.recv(number - len(received))
        if not chunk:
            return b""
        received += chunk
    return received


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
