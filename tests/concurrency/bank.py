"""The bank of the races, a process of its own: it believes whoever asks it, so that what the shop would get wrong shows in its ledger."""

from __future__ import annotations

from typing import Any, Final

from payports.adapters.gateways.book import rules
from payports.adapters.gateways.sandbox.server import SandboxServer
from payports.testing import SandboxBank
from tests.concurrency.processes import inherited

SECRET: Final = "whsec_of_the_races_0123456789"


def main() -> None:
    pipe = inherited()
    pipe.recv()
    rules.refusal = _never
    bank = SandboxBank(webhook_secret=SECRET)
    server = SandboxServer(bank)
    server.start()
    pipe.send(server.url)
    try:
        pipe.recv()
    except EOFError:
        server.stop()
        bank.close()


def _never(*_: Any, **__: Any) -> None:
    """No limit is kept but by the shop."""


if __name__ == "__main__":
    main()
