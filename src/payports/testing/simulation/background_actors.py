"""Actors that work in the background: webhook delivery, event delivery, maintenance, and the bank's own operations."""

from __future__ import annotations

from typing import Any

from returns.result import Success

from payports.adapters.gateways.ledger.entries import EntryState
from payports.application.webhooks.service import WebhookReceipt
from payports.domain.lifecycle import CAPTURE, CHARGEBACK, REFUND, REVERSE_AUTH, SETTLED, VOID
from payports.domain.outcome import Outcome
from payports.ports.store import RecordedFact
from payports.testing.simulation.faults import Fault
from payports.testing.simulation.host import Host
from payports.testing.simulation.processes import Process
from payports.testing.simulation.violation import Violation


class Actor:
    """An actor with a process to work with. Every service must answer with an outcome, and never raise."""

    def __init__(self, process: Process, host: Host) -> None:
        self.process = process
        self.host = host
        self.random = process.world.faults.random

    @property
    def shop(self) -> Any:
        """The shop of the process since its last start."""
        return self.process.shop

    def happens(self, probability: float) -> bool:
        """Decide by chance."""
        return self.random.random() < probability

    def log(self, call: str, outcome: Outcome[Any, Any]) -> Any:
        """Log the outcome of a call."""
        self.process.note(f"{call}: {_short(outcome)}")
        return outcome


class WebhookDelivery(Actor):
    """Delivers webhooks when they are due, in any order, and again until the shop accepts them."""

    def act(self) -> None:
        """Deliver one webhook."""
        bank = self.process.world.bank
        now = self.process.world.scheduler.now
        due = [number for number in bank.pending if bank.sent[number].due_at <= now]
        if due:
            self.deliver(self.random.choice(due))

    def deliver(self, number: int) -> None:
        """Deliver one webhook; it stays pending until the shop answers with 200."""
        bank = self.process.world.bank
        name = bank.sent[number].account
        outcome = self.log("notified", self.shop.webhooks.receive(name, {}, str(number).encode()))
        receipt: WebhookReceipt | None = outcome.value_or(None)
        if receipt and receipt.status_code == 200 and number in bank.pending:
            bank.pending.remove(number)


class EventDelivery(Actor):
    """Delivers facts to the host's handler, which is slow and sometimes raises."""

    def act(self) -> None:
        """Deliver all that is undelivered."""
        self.log("delivered", self.shop.events.deliver(self._handle))

    def _handle(self, recorded: RecordedFact) -> None:
        self.process.sleep(0.01)
        if self.process.world.faults.occurs(Fault.HANDLER_RAISES):
            raise RuntimeError("the host's own")
        try:
            self.host.take_fact(recorded)
        except Violation as broken:  # the service would take it for a handler that raises
            self.process.world.scheduler.fail(broken)


class MaintenanceWorker(Actor):
    """Runs maintenance."""

    def act(self) -> None:
        """Make one pass."""
        self.log("maintenance", self.shop.maintenance.run(self.random.choice((3, 100))))


class BankOperator(Actor):
    """Changes that the bank makes without the shop: settlement, dashboard operations, chargebacks, bounced debits."""

    def act(self) -> None:
        """Change one entry."""
        bank = self.process.world.bank
        executed = [entry for entry in bank.entries.values() if entry.state is EntryState.DONE]
        if not executed:
            return
        entry = self.random.choice(executed)
        if self.happens(0.7):
            for candidate in executed:
                if candidate.type in ("CAPTURE", "AUTHORIZE_AND_CAPTURE"):
                    bank.dashboard(SETTLED, candidate, candidate.minor)
        elif self.happens(0.5) and entry.type in ("REFUND", "AUTHORIZE_AND_CAPTURE"):
            if not any(relative.parent == entry.reference for relative in bank.family(entry.root)):
                bank.revoke(entry)
        else:
            kind = self.random.choice((CAPTURE, REVERSE_AUTH, VOID, REFUND, CHARGEBACK))
            bank.dashboard(kind, entry, self.random.choice((50, entry.minor)))


def _short(outcome: Outcome[Any, Any]) -> str:
    if isinstance(outcome, Success):
        return type(outcome.unwrap()).__name__
    return str(getattr(outcome.failure(), "message", outcome.failure()))
