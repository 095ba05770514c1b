"""The two transports to the bank: in process and over HTTP, with the same results."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Mapping
from typing import Any, Final, Protocol

from payports.adapters.gateways.kit.http_results import Answer, Lost, NotSent, SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.messages import encoded
from payports.adapters.gateways.sandbox.scenarios import Delivery

UNREACHABLE_HEADER: Final = "sandbox-unreachable"
"""The server's sign that the bank is unreachable: the adapter then connects to a closed port, and is really refused."""

_JSON: Final = {"Content-Type": "application/json"}


class BankTransport(Protocol):
    """Sends messages to a bank."""

    def post(self, path: str, message: Mapping[str, Any]) -> SendResult:
        """Send one message, and give the result of the exchange."""
        ...

    def close(self) -> None:
        """Close what the transport opened."""
        ...


class InProcess(BankTransport):
    """Sends to a bank in this process; answers are lost here as they are on a network."""

    def __init__(self, bank: SandboxBank, *, owned: bool = False) -> None:
        self.bank = bank
        self._owned = owned

    def close(self) -> None:
        """Close the bank, unless it is the host's."""
        if self._owned:
            self.bank.close()

    def post(self, path: str, message: Mapping[str, Any]) -> SendResult:
        """Send one message."""
        try:
            reply = self.bank.handle(path, encoded(message))
        except sqlite3.Error:
            return Lost("the bank's ledger failed")
        match reply.delivery:
            case Delivery.ANSWERED:
                return Answer(reply.status, {}, reply.body)
            case Delivery.LOST:
                return Lost("the connection ended without an answer")
            case Delivery.UNREACHABLE:
                return NotSent("the connection was refused")


class OverHttp(BankTransport):
    """Sends to a bank's HTTP server, through the sender that all gateways share."""

    def __init__(self, url: str, sender: Sender) -> None:
        self._url = url.rstrip("/")
        self._sender = sender

    def post(self, path: str, message: Mapping[str, Any]) -> SendResult:
        """Send one message."""
        sent = self._sender.send("POST", self._url + path, _JSON, encoded(message))
        if isinstance(sent, Answer) and UNREACHABLE_HEADER in sent.headers:
            return self._connect_to_closed_port(path)
        return sent

    def close(self) -> None:
        """Close the sender's connections."""
        self._sender.close()

    def _connect_to_closed_port(self, path: str) -> SendResult:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # bound but not listening: whoever connects is refused
            return self._sender.send("POST", f"http://127.0.0.1:{nobody.getsockname()[1]}{path}", _JSON)
