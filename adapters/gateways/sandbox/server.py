"""The bank's HTTP server, for this machine only: messages of adapters, pages for shoppers, test controls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.pages import action_page, message_page
from payports.adapters.gateways.sandbox.scenarios import Delivery, Reply
from payports.adapters.gateways.sandbox.test_controls import PREFIX, control
from payports.adapters.gateways.sandbox.transports import UNREACHABLE_HEADER
from payports.domain.secret import Secret

LOOPBACK: Final = "127.0.0.1"
_ACTIONS: Final = "/actions/"
_MAX_BODY: Final = 1_000_000
_IDLE_S: Final = 60.0
"""How long a connection may be silent."""
_HTML: Final = "text/html; charset=utf-8"


class SandboxServer:
    """Serves a bank on 127.0.0.1. ``port``: 0 takes a free one; ``url`` says which it is. ``OSError`` if the port is taken."""

    def __init__(self, bank: SandboxBank, port: int = 0) -> None:
        self.bank = bank
        self._server = _Server(bank, port)
        self._thread: threading.Thread | None = None
        bank.opened_at(self.url)

    @property
    def url(self) -> str:
        """The server's URL, such as ``http://127.0.0.1:8080``."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox-bank", daemon=True)
        self._thread.start()

    def serve_forever(self) -> None:
        """Serve until ``stop`` is called from another thread, or an interrupt comes."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Close the port and all connections, and wait for requests in progress."""
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()


def serve(
    port: int,
    ledger_path: str,
    *,
    webhook_secret: str | Secret | None = None,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve a bank until interrupted; ``announce`` gets the URL as soon as the server listens.

    ``OSError`` if the port is taken, ``sqlite3.Error`` if the file is no ledger.
    """
    bank = SandboxBank(ledger_path, webhook_secret=webhook_secret)
    server = SandboxServer(bank, port)
    try:
        announce(server.url)
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
        bank.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, bank: SandboxBank, port: int) -> None:
        self.bank = bank
        self._connections: set[Any] = set()
        super().__init__((LOOPBACK, port), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would look up the host name, which nobody needs

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""

    def close_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] -- only this server uses the handler

    def do_GET(self) -> None:
        """Show a page to a shopper."""
        reference = self.path.removeprefix(_ACTIONS)
        if self._is_foreign() or not self.path.startswith(_ACTIONS):
            return self._page(404, message_page("This page does not exist."))
        entry = self.server.bank.waiting(reference)
        if entry is None:
            return self._page(
                410, message_page("This payment no longer needs your confirmation. You can close this page.")
            )
        return self._page(200, action_page(entry))

    def do_POST(self) -> None:
        """Serve a message, a test control or a shopper's answer."""
        body = self._body()
        if body is None:
            return self._send(413, b"", _HTML)
        if self._is_foreign():
            return self._page(403, message_page("This server accepts requests from this machine only."))
        if self.path.startswith(_ACTIONS):
            return self._act(self.path.removeprefix(_ACTIONS), body)
        if self.headers.get_content_type() != "application/json":
            return self._send(415, b"{}")
        if self.path.startswith(PREFIX):
            return self._reply(control(self.server.bank, self.path.removeprefix(PREFIX), body))
        return self._reply(self.server.bank.handle(self.path, body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name in http.server
        """Log nothing: a URL may hold secrets."""

    def _act(self, reference: str, body: bytes) -> None:
        entry = self.server.bank.waiting(reference)
        answer = parse_qs(body.decode("ascii", "replace")).get("approve", [""])[-1]
        if entry is None or answer not in ("0", "1"):
            return self._page(
                410, message_page("This payment no longer needs your confirmation. You can close this page.")
            )
        self.server.bank.complete_action(reference, approve=answer == "1")
        if urlsplit(entry.return_url).scheme in ("http", "https"):
            return self._send(303, b"", _HTML, {"Location": entry.return_url})
        return self._page(200, message_page("Thank you. You can close this page."))

    def _is_foreign(self) -> bool:
        """Tell whether another site's page makes the browser send the request (cross-site request, DNS rebinding)."""
        ours = self.server.server_address[1]
        hosts = {f"{LOOPBACK}:{ours}", f"localhost:{ours}"}
        origin = self.headers.get("Origin")
        return self.headers.get("Host") not in hosts or origin not in (None, *(f"http://{host}" for host in hosts))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 8 and int(length) <= _MAX_BODY):
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _reply(self, reply: Reply) -> None:
        if reply.delivery is Delivery.LOST:
            self.close_connection = True
        elif reply.delivery is Delivery.UNREACHABLE:
            self._send(421, b"{}", headers={UNREACHABLE_HEADER: "1"})
        else:
            self._send(reply.status, reply.body)

    def _page(self, status: int, page: str) -> None:
        self._send(
            status, page.encode(), _HTML, {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        )

    def _send(
        self, status: int, body: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
