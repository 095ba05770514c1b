"""One run: draw a world from a seed, let it storm for so many steps, then let everything be honest, and judge."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from tempfile import TemporaryDirectory
from typing import Final

import attrs

from payports.adapters.repositories.memory import connect as open_memory
from payports.adapters.repositories.sqlite import connect as open_sqlite
from payports.application.kernel.policy import Policy
from payports.domain.capabilities import PartialCapture
from payports.domain.fulfilment import Split
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest
from payports.ports.store import Store
from payports.testing.simulation.actors import BankClerk, Courier, Deliverer, Worker
from payports.testing.simulation.bank import Account, SimulatedBank, terms_of
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, Weather
from payports.testing.simulation.host import Host
from payports.testing.simulation.invariants import check_change, check_intent
from payports.testing.simulation.judging import Judge
from payports.testing.simulation.people import Clerk, Dealer, Shopper
from payports.testing.simulation.planted_bugs import PLANTED_BUGS
from payports.testing.simulation.processes import MERCHANT, BankTime, CountedIds, Process, Surroundings
from payports.testing.simulation.scheduler import Killed, Scheduler, Task
from payports.testing.simulation.violation import Violation

STAFF: Final = (
    (Shopper, Shopper, Clerk, Courier, Worker, Deliverer),
    (Shopper, Dealer, Courier, Worker, Deliverer),
    (Shopper, Clerk, Dealer, BankClerk),
)
"""Who works with which process."""

PAUSES_S: Final = {
    Shopper: (1.0, 2 * HOUR),
    Clerk: (1.0, 2 * HOUR),
    Dealer: (1.0, 2 * HOUR),
    Courier: (1.0, 10 * MINUTE),
    Deliverer: (MINUTE, 6 * HOUR),
    Worker: (30.0, 3 * HOUR),
    BankClerk: (6 * HOUR, 3 * DAY),
}
"""How long each rests between two acts, at least and at most."""


@attrs.frozen(kw_only=True)
class Settings:
    """How to run: so many ``steps`` of storm, over which ``store``, with which bug planted. ``show`` is told of every step."""

    steps: int = 4_000
    store: str = "memory"
    plant: str = ""
    show: Callable[[str], object] | None = None


@attrs.frozen(kw_only=True)
class Run:
    """What a run came to. Equal ``digest``, equal run. ``violation``: what was broken, with the ``last`` steps before it."""

    seed: int
    steps: int
    digest: str
    effects: int
    days: float
    violation: str = ""
    last: tuple[str, ...] = ()


def simulate(seed: int, settings: Settings | None = None) -> Run:
    """Run one seed. A broken promise, or an exception that no service should raise, is told in the answer."""
    how = settings or Settings()
    scheduler = Scheduler(seed, how.steps, how.show)
    violation = ""
    with ExitStack() as stack:
        host, around = Host(), _surroundings(scheduler, _store(how.store, scheduler, stack))
        if how.plant:
            PLANTED_BUGS[how.plant](around, stack)
        around = _watched(around, host)
        try:
            _storm(around, host)
            around.weather.honest = True
            Judge(around, host, Process(around)).judge()
        except (Violation, Killed) as broken:
            violation = str(scheduler.failure or broken)
        except Exception as raised:  # noqa: BLE001 -- no service raises for a business outcome
            violation = f"raised {type(raised).__name__}: {raised}"
    return Run(
        seed=seed,
        steps=scheduler.steps,
        digest=scheduler.digest,
        effects=len(around.bank.effects()),
        days=scheduler.now / DAY,
        violation=violation,
        last=tuple(scheduler.last) if violation else (),
    )


def _surroundings(scheduler: Scheduler, store: Store) -> Surroundings:
    chance = scheduler.random
    weather = Weather.of(chance)
    fenced = chance.random() < 0.6
    settled_only = chance.random() < 0.2
    gift = terms_of(chance.choice(tuple(PartialCapture)), settled_only=False)
    usual = terms_of(PartialCapture.MULTIPLE, settled_only=settled_only)
    return Surroundings(
        scheduler=scheduler,
        weather=weather,
        bank=SimulatedBank(scheduler, weather),
        accounts=(
            Account(name="card", terms=usual, lenient=chance.random() < 0.5, fences=True),
            Account(name="sale", terms=usual, lenient=chance.random() < 0.5, fences=fenced),
            Account(name="gift", terms=gift, lenient=False, fences=fenced),
        ),
        store=store,
        ids=CountedIds(),
        policy=Policy(
            checkout_priority=("card", "sale", "gift"),
            split=chance.choice(tuple(Split)),
            rollback_immediately=chance.random() < 0.5,
            abandoned_after=timedelta(hours=chance.choice((3, 24))),
        ),
        captures_at_once=frozenset({"sale"}),
        awaiting_covers=frozenset({"sale"} if chance.random() < 0.3 else ()),
    )


def _store(name: str, scheduler: Scheduler, stack: ExitStack) -> Store:
    clock = BankTime(scheduler)
    if name == "memory":
        store = open_memory("memory:", {}, clock)
    else:
        folder = stack.enter_context(TemporaryDirectory())
        store = open_sqlite(f"sqlite:///{folder}/simulation.db", {"synchronous": "NORMAL"}, clock)
    stack.callback(store.close)
    return store


def _watched(around: Surroundings, host: Host) -> Surroundings:
    """The same with the invariants watching every commit and every request."""
    repository = around.store.of(MERCHANT)

    def committed(commit: Commit) -> None:
        for change in commit.changes:
            check_change(change)
            host.seen(change.after)

    def sending(request: PaymentRequest) -> None:
        try:
            check_intent(repository, request)
        except Violation as broken:  # the service would take it for an adapter's mistake
            around.scheduler.fail(broken)

    return attrs.evolve(around, committed=committed, sending=sending)


def _storm(around: Surroundings, host: Host) -> None:
    pace = around.scheduler.random.choice((1.0, 1.0, 5.0, 20.0))
    tasks: list[Task] = []
    for number, staff in enumerate(STAFF):
        process = Process(around)
        for place, kind in enumerate(staff):
            least, most = PAUSES_S[kind]
            pause = partial(around.weather.between, least, most * pace)
            process.tasks.append(Task(f"{number}.{place} {kind.__name__}", kind(process, host).act, pause))
        tasks += process.tasks
    around.scheduler.run(tasks)
