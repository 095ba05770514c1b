"""A TCP line to a PostgreSQL server that counts round trips, reads along, and breaks where a test says.

A *turn* is what a client sends before it waits for an answer. Protocol: https://www.postgresql.org/docs/current/protocol.html
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict


class Fault(Enum):
    """What happens to a turn."""

    NONE = "goes through"
    CUT_BEFORE = "never arrives, and both ends see that the line is cut"
    CUT_AFTER = "is done, and the line is cut before the answer gets through"
    HALF_CUT = "never arrives, and only the client sees that the line is cut"
    SILENT_BEFORE = "never arrives, and nothing more is heard"
    SILENT_AFTER = "is done, and nothing more is heard"


Turn = list[str]
"""The statements of a turn, by their first words."""


class Line:
    """Listens on a free port and passes everything on to the server behind ``url``. ``fault`` is asked about every turn."""

    def __init__(self, url: str, fault: Callable[[Turn], Fault] = lambda _: Fault.NONE) -> None:
        self.turns: list[Turn] = []
        self.fault = fault
        self._target = url
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of the same database through this line."""
        parts, port = urlsplit(self._target), self._listener.getsockname()[1]
        options = {name: values[-1] for name, values in parse_qs(parts.query).items() if name not in ("host", "port")}
        options |= {"sslmode": "disable", "gssencmode": "disable"}
        user = parts.netloc.rpartition("@")[0]
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}", query=query))

    def close(self) -> None:
        """Cut everything."""
        for connection in (self._listener, *self._open):
            _cut(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = _connect(self._target)
                self._open += [client, server]
                _Wire(self, client, server).start()


class _Wire:
    """One connection."""

    def __init__(self, line: Line, client: socket.socket, server: socket.socket) -> None:
        self._line = line
        self._client = client
        self._server = server
        self._muted: Fault | None = None
        self._prepared: dict[bytes, str] = {}

    def start(self) -> None:
        for work in (self._listen, self._answer):
            threading.Thread(target=work, daemon=True).start()

    def _listen(self) -> None:
        """From the client to the server, turn by turn."""
        with suppress(OSError):
            self._server.sendall(_start_up(self._client))
            pending, turn = b"", Turn()
            for kind, message in _messages(self._client):
                pending += message
                turn += self._read(kind, message[5:])
                if kind in b"p" or (
                    kind in b"H" and not turn
                ):  # a password, or Flush after Sync: nobody waits for more
                    self._server.sendall(pending)
                    pending = b""
                elif kind in b"SQH":  # Sync, Query or Flush: now it waits
                    self._line.turns.append(turn)
                    if not self._pass_on(pending, self._line.fault(turn)):
                        return
                    pending, turn = b"", Turn()
            self._server.sendall(pending)
        _cut(self._server)

    def _read(self, kind: int, body: bytes) -> Turn:
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
                self._muted = fault
                self._server.sendall(pending)
            case Fault.CUT_BEFORE:
                _cut(self._client)
                _cut(self._server)
            case Fault.HALF_CUT:
                _cut(self._client)
            case Fault.SILENT_BEFORE:
                pass
        return False

    def _answer(self) -> None:
        """From the server to the client, until nothing may be heard any more."""
        with suppress(OSError):
            for kind, message in _messages(self._server):
                if self._muted is None:
                    self._client.sendall(message)
                elif self._muted is Fault.CUT_AFTER and kind == ord("Z"):  # ReadyForQuery: it is done
                    break
        if self._muted is not Fault.SILENT_AFTER:
            _cut(self._client)
            _cut(self._server)


def _connect(url: str) -> socket.socket:
    given = conninfo_to_dict(url)
    host, port = str(given.get("host", "localhost")), int(given.get("port") or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    there = socket.socket(socket.AF_UNIX)
    there.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return there


def _start_up(client: socket.socket) -> bytes:
    """The first message has no type."""
    length = _exactly(client, 4)
    return length + _exactly(client, int.from_bytes(length) - 4)


def _messages(source: socket.socket) -> Iterator[tuple[int, bytes]]:
    while head := _exactly(source, 5):
        yield head[0], head + _exactly(source, int.from_bytes(head[1:]) - 4)


def _exactly(source: socket.socket, number: int) -> bytes:
    """So many bytes, or none at the end."""
    found = b""
    while len(found) < number:
        more = source.recv(number - len(found))
        if not more:
            return b""
        found += more
    return found


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def server_of(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection past the line, for looking behind the store's back."""
    return psycopg.connect(url, autocommit=True)
