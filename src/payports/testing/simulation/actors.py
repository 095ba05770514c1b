"""Who does what: here what works by itself, couriers, deliverers, maintenance and the bank's people; ``people`` has the host's."""

from __future__ import annotations

from typing import Any

from returns.result import Success

from payports.adapters.gateways.book.entries import EntryState
from payports.application.webhooks.service import WebhookReceipt
from payports.domain.lifecycle import CAPTURE, CHARGEBACK, REFUND, REVERSE_AUTH, SETTLED, VOID
from payports.domain.outcome import Outcome
from payports.ports.store import RecordedFact
from payports.testing.simulation.faults import Fault
from payports.testing.simulation.host import Host
from payports.testing.simulation.processes import Process
from payports.testing.simulation.violation import Violation


class Actor:
    """Somebody with a process to work with. Whatever a service answers must be an outcome; it never raises."""

    def __init__(self, process: Process, host: Host) -> None:
        self.process = process
        self.host = host
        self.random = process.around.weather.random

    @property
    def shop(self) -> Any:
        """The process's shop, in its present life."""
        return self.process.shop

    def chance(self, of: float) -> bool:
        """Decide."""
        return self.random.random() < of

    def tell(self, what: str, outcome: Outcome[Any, Any]) -> Any:
        """Note what somebody was told."""
        self.process.note(f"{what}: {_short(outcome)}")
        return outcome


class Courier(Actor):
    """Brings notifications when they are due, in any order; what the shop does not take is brought again."""

    def act(self) -> None:
        """Bring one notification."""
        bank = self.process.around.bank
        now = self.process.around.scheduler.now
        due = [number for number in bank.pending if bank.sent[number].due_at <= now]
        if due:
            self.bring(self.random.choice(due))

    def bring(self, number: int) -> None:
        """Bring one; it is gone only once the shop has said so."""
        bank = self.process.around.bank
        name = bank.sent[number].account
        outcome = self.tell("notified", self.shop.webhooks.receive(name, {}, str(number).encode()))
        receipt: WebhookReceipt | None = outcome.value_or(None)
        if receipt and receipt.status_code == 200 and number in bank.pending:
            bank.pending.remove(number)


class Deliverer(Actor):
    """Hands facts to the host; its handler raises now and then, and takes its time."""

    def act(self) -> None:
        """Deliver what there is."""
        self.tell("delivered", self.shop.events.deliver(self._handle))

    def _handle(self, recorded: RecordedFact) -> None:
        self.process.sleep(0.01)
        if self.process.around.weather.strikes(Fault.HANDLER_RAISES):
            raise RuntimeError("the host's own")
        try:
            self.host.hand(recorded)
        except Violation as broken:  # the service would take it for a handler that raises
            self.process.around.scheduler.fail(broken)


class Worker(Actor):
    """Runs maintenance."""

    def act(self) -> None:
        """Make one pass."""
        self.tell("maintenance", self.shop.maintenance.run(self.random.choice((3, 100))))


class BankClerk(Actor):
    """What happens at the bank without us: settlement, its dashboard, card holders who complain, debits that bounce."""

    def act(self) -> None:
        """Do one thing to one entry."""
        bank = self.process.around.bank
        done = [entry for entry in bank.entries.values() if entry.state is EntryState.DONE]
        if not done:
            return
        entry = self.random.choice(done)
        if self.chance(0.7):
            for candidate in done:
                if candidate.type in ("CAPTURE", "AUTHORIZE_AND_CAPTURE"):
                    bank.dashboard(SETTLED, candidate, candidate.minor)
        elif self.chance(0.5) and entry.type in ("REFUND", "AUTHORIZE_AND_CAPTURE"):
            if not any(relative.parent == entry.reference for relative in bank.family(entry.root)):
                bank.revoke(entry)
        else:
            kind = self.random.choice((CAPTURE, REVERSE_AUTH, VOID, REFUND, CHARGEBACK))
            bank.dashboard(kind, entry, self.random.choice((50, entry.minor)))


def _short(outcome: Outcome[Any, Any]) -> str:
    if isinstance(outcome, Success):
        return type(outcome.unwrap()).__name__
    return str(getattr(outcome.failure(), "message", outcome.failure()))
