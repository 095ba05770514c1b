"""The bank: what really happens. Its rules are those of the sandbox's book; a lenient account lets all through, so that ours are tested."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Final

import attrs

from payports.adapters.gateways.book.entries import Effect, Entry, EntryState, Order, effect_of
from payports.adapters.gateways.book.rules import Ruling, Terms, decide, fence, refuse
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import CAPTURE, INITIATING, REFUND, SETTLED
from payports.domain.transaction_types import FailureType, TransactionType
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, Fault, Weather
from payports.testing.simulation.scheduler import Scheduler
from payports.testing.simulation.violation import demand

ACTION_LIFETIME_S: Final = HOUR
_MAY_BE_PARTIAL: Final = INITIATING | {CAPTURE, REFUND}


@attrs.frozen(kw_only=True)
class Account:
    """Our account at the bank and what was agreed for it.

    ``lenient``: it does not look at what was done before. ``in_flight_s``: how long a request may be on its way, unless it ``fences``;
    ``reliable_s``: when a look-up surely finds; ``window_s``: how long a key is remembered.
    """

    name: str
    terms: Terms
    lenient: bool
    fences: bool
    in_flight_s: float = 10 * MINUTE
    reliable_s: float = 30.0
    window_s: float = DAY


@attrs.frozen(kw_only=True)
class Notice:
    """One notification: an entry as it was. Notifications of one ``number`` are repetitions."""

    number: int
    account: str
    entry: Entry
    due_at: float


class SimulatedBank:
    """Entries by reference, by key and by family. Everything that it decides by itself is the seed's choice."""

    def __init__(self, scheduler: Scheduler, weather: Weather) -> None:
        self.entries: dict[str, Entry] = {}
        self.outside: set[str] = set()
        self.sent: list[Notice] = []
        self.pending: list[int] = []
        self._scheduler = scheduler
        self._weather = weather
        self._keys: dict[tuple[str, str], str] = {}
        self._families: defaultdict[str, list[str]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._obedient = set[str]()

    # --- what an adapter may ask ---

    def execute(self, account: Account, order: Order) -> Entry:
        """Do what is asked, once a key."""
        self._obedient |= {account.name} if account.fences else set()
        known = self.find(account, order.key)
        if known:
            demand(
                known.content == order.content or known.state is EntryState.FENCED, f"{order.key} asks for two things"
            )
            forgotten = known.made_at + account.window_s < self._scheduler.now and not account.fences
            if not forgotten:
                return known
        parent = self.entries.get(order.parent)
        family = self.family(parent.root) if parent else ()
        trusting = account.lenient and all(entry.key for entry in family)
        seen = (parent,) if trusting and parent else family
        made = decide(order, seen, account.terms, self._wish(order), self._scheduler.now, self._name)
        for entry in made:
            self._write(entry)
        answer = made[0]
        if answer.state is EntryState.PENDING:
            wait = self._weather.between(MINUTE, 2 * DAY)
            self._scheduler.later(wait, lambda: self.finish(answer.reference, self._weather.random.random() < 0.8))
        if answer.state in (EntryState.DONE, EntryState.DECLINED):
            self.tell(answer)
        return answer

    def find(self, account: Account, key: str) -> Entry | None:
        """Find what a key came to; an action that nobody took in time is over."""
        reference = self._keys.get((account.name, key))
        if reference is None:
            return None
        entry = self.entries[reference]
        late = entry.made_at + ACTION_LIFETIME_S < self._scheduler.now
        if entry.state is EntryState.ACTION and late:
            return self._end(entry, refuse("action_expired", FailureType.ABANDONED))
        return entry

    def give_up(self, account: Account, key: str) -> None:
        """Let no shopper take an action any more, if one waits."""
        entry = self.find(account, key)
        if entry and entry.state is EntryState.ACTION:
            self._end(entry, refuse("action_expired", FailureType.ABANDONED))

    def burn(self, account: Account, order: Order) -> Entry:
        """Make sure that what is not known under a key never happens."""
        known = self.find(account, order.key)
        return known or self._write(fence(order, self._scheduler.now, self._name))

    # --- what happens at the bank ---

    def finish(self, reference: str, well: bool) -> None:
        """Let the result come that is awaited, or the shopper's decision; too late, nothing happens."""
        entry = self.entries[reference]
        if entry.state in (EntryState.PENDING, EntryState.ACTION):
            self._end(entry, Ruling() if well else refuse("refused", FailureType.DECLINED))

    def unfinished(self, state: EntryState) -> list[Entry]:
        """What waits for a result or for a shopper."""
        return [
            entry for entry in self.entries.values() if entry.state is state and not entry.waits_for.startswith("ca_")
        ]

    def revoke(self, entry: Entry) -> None:
        """Take back what was done, as a bank does with a bounced debit."""
        self.outside.add(entry.root)
        self._end(entry, Ruling(state=EntryState.REVOKED, code="revoked"))

    def dashboard(self, kind: TransactionType, parent: Entry, minor: int) -> None:
        """Do something that the shop did not ask for, if the rules allow it."""
        order = Order(
            account=parent.account, key="", type=kind, minor=minor, currency=parent.currency, parent=parent.reference
        )
        made = decide(order, self.family(parent.root), Terms(), Ruling(), self._scheduler.now, self._name)[0]
        if made.state is EntryState.DONE:
            self.outside |= {parent.root} if kind is not SETTLED else set()
            self.tell(self._write(made))

    # --- what is known of it ---

    def family(self, root: str) -> tuple[Entry, ...]:
        """All entries on top of a first one, and itself."""
        return tuple(self.entries[reference] for reference in self._families[root])

    def effects(self, root: str | None = None) -> list[Effect]:
        """What really happened, as the oracle reads it."""
        entries = self.entries.values() if root is None else self.family(root)
        return [effect_of(entry) for entry in entries if entry.state is EntryState.DONE]

    def tell(self, entry: Entry, *, wrong: bool = False) -> None:
        """Send a notification; it comes twice, late, out of order or, if a look-up would tell the same, not at all.

        What a shopper did after we gave up waiting is told by nothing else, unless the bank can be told to give up as well; like all that
        happens without us.
        """
        weather = self._weather
        number = next(self._numbers)
        told_to_wait = entry.waits_for and entry.account not in self._obedient
        learnable = entry.key and not told_to_wait and entry.state is not EntryState.REVOKED
        if learnable and weather.strikes(Fault.WEBHOOK_LOST):
            return
        for _ in range(1 + weather.strikes(Fault.WEBHOOK_DOUBLED)):
            late = weather.between(HOUR, 5 * DAY) if weather.strikes(Fault.WEBHOOK_LATE) else weather.between(0.1, 60)
            told = attrs.evolve(entry, minor=entry.minor + 1) if wrong else entry
            self.pending.append(len(self.sent))
            due_at = self._scheduler.now + late
            self.sent.append(Notice(number=number, account=entry.account, entry=told, due_at=due_at))

    def _wish(self, order: Order) -> Ruling:
        weather = self._weather
        if weather.strikes(Fault.DECLINED):
            return refuse("insufficient_funds", FailureType.DECLINED)
        if order.type in _MAY_BE_PARTIAL and order.minor > 1 and weather.strikes(Fault.PARTIAL):
            return Ruling(minor=order.minor // 2)
        if order.type in INITIATING and weather.strikes(Fault.ACTION):
            return Ruling(state=EntryState.ACTION, waits_for="challenge")
        return Ruling(state=EntryState.PENDING) if weather.strikes(Fault.ASYNCHRONOUS) else Ruling()

    def _end(self, entry: Entry, ruling: Ruling) -> Entry:
        ended = self._write(
            attrs.evolve(entry, state=ruling.state, code=ruling.code, failure=ruling.failure, hard=ruling.hard)
        )
        for relative in self.family(entry.root):
            if relative.waits_for == entry.reference and relative.state is entry.state:
                self._write(attrs.evolve(relative, state=ruling.state))
        self.tell(ended)
        return ended

    def _write(self, entry: Entry) -> Entry:
        if entry.reference not in self.entries:
            self._families[entry.root].append(entry.reference)
            if entry.key:
                self._keys[entry.account, entry.key] = entry.reference
        self.entries[entry.reference] = entry
        return entry

    def _name(self, kind: TransactionType) -> str:
        return f"{'ca' if kind is CAPTURE else kind.value.lower()}_{next(self._numbers)}"


def terms_of(partial: PartialCapture, *, settled_only: bool) -> Terms:
    """The terms of an account."""
    return Terms(partial_capture=partial, detached_credit=True, refund_requires_settlement=settled_only)
