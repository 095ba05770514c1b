"""The host's processes: each has a shop on the common store and a clock that may be wrong, and crashes now and then."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import attrs

from payports.application.kernel.policy import ConfiguredGateway, Policy
from payports.application.shop import Payports
from payports.ports.clock import Clock, Ids
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest
from payports.ports.store import Store
from payports.testing.clock import START
from payports.testing.simulation.bank import Account, SimulatedBank
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, Fault, FaultInjector
from payports.testing.simulation.gateway import SimulatedGateway, gateway_of
from payports.testing.simulation.scheduler import Killed, Scheduler, Task
from payports.testing.simulation.store import FaultyStore

MERCHANT: Final = "default"


class SequentialIds(Ids):
    """Sequential ids, the same in every run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"id{next(self._numbers):05d}"

    def token(self) -> str:
        return f"token-of-a-checkout-{next(self._numbers):010d}"


@attrs.frozen
class TrueClock(Clock):
    """The true time: the bank's and the store's."""

    scheduler: Scheduler

    def now(self) -> datetime:
        return START + timedelta(milliseconds=int(self.scheduler.now * 1_000))


def _ignore(_: object) -> None:
    """Do nothing."""


@attrs.frozen(kw_only=True)
class SimulatedWorld:
    """What all processes share. ``on_commit`` and ``on_request`` get every commit and every request."""

    scheduler: Scheduler
    faults: FaultInjector
    bank: SimulatedBank
    accounts: tuple[Account, ...]
    store: Store
    ids: Ids
    policy: Policy
    captures_at_once: frozenset[str]
    awaiting_covers: frozenset[str]
    on_commit: Callable[[Commit], object] = _ignore
    on_request: Callable[[PaymentRequest], object] = _ignore

    @property
    def clocks_may_jump(self) -> bool:
        """Whether clocks may be wrong: a bank that cannot fence a key leaves only the clocks to rely on."""
        return all(account.fences for account in self.accounts)


class Process(Clock):
    """One process of the host: the clock of its shop, and where its store and gateways wait."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.tasks: list[Task] = []
        self.ahead_s = 0.0
        self.note = world.scheduler.note
        self.shop = self._start()

    def now(self) -> datetime:
        """The time by the clock of this process."""
        return TrueClock(self.world.scheduler).now() + timedelta(seconds=self.ahead_s)

    def step(self, what: str) -> None:
        """Let other tasks run, then continue, unless the process crashes."""
        self.world.scheduler.step(what)
        faults = self.world.faults
        if faults.occurs(Fault.CRASH):
            self.crash()
            raise Killed
        if self.world.clocks_may_jump and faults.occurs(Fault.CLOCK_JUMP):
            self.ahead_s = faults.random.choice((0.0, -HOUR, 10 * MINUTE, 5 * HOUR, DAY))
            self.note(f"the clock is {self.ahead_s:.0f} s ahead now")

    def sleep(self, seconds: float) -> None:
        """Wait for something outside."""
        self.world.scheduler.sleep(seconds)

    def crash(self) -> None:
        """Lose everything in memory, and restart."""
        self.note("the process dies")
        for task in self.tasks:
            task.killed = task is not self.world.scheduler.current
        self.shop = self._start()

    def _start(self) -> Payports:
        world = self.world
        return Payports(
            merchant_id=MERCHANT,
            store=FaultyStore(world.store, self, world.faults, world.on_commit),
            gateways={account.name: self._gateway(account) for account in world.accounts},
            policy=world.policy,
            clock=self,
            ids=world.ids,
        )

    def _gateway(self, account: Account) -> ConfiguredGateway:
        world = self.world
        simulated = SimulatedGateway(account, world.bank, self, world.scheduler, world.faults, world.on_request)
        return ConfiguredGateway(
            name=account.name,
            gateway=gateway_of(simulated),
            captures_at_once=account.name in world.captures_at_once,
            awaiting_covers=account.name in world.awaiting_covers,
        )
