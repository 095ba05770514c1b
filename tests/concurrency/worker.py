"""A worker process with its own shop. It runs actions on command, and can stop at gates.

There is a gate before every commit and every gateway call: the worker reports where it is and waits until the gate opens. So the
coordinator can have two workers load the same state before either commits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import attrs

import payports
from payports.application.kernel.policy import ConfiguredGateway
from payports.ports.clock import Clock
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import RemoteSandboxBank
from tests.application.stubs import Spy, WatchedStore
from tests.concurrency.actions import ACTIONS, Answer
from tests.concurrency.bank import SECRET
from tests.concurrency.planted_bugs import with_planted_bug
from tests.concurrency.processes import inherited_pipe


class ShiftedClock(Clock):
    """The system clock, shifted ahead by some seconds."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)


class Gate:
    """Stops a worker while it is shut."""

    def __init__(self, pipe: Connection) -> None:
        self.is_shut = False
        self._pipe = pipe

    def before_commit(self, _: Commit) -> None:
        self._stop("commit")

    def before_call(self, _: PaymentRequest) -> None:
        self._stop("call")

    def _stop(self, where: str) -> None:
        if self.is_shut:
            self._pipe.send(("gate", where))
            self._pipe.recv()


class GatedGateway(Spy):
    """Stops at the gate before each call."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        super().__init__(inner)
        self._gate = gate

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        self._gate.before_call(request)
        return self.inner.execute(request)


def open_shop(
    settings: dict[str, Any], clock: Clock, gate: Gate | None = None
) -> tuple[payports.Payports, RemoteSandboxBank]:
    """Open a shop on the store and the bank of the races."""
    bank = RemoteSandboxBank(settings["bank"], SECRET)
    shop = payports.connect(settings["config"], bank=bank, clock=clock)
    store = WatchedStore(with_planted_bug(shop.store, settings.get("bug", "")))
    if gate is None:
        return attrs.evolve(shop, store=store), bank
    store.before_commit = gate.before_commit
    return attrs.evolve(shop, store=store, gateways=_gated(shop, gate)), bank


def _gated(shop: payports.Payports, gate: Gate) -> dict[str, ConfiguredGateway]:
    return {
        name: attrs.evolve(
            configured,
            gateway=attrs.evolve(configured.gateway, transactions=GatedGateway(configured.gateway.transactions, gate)),
        )
        for name, configured in shop.gateways.items()
    }


def main() -> None:
    pipe, clock = inherited_pipe(), ShiftedClock()
    gate = Gate(pipe)
    shop, bank = open_shop(pipe.recv(), clock, gate)
    pipe.send("ready")
    while True:
        try:
            action, arguments, gate.is_shut, clock.ahead_s = pipe.recv()
        except EOFError:
            break
        answer: Answer = ACTIONS[action](shop, bank, **arguments)
        gate.is_shut = False
        pipe.send(("answer", answer))
    shop.close()
    bank.close()


if __name__ == "__main__":
    main()
