"""A fake Stripe that echoes everything it was sent, and adds secrets of its own."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

from tests.adapters.gateways.stripe.stubs import an_intent
from tests.secret_leaks.canaries import BODY, CARD, CLIENT_SECRET, STRIPE_TOKEN

ACTION, REFUSED, GARBAGE, CLOSED = (
    f"{STRIPE_TOKEN}{scenario}" for scenario in ("Action", "Refused", "Garbage", "Closed")
)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        sent: dict[str, str] = dict(parse_qsl(body.decode()))
        everything = f"{BODY} {CARD} {dict(self.headers)} {sent} {CLIENT_SECRET}"
        token = sent.get("payment_method", "")
        if token == CLOSED:
            self.close_connection = True
        elif token == GARBAGE:
            self._send(200, f"<html>{everything}".encode())
        elif self.path.partition("?")[0].startswith("/v1/payment_intents/pi_1") or token == ACTION:
            self._send(200, json.dumps(self._intent(sent, everything)).encode())
        elif self.command == "GET":
            self._send(200, json.dumps({"object": "list", "data": [], "has_more": False, "url": everything}).encode())
        else:
            told = {"type": "invalid_request_error", "code": everything, "message": everything, "param": everything}
            self._send(400, json.dumps({"error": told}).encode())

    def _intent(self, sent: dict[str, str], everything: str) -> dict[str, Any]:
        secret = f"https://hooks.stripe.com/redirect?payment_intent_client_secret={CLIENT_SECRET}"
        ours = {name[9:-1]: value for name, value in sent.items() if name.startswith("metadata[")}
        self.server.ours |= ours  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        return an_intent(
            status="requires_action",
            amount_capturable=0,
            client_secret=CLIENT_SECRET,
            next_action={"type": "redirect_to_url", "redirect_to_url": {"url": secret, "return_url": everything}},
            description=everything,
            metadata=self.server.ours,  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        )

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name in http.server
        """Log nothing."""


@contextmanager
def echoing() -> Generator[str]:
    """Serve until the end of the block; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.ours = {}  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
