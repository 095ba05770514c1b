"""Processes of the host: each has a shop over the common store, a clock of its own that may be wrong, and dies now and then."""

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
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, Fault, Weather
from payports.testing.simulation.gateway import SimulatedGateway, gateway_of
from payports.testing.simulation.scheduler import Killed, Scheduler, Task
from payports.testing.simulation.store import FaultyStore

MERCHANT: Final = "default"


class CountedIds(Ids):
    """Ids that are the same in every run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"id{next(self._numbers):05d}"

    def token(self) -> str:
        return f"token-of-a-checkout-{next(self._numbers):010d}"


@attrs.frozen
class BankTime(Clock):
    """The time that it really is: the bank's, and the store's."""

    scheduler: Scheduler

    def now(self) -> datetime:
        return START + timedelta(milliseconds=int(self.scheduler.now * 1_000))


def _unheard(_: object) -> None:
    """Nobody watches."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """What all processes share: the world outside. ``committed`` and ``sending`` hear of every commit and of every request."""

    scheduler: Scheduler
    weather: Weather
    bank: SimulatedBank
    accounts: tuple[Account, ...]
    store: Store
    ids: Ids
    policy: Policy
    captures_at_once: frozenset[str]
    awaiting_covers: frozenset[str]
    committed: Callable[[Commit], object] = _unheard
    sending: Callable[[PaymentRequest], object] = _unheard

    @property
    def clocks_may_jump(self) -> bool:
        """A bank that cannot burn a key leaves nothing but clocks to go by; then they must be right."""
        return all(account.fences for account in self.accounts)


class Process(Clock):
    """One process of the host. It is its own clock, and what its store and gateways wait by."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.tasks: list[Task] = []
        self.ahead_s = 0.0
        self.note = around.scheduler.note
        self.shop = self._start()

    def now(self) -> datetime:
        """The time that this process believes it is."""
        return BankTime(self.around.scheduler).now() + timedelta(seconds=self.ahead_s)

    def step(self, what: str) -> None:
        """Let others come between; then go on, unless it all ends here."""
        self.around.scheduler.step(what)
        weather = self.around.weather
        if weather.strikes(Fault.CRASH):
            self.crash()
            raise Killed
        if self.around.clocks_may_jump and weather.strikes(Fault.CLOCK_JUMP):
            self.ahead_s = weather.random.choice((0.0, -HOUR, 10 * MINUTE, 5 * HOUR, DAY))
            self.note(f"the clock is {self.ahead_s:.0f} s ahead now")

    def sleep(self, seconds: float) -> None:
        """Wait for something outside."""
        self.around.scheduler.sleep(seconds)

    def crash(self) -> None:
        """Lose all that is in memory, and start again."""
        self.note("the process dies")
        for task in self.tasks:
            task.killed = task is not self.around.scheduler.current
        self.shop = self._start()

    def _start(self) -> Payports:
        around = self.around
        return Payports(
            merchant_id=MERCHANT,
            store=FaultyStore(around.store, self, around.weather, around.committed),
            gateways={account.name: self._gateway(account) for account in around.accounts},
            policy=around.policy,
            clock=self,
            ids=around.ids,
        )

    def _gateway(self, account: Account) -> ConfiguredGateway:
        around = self.around
        simulated = SimulatedGateway(account, around.bank, self, around.scheduler, around.weather, around.sending)
        return ConfiguredGateway(
            name=account.name,
            gateway=gateway_of(simulated),
            captures_at_once=account.name in around.captures_at_once,
            awaiting_covers=account.name in around.awaiting_covers,
        )
