"""A Stripe to rehearse with: localstripe, started as a process of its own on this machine, and what it says it holds.

localstripe is GPL software and no part of this package: it is started by name, if it is installed, and spoken to over HTTP only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlencode

import attrs

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.http_sender import Sender

TEST_KEY: Final = "sk_test_rehearsal"
_SERVE: Final = """
import os, socket, threading
from aiohttp import web
from localstripe.server import app
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
def watch():
    while os.read(0, 1):
        pass
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
web.run_app(app, sock=door, access_log=None, print=None)
"""
"""Run in a process of its own. localstripe's own command listens on all addresses; this door is for this machine only. The pipe to it is
closed when whoever started it ends, even by a signal that nobody can catch: then it ends too."""


class LocalstripeUnavailable(RuntimeError):
    """localstripe is not installed or does not start."""


@attrs.frozen
class Localstripe:
    """A running localstripe."""

    url: str
    _sender: Sender = attrs.field(factory=Sender)

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """Ask for what it holds."""
        return self._ask("GET", f"{path}?{urlencode(query)}", b"")

    def post(self, path: str, form: str = "") -> dict[str, Any]:
        """Tell it something, beside the adapter."""
        return self._ask("POST", path, form.encode())

    def card(self, number: str) -> str:
        """Make a payment method of a test card, as Stripe.js would."""
        card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2030, "card[cvc]": "123"}
        return str(self.post("/v1/payment_methods", urlencode({"type": "card", **card}))["id"])

    def everything(self, kind: str) -> list[dict[str, Any]]:
        """List all objects of a kind, such as ``payment_intents``."""
        found: list[dict[str, Any]] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = self.get(f"/v1/{kind}", limit=100, **after)
            found += page["data"]
            if not page["has_more"]:
                return found

    def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TEST_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
        sent = self._sender.send(method, self.url + path, headers, body)
        if not isinstance(sent, Answer) or sent.status != 200:
            raise LocalstripeUnavailable(f"localstripe did not take {method} {path.partition('?')[0]}: {sent}")
        return dict(json.loads(sent.body or b"{}"))


@contextmanager
def running_localstripe() -> Generator[Localstripe, None, None]:
    """Start localstripe on a free port of this machine, and stop it at the end. Raises ``LocalstripeUnavailable``."""
    if find_spec("localstripe") is None:
        raise LocalstripeUnavailable("localstripe is not installed: pip install localstripe")
    command = [sys.executable, "-P", "-c", _SERVE]  # -P: nothing of the folder that it is started in
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- a fixed text
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            raise LocalstripeUnavailable("localstripe does not start")
        yield Localstripe(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
