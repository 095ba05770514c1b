"""The bank in its own process, behind a network that may deliver a request only after recovery has asked about it."""

from __future__ import annotations

import os
import signal
from typing import Final

from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.sandbox.messages import EXECUTE
from payports.adapters.gateways.sandbox.scenarios import Delivery, Reply
from payports.adapters.gateways.sandbox.server import SandboxServer
from payports.testing import SandboxBank

_DELIVER: Final = "/late/deliver"


class SlowBank(SandboxBank):
    """A bank whose network can hold requests back: senders get no answer, and the requests arrive on ``deliver``."""

    is_slow = False

    def __init__(self, webhook_secret: str) -> None:
        super().__init__(webhook_secret=webhook_secret)
        self._held: list[bytes] = []

    def handle(self, path: str, body: bytes) -> Reply:
        if path == _DELIVER:
            self._deliver()
            return Reply(200, b"{}")
        if self.is_slow and path == EXECUTE:
            self._held.append(body)
            return Reply(0, b"", Delivery.LOST)
        return super().handle(path, body)

    def _deliver(self) -> None:
        self.is_slow = False
        while self._held:
            super().handle(EXECUTE, self._held.pop(0))


def serve(bank: SlowBank, announce_to: int, *, is_slow: bool) -> None:
    """Serve a bank until the process is killed; write its address to a pipe."""
    bank.is_slow = is_slow
    server = SandboxServer(bank)
    server.start()
    os.write(announce_to, server.url.encode())
    os.close(announce_to)
    signal.pause()


def deliver(url: str) -> None:
    """Deliver all requests that were held back."""
    sender = Sender()
    sender.send("POST", url + _DELIVER, {"Content-Type": "application/json"}, b"{}")
    sender.close()
