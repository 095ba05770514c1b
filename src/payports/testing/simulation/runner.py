"""One run: draw the world from a seed, run it with faults for a number of steps, then without faults, and verify."""

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
from payports.testing.simulation.background_actors import (
    BankOperator,
    EventDelivery,
    MaintenanceWorker,
    WebhookDelivery,
)
from payports.testing.simulation.bank import Account, SimulatedBank, terms_of
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, FaultInjector
from payports.testing.simulation.host import Host
from payports.testing.simulation.invariants import check_change, check_intent
from payports.testing.simulation.planted_bugs import PLANTED_BUGS
from payports.testing.simulation.processes import MERCHANT, Process, SequentialIds, SimulatedWorld, TrueClock
from payports.testing.simulation.scheduler import Killed, Scheduler, Task
from payports.testing.simulation.shop_actors import OrderClerk, PaymentClerk, Shopper
from payports.testing.simulation.verification import Verifier
from payports.testing.simulation.violation import Violation

ACTORS: Final = (
    (Shopper, Shopper, OrderClerk, WebhookDelivery, MaintenanceWorker, EventDelivery),
    (Shopper, PaymentClerk, WebhookDelivery, MaintenanceWorker, EventDelivery),
    (Shopper, OrderClerk, PaymentClerk, BankOperator),
)
"""The actors of each process."""

PAUSES_S: Final = {
    Shopper: (1.0, 2 * HOUR),
    OrderClerk: (1.0, 2 * HOUR),
    PaymentClerk: (1.0, 2 * HOUR),
    WebhookDelivery: (1.0, 10 * MINUTE),
    EventDelivery: (MINUTE, 6 * HOUR),
    MaintenanceWorker: (30.0, 3 * HOUR),
    BankOperator: (6 * HOUR, 3 * DAY),
}
"""The pause of each actor between two actions in seconds, minimum and maximum."""


@attrs.frozen(kw_only=True)
class Settings:
    """How to run: the number of ``steps`` with faults, the ``store``, and the planted bug. ``show`` gets a line per step."""

    steps: int = 4_000
    store: str = "memory"
    plant: str = ""
    show: Callable[[str], object] | None = None


@attrs.frozen(kw_only=True)
class Run:
    """The result of a run. Equal digests mean equal runs. ``violation``: the broken promise, with the ``last`` steps before it."""

    seed: int
    steps: int
    digest: str
    effects: int
    days: float
    violation: str = ""
    last: tuple[str, ...] = ()


def simulate(seed: int, settings: Settings | None = None) -> Run:
    """Run one seed. The result reports a broken promise, or an exception that no service should raise."""
    chosen = settings or Settings()
    scheduler = Scheduler(seed, chosen.steps, chosen.show)
    violation = ""
    with ExitStack() as stack:
        host, world = Host(), _draw_world(scheduler, _store(chosen.store, scheduler, stack))
        if chosen.plant:
            PLANTED_BUGS[chosen.plant](world, stack)
        world = _with_invariants(world, host)
        try:
            _run_with_faults(world, host)
            world.faults.is_off = True
            Verifier(world, host, Process(world)).verify()
        except (Violation, Killed) as broken:
            violation = str(scheduler.failure or broken)
        except Exception as raised:  # noqa: BLE001 -- no service raises for a business outcome
            violation = f"raised {type(raised).__name__}: {raised}"
    return Run(
        seed=seed,
        steps=scheduler.steps,
        digest=scheduler.digest,
        effects=len(world.bank.effects()),
        days=scheduler.now / DAY,
        violation=violation,
        last=tuple(scheduler.last) if violation else (),
    )


def _draw_world(scheduler: Scheduler, store: Store) -> SimulatedWorld:
    random = scheduler.random
    faults = FaultInjector.drawn_from(random)
    fenced = random.random() < 0.6
    settled_only = random.random() < 0.2
    gift_terms = terms_of(random.choice(tuple(PartialCapture)), settled_only=False)
    common_terms = terms_of(PartialCapture.MULTIPLE, settled_only=settled_only)
    return SimulatedWorld(
        scheduler=scheduler,
        faults=faults,
        bank=SimulatedBank(scheduler, faults),
        accounts=(
            Account(name="card", terms=common_terms, lenient=random.random() < 0.5, fences=True),
            Account(name="sale", terms=common_terms, lenient=random.random() < 0.5, fences=fenced),
            Account(name="gift", terms=gift_terms, lenient=False, fences=fenced),
        ),
        store=store,
        ids=SequentialIds(),
        policy=Policy(
            checkout_priority=("card", "sale", "gift"),
            split=random.choice(tuple(Split)),
            rollback_immediately=random.random() < 0.5,
            abandoned_after=timedelta(hours=random.choice((3, 24))),
        ),
        captures_at_once=frozenset({"sale"}),
        awaiting_covers=frozenset({"sale"} if random.random() < 0.3 else ()),
    )


def _store(name: str, scheduler: Scheduler, stack: ExitStack) -> Store:
    clock = TrueClock(scheduler)
    if name == "memory":
        store = open_memory("memory:", {}, clock)
    else:
        folder = stack.enter_context(TemporaryDirectory())
        store = open_sqlite(f"sqlite:///{folder}/simulation.db", {"synchronous": "NORMAL"}, clock)
    stack.callback(store.close)
    return store


def _with_invariants(world: SimulatedWorld, host: Host) -> SimulatedWorld:
    """Check the invariants on every commit and every request."""
    repository = world.store.of(MERCHANT)

    def on_commit(commit: Commit) -> None:
        for change in commit.changes:
            check_change(change)
            host.note_amount(change.after)

    def on_request(request: PaymentRequest) -> None:
        try:
            check_intent(repository, request)
        except Violation as broken:  # the service would take it for an adapter's mistake
            world.scheduler.fail(broken)

    return attrs.evolve(world, on_commit=on_commit, on_request=on_request)


def _run_with_faults(world: SimulatedWorld, host: Host) -> None:
    pace = world.scheduler.random.choice((1.0, 1.0, 5.0, 20.0))
    tasks: list[Task] = []
    for number, actors in enumerate(ACTORS):
        process = Process(world)
        for place, kind in enumerate(actors):
            least, most = PAUSES_S[kind]
            pause = partial(world.faults.delay_s, least, most * pace)
            process.tasks.append(Task(f"{number}.{place} {kind.__name__}", kind(process, host).act, pause))
        tasks += process.tasks
    world.scheduler.run(tasks)
