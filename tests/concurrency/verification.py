"""Verify a race by the bank's own ledger: compare the answers, the records and the effects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import attrs

from payports import Owner, Payment, RecordedFact
from payports.adapters.demonstrations.reconciliation import BankBook, reconcile
from payports.testing import Effect
from tests.application.fixtures import HOUR
from tests.concurrency.actions import NOTHING, Answer
from tests.concurrency.coordinator import Coordinator, Mode
from tests.concurrency.scenarios import MovedAmounts, Scenario, ScenarioBuilder

GATEWAYS: Final = frozenset({"card", "debit"})
_LIMITS: Final = {
    "AUTHORIZE": ("CAPTURE", "REVERSE_AUTH"),
    "CAPTURE": ("REFUND", "VOID"),
    "AUTHORIZE_AND_CAPTURE": ("REFUND", "VOID"),
}
MODES: Final = tuple(Mode)
_SUCCESSES: Final = (
    "TransactionReport",
    "CheckedOut",
    "OrderReport",
    "tuple",
    "received",
    "MaintenanceReport",
    "Delivery",
    NOTHING,
)
_REFUSALS: Final = (
    "AmountNotAvailable",
    "OperationNotAllowed",
    "PaymentsFailed",
    "Declined",
    "ResultUnknown",
    "NotExecuted",
)
_ANSWERS: Final = frozenset({*_SUCCESSES, *_REFUSALS})


@attrs.define
class RaceVerifier:
    """Runs races one after another, and remembers where each begins in the bank's ledger."""

    coordinator: Coordinator
    folder: Path
    position: int = 0

    def run(self, build: Callable[[ScenarioBuilder], Scenario], name: str, mode: Mode, seed: str) -> list[str]:
        """Run one race; return what went wrong."""
        random = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        scenario = build(ScenarioBuilder(self.coordinator, name, random, self.folder))
        answers = self.coordinator.race(scenario.tasks, mode, random)
        if scenario.log:
            self._deliver_remaining(scenario.log)
        immediately = self._payments(scenario)
        self._quiesce()
        effects = tuple(self.coordinator.bank.iter_effects(self.position))
        self.position = effects[-1].position if effects else self.position
        moved = MovedAmounts()
        for effect in effects:
            moved[effect.type.value] += effect.amount.minor
        problems = [
            scenario.verdict(answers, moved),
            *_problems(answers, immediately, self._payments(scenario), effects),
        ]
        problems += self._history_problems(scenario)
        if scenario.log:
            problems += self._delivery_problems(scenario, scenario.log)
        return [f"{problem}; answers: {answers}" for problem in problems if problem]

    def _payments(self, scenario: Scenario) -> list[Payment]:
        shop = self.coordinator.shop
        return [
            payment for owner in scenario.owners for payment in shop.payments.of_owner(Owner("cart", owner)).unwrap()
        ]

    def _quiesce(self) -> None:
        """Run maintenance until nothing is left, without the workers."""
        self.coordinator.clock.ahead_s = 4 * HOUR
        while self.coordinator.shop.maintenance.run().unwrap().more:
            pass
        self.coordinator.clock.ahead_s = 0
        self.coordinator.bank.webhooks()

    def _deliver_remaining(self, log: Path) -> None:
        def handle(recorded: RecordedFact) -> None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([recorded.fact.payment_id, recorded.sequence, "coordinator"]) + "\n")

        self.coordinator.shop.events.deliver(handle).unwrap()

    def _history_problems(self, scenario: Scenario) -> Iterator[str]:
        """Check that the history has no gap, and records each transaction and each observation once."""
        for payment in self._payments(scenario):
            history = self.coordinator.shop.events.history(payment.id).unwrap()
            if [fact.sequence for fact in history] != list(range(1, len(history) + 1)):
                yield f"the history of {payment.id} has gaps"
            counts = Counter((fact.fact.kind, fact.fact.transaction_id) for fact in history)
            for transaction in payment.transactions:
                entries = counts["transaction.recorded", transaction.id], counts["transaction.observed", transaction.id]
                if entries != (1, len(transaction.seen)):
                    yield f"of {transaction.id} the history has {entries} entries, and {len(transaction.seen)} things were seen"

    def _delivery_problems(self, scenario: Scenario, log: Path) -> Iterator[str]:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        first: dict[str, list[int]] = {}
        for payment_id, sequence, _ in lines:
            sequences = first.setdefault(payment_id, [])
            if sequence not in sequences:
                sequences.append(sequence)
        for payment in self._payments(scenario):
            recorded = [fact.sequence for fact in self.coordinator.shop.events.history(payment.id).unwrap()]
            if first.get(payment.id) != recorded:
                yield f"the facts {recorded} were delivered as {first.get(payment.id)}"


def _problems(
    answers: Sequence[Answer], immediately: Sequence[Payment], payments: Sequence[Payment], effects: Sequence[Effect]
) -> Iterator[str]:
    if any(answer.is_busy for answer in answers):
        yield "a worker is starved"
    yield from (
        f"{answer.kind} is not an expected answer"
        for answer in answers
        if answer.kind not in _ANSWERS and not answer.is_busy
    )
    yield from _promises(answers, immediately)
    yield from _beyond_limits(effects)
    keys = Counter(effect.transaction_id for effect in effects if effect.transaction_id)
    yield from (f"{key} had {times} effects" for key, times in keys.items() if times > 1)
    book = BankBook(name="bank", gateways=GATEWAYS, effects=lambda: effects)
    yield from (difference.message for difference in reconcile(payments, [book]).examples)
    for payment in payments:
        yield from (
            f"{transaction.id} is still unknown" for transaction in payment.transactions if transaction.indeterminate
        )
        yield from (
            f"{transaction.id} has a discrepancy" for transaction in payment.transactions if transaction.discrepancy
        )


def _promises(answers: Sequence[Answer], payments: Iterable[Payment]) -> Iterator[str]:
    """Check that every reported success is in the ledger."""
    kept = {transaction.id for payment in payments for transaction in payment.transactions if transaction.succeeded}
    for answer in answers:
        yield from (
            f"{transaction_id} was reported as a success, but is not in the ledger"
            for transaction_id in answer.transactions
            if transaction_id not in kept
        )


def _beyond_limits(effects: Sequence[Effect]) -> Iterator[str]:
    for parent in effects:
        types = _LIMITS.get(parent.type.value, ())
        children = [
            effect
            for effect in effects
            if effect.parent_reference == parent.gateway_reference and effect.type.value in types
        ]
        voided = {effect.parent_reference for effect in effects if effect.type.value == "VOID"}
        used = sum(child.amount.minor for child in children if child.gateway_reference not in voided)
        if used > parent.amount.minor:
            yield f"{used} was taken of {parent.type} {parent.amount}"
