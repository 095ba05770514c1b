"""The client of a sandbox bank's HTTP server, with the methods of the bank in process, so that the same tests run on both."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from payports.adapters.gateways.kit.http_results import Answer, Limits
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.json_reading import read_object
from payports.adapters.gateways.ledger.entries import Effect
from payports.adapters.gateways.ledger.storage import MEMORY
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.messages import encoded
from payports.adapters.gateways.sandbox.test_controls import PREFIX, read_effect
from payports.domain.money import Money
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionType
from payports.ports.clock import Clock

_LIMITS: Final = Limits(total_s=300.0, read_s=300.0, body_bytes=100_000_000)
"""Test controls may take long and give long answers."""
_PAGE: Final = 1_000


class RemoteSandboxBank:
    """A bank at a URL. Its methods are those of ``SandboxBank``; ``ConnectionError`` if it cannot be reached.

    ``webhook_secret``: what its notifications are signed with, for adapters that have none configured.
    """

    def __init__(
        self,
        url: str,
        webhook_secret: str | Secret | None = None,
        *,
        on_clock: Callable[[Clock], None] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.webhook_secret = Secret(webhook_secret) if isinstance(webhook_secret, str) else webhook_secret
        self._on_clock = on_clock
        self._sender = Sender(_LIMITS)

    def adopt_clock(self, clock: Clock) -> None:
        """Use this clock if the bank runs in this process and has none; a bank elsewhere has its own."""
        if self._on_clock:
            self._on_clock(clock)

    def effects(self) -> tuple[Effect, ...]:
        """List what really happened, in order."""
        return tuple(self.iter_effects())

    def iter_effects(self, after: int = 0, limit: int = _PAGE) -> Iterator[Effect]:
        """Iterate over what really happened after a position, in pages of ``limit``."""
        while page := [read_effect(item) for item in self._call("effects", after=after, limit=limit)]:
            yield from page
            after = page[-1].position

    def totals(self) -> dict[tuple[TransactionType, str], int]:
        """Sum what really happened, in minor units by type and currency code."""
        return {(TransactionType(kind), currency): minor for kind, currency, minor in self._call("totals")}

    def fail_next(self, type: TransactionType | str, scenario: str) -> None:  # noqa: A002 -- the contract's word
        """Plan a scenario for the next operation of a type. ``ValueError`` for an unknown name."""
        self._call("fail_next", type=str(type), scenario=str(scenario))

    def complete_action(self, reference: str, approve: bool = True) -> None:
        """Complete the shopper's action, approving or declining."""
        self._call("complete_action", reference=reference, approve=approve)

    def finish_async(self, reference: str, succeed: bool = True) -> None:
        """Finish an asynchronous operation."""
        self._call("finish_async", reference=reference, succeed=succeed)

    def revoke(self, reference: str) -> None:
        """Revoke a success."""
        self._call("revoke", reference=reference)

    def dashboard(self, type: TransactionType | str, parent_reference: str, amount: Money) -> str:  # noqa: A002 -- the contract's word
        """Do an operation outside the shop; gives its reference."""
        return str(
            self._call(
                "dashboard",
                type=str(type),
                parent_reference=parent_reference,
                amount_minor=amount.minor,
                currency=amount.currency.code,
            )
        )

    def settle(self) -> int:
        """Settle all captures that are neither settled nor voided; gives their number."""
        return int(self._call("settle"))

    def webhooks(self, limit: int | None = None) -> list[tuple[dict[str, str], bytes]]:
        """Take the pending notifications, oldest first, each once."""
        return [(headers, body.encode()) for headers, body in self._call("webhooks", limit=limit)]

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def _call(self, name: str, **arguments: object) -> Any:
        sent = self._sender.send(
            "POST", self.url + PREFIX + name, {"Content-Type": "application/json"}, encoded(arguments)
        )
        if not isinstance(sent, Answer):
            raise ConnectionError(sent.reason)
        document = read_object(sent.body) or {}
        if sent.status == 400:
            raise ValueError(str(document.get("error")))
        if sent.status != 200:
            raise ConnectionError(f"the bank answered with status {sent.status}")
        return document["result"]


@contextmanager
def serving(
    ledger: str = MEMORY, clock: Clock | None = None, webhook_secret: str | Secret | None = None, port: int = 0
) -> Generator[RemoteSandboxBank, None, None]:
    """Run a bank and its server in a thread, on a free port of this machine; gives the bank as seen over HTTP."""
    from payports.adapters.gateways.sandbox.server import SandboxServer

    bank = SandboxBank(ledger, clock, webhook_secret)
    server = SandboxServer(bank, port)
    server.start()
    remote = RemoteSandboxBank(server.url, bank.webhook_secret, on_clock=bank.adopt_clock)
    try:
        yield remote
    finally:
        remote.close()
        server.stop()
        bank.close()
