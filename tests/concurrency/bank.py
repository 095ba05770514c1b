"""The bank of the races in its own process. It enforces no limits, so that a mistake of the shop shows in its ledger."""

from __future__ import annotations

from typing import Any, Final

from payports.adapters.gateways.ledger import rules
from payports.adapters.gateways.sandbox.server import SandboxServer
from payports.testing import SandboxBank
from tests.concurrency.processes import inherited_pipe

SECRET: Final = "whsec_of_the_races_0123456789"


def main() -> None:
    pipe = inherited_pipe()
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
    """Refuse nothing."""


if __name__ == "__main__":
    main()
