"""A racer: a process with a shop of its own, which does what it is told and stops at gates if it is told so.

A gate stands before every commit and every call of a gateway: there the racer says where it is and waits until it may go on. So the referee
can have two racers load the same state before either commits.
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
from tests.concurrency.acts import ACTS, Answer
from tests.concurrency.bank import SECRET
from tests.concurrency.planted import planted
from tests.concurrency.processes import inherited


class ShiftedClock(Clock):
    """The machine's clock, so many seconds ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)


class Gate:
    """Where a racer stops, if it is shut."""

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
    """Stops before it calls."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        super().__init__(inner)
        self._gate = gate

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        self._gate.before_call(request)
        return self.inner.execute(request)


def open_shop(
    told: dict[str, Any], clock: Clock, gate: Gate | None = None
) -> tuple[payports.Payports, RemoteSandboxBank]:
    """A shop on the store of the races and at their bank."""
    bank = RemoteSandboxBank(told["bank"], SECRET)
    shop = payports.connect(told["config"], bank=bank, clock=clock)
    store = WatchedStore(planted(shop.store, told.get("bug", "")))
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
    pipe, clock = inherited(), ShiftedClock()
    gate = Gate(pipe)
    shop, bank = open_shop(pipe.recv(), clock, gate)
    pipe.send("ready")
    while True:
        try:
            act, told, gate.is_shut, clock.ahead_s = pipe.recv()
        except EOFError:
            break
        answer: Answer = ACTS[act](shop, bank, **told)
        gate.is_shut = False
        pipe.send(("answer", answer))
    shop.close()
    bank.close()


if __name__ == "__main__":
    main()
