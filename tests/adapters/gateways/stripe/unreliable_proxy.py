"""An unreliable proxy before localstripe: real sockets on which answers get lost, and keys honoured as Stripe's documentation says.

The payment method of an initiating request chooses its fault, ``pm_FAULT``; behind the proxy all of them are ``pm_card_visa``.
Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode
from urllib.request import Request, urlopen

APPROVED = "pm_card_visa"
BEFORE = ("pm_lost_not_done", "pm_error_not_done", "pm_conflict", "pm_busy", "pm_locked", "pm_away", "pm_reset_before")
FAULTS = (
    *BEFORE,
    "pm_lost_done",
    "pm_error_done",
    "pm_garbage",
    "pm_truncated",
    "pm_drip",
    "pm_bomb",
    "pm_wrong_amount",
    "pm_wrong_currency",
    "pm_wrong_mode",
)


class UnreliableProxy(ThreadingHTTPServer):
    """Stands between the adapter and localstripe. ``posts``: the key of each POST; ``effects``: the keys that were passed on."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, beyond: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.beyond = beyond
        self.lock = threading.Lock()
        self.kept: dict[str, tuple[str, int, bytes]] = {}
        self.posts: list[str] = []
        self.effects: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections break here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UnreliableProxy  # pyright: ignore[reportIncompatibleVariableOverride] -- it is made for this server only

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is given
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(*self._passed_on(b""))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = dict(parse_qsl(body.decode()))
        fault = form.get("payment_method", "")
        if fault in FAULTS:
            form["payment_method"] = APPROVED
        for unknown in ("return_url", "cancellation_reason"):  # to localstripe
            form.pop(unknown, None)
        key = self.headers.get("Idempotency-Key", "")
        if fault in BEFORE and key not in self.server.kept:
            self.server.posts.append(key)
            return self._trouble_before(fault)
        status, told = self._once(key, body, urlencode(form).encode())
        return self._trouble_after(fault, status, told)

    def _once(self, key: str, asked: bytes, body: bytes) -> tuple[int, bytes]:
        content = f"{self.path} {asked.decode()}"
        with self.server.lock:
            self.server.posts.append(key)
            kept = self.server.kept.get(key)
            if kept is None:
                status, told = self._passed_on(body)
                self.server.effects.append(key)
                self.server.kept[key] = (content, status, told)
                return status, told
        if kept[0] != content:
            error = {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
            return 400, json.dumps({"error": error}).encode()
        return kept[1], kept[2]

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Authorization": self.headers["Authorization"], "Content-Type": "application/x-www-form-urlencoded"}
        request = Request(self.server.beyond + self.path, body or None, headers, method=self.command)  # noqa: S310 -- http to this machine
        if self.command == "POST":
            request.data = body
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def _trouble_before(self, fault: str) -> None:
        match fault:
            case "pm_error_not_done":
                self._answer(500, _error("api_error", "oops"))
            case "pm_conflict":
                self._answer(409, _error("idempotency_error", "key in use", code="idempotency_key_in_use"))
            case "pm_busy":
                self._answer(
                    429, _error("invalid_request_error", "slow", code="rate_limit"), {"Retry-After": "-1000000000"}
                )
            case "pm_locked":
                self._answer(429, b"<html>busy</html>", {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})
            case "pm_away":
                self._answer(302, b"", {"Location": "/v1/payment_intents"})
            case _:
                self._reset()

    def _trouble_after(self, fault: str, status: int, told: bytes) -> None:
        match fault:
            case "pm_lost_done":
                self._reset()
            case "pm_error_done":
                self._answer(500, _error("api_error", "oops"))
            case "pm_garbage":
                self._answer(200, b"<html>\xff\x00 all is well")
            case "pm_truncated":
                self._begin(status, len(told), {})
                self.wfile.write(told[: len(told) // 2])
                self._reset()
            case "pm_drip":
                self._begin(status, len(told), {})
                self._drip(told)
            case "pm_bomb":
                self._answer(status, gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"})
            case "pm_wrong_amount":
                self._answer(status, _changed(told, amount=1, amount_capturable=1, amount_received=1))
            case "pm_wrong_currency":
                self._answer(status, _changed(told, currency="usd"))
            case "pm_wrong_mode":
                self._answer(status, _changed(told, livemode=True))
            case _:
                self._answer(status, told)

    def _drip(self, told: bytes) -> None:
        patience = threading.Event()
        for position in range(len(told)):
            self.wfile.write(told[position : position + 1])
            self.wfile.flush()
            patience.wait(0.2)

    def _answer(self, status: int, told: bytes, headers: dict[str, str] | None = None) -> None:
        self._begin(status, len(told), headers or {})
        self.wfile.write(told)

    def _begin(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _error(kind: str, message: str, **more: str) -> bytes:
    return json.dumps({"error": {"type": kind, "message": message, **more}}).encode()


def _changed(told: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(told), **changes}).encode()


@contextmanager
def unreliable_proxy(beyond: str) -> Generator[UnreliableProxy, None, None]:
    proxy = UnreliableProxy(beyond)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
