"""The simulated bank. It keeps the rules of the sandbox's book; a lenient account skips them, so that our own limits are tested."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Final

import attrs

from payports.adapters.gateways.ledger.entries import Effect, Entry, EntryState, LedgerRequest, effect_of
from payports.adapters.gateways.ledger.rules import AccountTerms, Decision, decide, fence, refuse
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import CAPTURE, INITIATING, REFUND, SETTLED
from payports.domain.transaction_types import FailureType, TransactionType
from payports.testing.simulation.faults import DAY, HOUR, MINUTE, Fault, FaultInjector
from payports.testing.simulation.scheduler import Scheduler
from payports.testing.simulation.violation import require

ACTION_LIFETIME_S: Final = HOUR
_MAY_BE_PARTIAL: Final = INITIATING | {CAPTURE, REFUND}


@attrs.frozen(kw_only=True)
class Account:
    """Our account at the bank, and its terms.

    ``lenient``: the bank does not check earlier transactions. ``in_flight_s``: how long a request may be in flight, unless the account
    ``fences``; ``reliable_s``: after this time a look-up always finds; ``window_s``: how long a key is remembered.
    """

    name: str
    terms: AccountTerms
    lenient: bool
    fences: bool
    in_flight_s: float = 10 * MINUTE
    reliable_s: float = 30.0
    window_s: float = DAY


@attrs.frozen(kw_only=True)
class PendingWebhook:
    """A webhook with an entry as it was. Webhooks with the same ``number`` are repetitions."""

    number: int
    account: str
    entry: Entry
    due_at: float


class SimulatedBank:
    """Entries by reference, by key and by family. The seed decides what the bank decides."""

    def __init__(self, scheduler: Scheduler, faults: FaultInjector) -> None:
        self.entries: dict[str, Entry] = {}
        self.touched_outside: set[str] = set()
        self.sent: list[PendingWebhook] = []
        self.pending: list[int] = []
        self._scheduler = scheduler
        self._faults = faults
        self._keys: dict[tuple[str, str], str] = {}
        self._families: defaultdict[str, list[str]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._fencing_accounts = set[str]()

    # --- calls of an adapter ---

    def execute(self, account: Account, order: LedgerRequest) -> Entry:
        """Execute an order, once per key."""
        self._fencing_accounts |= {account.name} if account.fences else set()
        known = self.find(account, order.key)
        if known:
            require(
                known.content == order.content or known.state is EntryState.FENCED,
                f"{order.key} is used for two different requests",
            )
            forgotten = known.made_at + account.window_s < self._scheduler.now and not account.fences
            if not forgotten:
                return known
        parent = self.entries.get(order.parent)
        family = self.family(parent.root) if parent else ()
        trusting = account.lenient and all(entry.key for entry in family)
        visible = (parent,) if trusting and parent else family
        entries = decide(order, visible, account.terms, self._draw_ruling(order), self._scheduler.now, self._name)
        for entry in entries:
            self._write(entry)
        answer = entries[0]
        if answer.state is EntryState.PENDING:
            wait = self._faults.delay_s(MINUTE, 2 * DAY)
            self._scheduler.call_later(wait, lambda: self.finish(answer.reference, self._faults.random.random() < 0.8))
        if answer.state in (EntryState.DONE, EntryState.DECLINED):
            self.send_webhook(answer)
        return answer

    def find(self, account: Account, key: str) -> Entry | None:
        """Find the entry of a key; an action that was not taken in time expires."""
        reference = self._keys.get((account.name, key))
        if reference is None:
            return None
        entry = self.entries[reference]
        expired = entry.made_at + ACTION_LIFETIME_S < self._scheduler.now
        if entry.state is EntryState.ACTION and expired:
            return self._end(entry, refuse("action_expired", FailureType.ABANDONED))
        return entry

    def give_up(self, account: Account, key: str) -> None:
        """Cancel an action that waits for the shopper."""
        entry = self.find(account, key)
        if entry and entry.state is EntryState.ACTION:
            self._end(entry, refuse("action_expired", FailureType.ABANDONED))

    def fence_key(self, account: Account, order: LedgerRequest) -> Entry:
        """Make sure that an unknown key is never executed."""
        known = self.find(account, order.key)
        return known or self._write(fence(order, self._scheduler.now, self._name))

    # --- what happens at the bank ---

    def finish(self, reference: str, succeed: bool) -> None:
        """Finish an entry that waits for its result or for the shopper; a finished entry does not change."""
        entry = self.entries[reference]
        if entry.state in (EntryState.PENDING, EntryState.ACTION):
            self._end(entry, Decision() if succeed else refuse("refused", FailureType.DECLINED))

    def unfinished(self, state: EntryState) -> list[Entry]:
        """List the entries that wait for a result or for the shopper."""
        return [
            entry for entry in self.entries.values() if entry.state is state and not entry.waits_for.startswith("ca_")
        ]

    def revoke(self, entry: Entry) -> None:
        """Revoke an entry, as for a bounced debit."""
        self.touched_outside.add(entry.root)
        self._end(entry, Decision(state=EntryState.REVOKED, code="revoked"))

    def dashboard(self, kind: TransactionType, parent: Entry, minor: int) -> None:
        """Execute an operation that the shop did not request, if the rules allow it."""
        order = LedgerRequest(
            account=parent.account, key="", type=kind, minor=minor, currency=parent.currency, parent=parent.reference
        )
        entry = decide(order, self.family(parent.root), AccountTerms(), Decision(), self._scheduler.now, self._name)[0]
        if entry.state is EntryState.DONE:
            self.touched_outside |= {parent.root} if kind is not SETTLED else set()
            self.send_webhook(self._write(entry))

    # --- queries ---

    def family(self, root: str) -> tuple[Entry, ...]:
        """The first entry of a family, and all entries built on it."""
        return tuple(self.entries[reference] for reference in self._families[root])

    def effects(self, root: str | None = None) -> list[Effect]:
        """What really happened, as the oracle reads it."""
        entries = self.entries.values() if root is None else self.family(root)
        return [effect_of(entry) for entry in entries if entry.state is EntryState.DONE]

    def send_webhook(self, entry: Entry, *, wrong: bool = False) -> None:
        """Send a webhook: twice, late, out of order or, if a look-up finds the same, not at all.

        Only a webhook tells what a shopper did after we stopped waiting, unless the bank supports giving up; the same holds for all that
        happens without us.
        """
        faults = self._faults
        number = next(self._numbers)
        awaits_shopper = entry.waits_for and entry.account not in self._fencing_accounts
        look_up_suffices = entry.key and not awaits_shopper and entry.state is not EntryState.REVOKED
        if look_up_suffices and faults.occurs(Fault.WEBHOOK_LOST):
            return
        for _ in range(1 + faults.occurs(Fault.WEBHOOK_DOUBLED)):
            delay_s = faults.delay_s(HOUR, 5 * DAY) if faults.occurs(Fault.WEBHOOK_LATE) else faults.delay_s(0.1, 60)
            sent = attrs.evolve(entry, minor=entry.minor + 1) if wrong else entry
            self.pending.append(len(self.sent))
            due_at = self._scheduler.now + delay_s
            self.sent.append(PendingWebhook(number=number, account=entry.account, entry=sent, due_at=due_at))

    def _draw_ruling(self, order: LedgerRequest) -> Decision:
        faults = self._faults
        if faults.occurs(Fault.DECLINED):
            return refuse("insufficient_funds", FailureType.DECLINED)
        if order.type in _MAY_BE_PARTIAL and order.minor > 1 and faults.occurs(Fault.PARTIAL):
            return Decision(minor=order.minor // 2)
        if order.type in INITIATING and faults.occurs(Fault.ACTION):
            return Decision(state=EntryState.ACTION, waits_for="challenge")
        return Decision(state=EntryState.PENDING) if faults.occurs(Fault.ASYNCHRONOUS) else Decision()

    def _end(self, entry: Entry, ruling: Decision) -> Entry:
        ended = self._write(
            attrs.evolve(entry, state=ruling.state, code=ruling.code, failure=ruling.failure, hard=ruling.hard)
        )
        for relative in self.family(entry.root):
            if relative.waits_for == entry.reference and relative.state is entry.state:
                self._write(attrs.evolve(relative, state=ruling.state))
        self.send_webhook(ended)
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


def terms_of(partial: PartialCapture, *, settled_only: bool) -> AccountTerms:
    """The terms of an account."""
    return AccountTerms(partial_capture=partial, detached_credit=True, refund_requires_settlement=settled_only)
