"""Judging a race by the bank's own ledger: who was told what, what we have written, and what really happened."""

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
from tests.concurrency.acts import NOTHING, Answer
from tests.concurrency.referee import Mode, Referee
from tests.concurrency.scenes import Moved, Scene, Setter

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
    "heard",
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
class Judge:
    """Runs races one after another, and remembers where in the bank's ledger each begins."""

    referee: Referee
    folder: Path
    position: int = 0

    def run(self, scene_of: Callable[[Setter], Scene], name: str, mode: Mode, seed: str) -> list[str]:
        """Run one race; gives what went wrong, in words."""
        chance = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        scene = scene_of(Setter(self.referee, name, chance, self.folder))
        answers = self.referee.race(scene.tasks, mode, chance)
        if scene.log:
            self._deliver_the_rest(scene.log)
        at_once = self._payments(scene)
        self._settle_down()
        effects = tuple(self.referee.bank.iter_effects(self.position))
        self.position = effects[-1].position if effects else self.position
        moved = Moved()
        for effect in effects:
            moved[effect.type.value] += effect.amount.minor
        found = [scene.verdict(answers, moved), *_judged(answers, at_once, self._payments(scene), effects)]
        found += self._written_down(scene)
        if scene.log:
            found += self._delivered(scene, scene.log)
        return [f"{problem}; answers: {answers}" for problem in found if problem]

    def _payments(self, scene: Scene) -> list[Payment]:
        shop = self.referee.shop
        return [payment for owner in scene.owners for payment in shop.payments.of_owner(Owner("cart", owner)).unwrap()]

    def _settle_down(self) -> None:
        """Let what the racers left be finished, without them."""
        self.referee.clock.ahead_s = 4 * HOUR
        while self.referee.shop.maintenance.run().unwrap().more:
            pass
        self.referee.clock.ahead_s = 0
        self.referee.bank.webhooks()

    def _deliver_the_rest(self, log: Path) -> None:
        def handle(recorded: RecordedFact) -> None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([recorded.fact.payment_id, recorded.sequence, "referee"]) + "\n")

        self.referee.shop.events.deliver(handle).unwrap()

    def _written_down(self, scene: Scene) -> Iterator[str]:
        """The history has no gap, and names each transaction and each thing seen of it once."""
        for payment in self._payments(scene):
            history = self.referee.shop.events.history(payment.id).unwrap()
            if [fact.sequence for fact in history] != list(range(1, len(history) + 1)):
                yield f"the history of {payment.id} has gaps"
            told = Counter((fact.fact.kind, fact.fact.transaction_id) for fact in history)
            for transaction in payment.transactions:
                entries = told["transaction.recorded", transaction.id], told["transaction.observed", transaction.id]
                if entries != (1, len(transaction.seen)):
                    yield f"of {transaction.id} the history has {entries} entries, and {len(transaction.seen)} things were seen"

    def _delivered(self, scene: Scene, log: Path) -> Iterator[str]:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        first: dict[str, list[int]] = {}
        for payment_id, sequence, _ in lines:
            there = first.setdefault(payment_id, [])
            if sequence not in there:
                there.append(sequence)
        for payment in self._payments(scene):
            told = [fact.sequence for fact in self.referee.shop.events.history(payment.id).unwrap()]
            if first.get(payment.id) != told:
                yield f"of facts {told} these were delivered, in this order: {first.get(payment.id)}"


def _judged(
    answers: Sequence[Answer], at_once: Sequence[Payment], payments: Sequence[Payment], effects: Sequence[Effect]
) -> Iterator[str]:
    if any(answer.is_busy for answer in answers):
        yield "somebody is starved"
    yield from (
        f"{answer.kind} is no answer in a race"
        for answer in answers
        if answer.kind not in _ANSWERS and not answer.is_busy
    )
    yield from _promises(answers, at_once)
    yield from _beyond_limits(effects)
    keys = Counter(effect.transaction_id for effect in effects if effect.transaction_id)
    yield from (f"{key} had {times} effects" for key, times in keys.items() if times > 1)
    book = BankBook(name="bank", gateways=GATEWAYS, effects=lambda: effects)
    yield from (difference.message for difference in reconcile(payments, [book]).examples)
    for payment in payments:
        yield from (
            f"{transaction.id} is in doubt" for transaction in payment.transactions if transaction.indeterminate
        )
        yield from (
            f"{transaction.id} contradicts itself" for transaction in payment.transactions if transaction.discrepancy
        )


def _promises(answers: Sequence[Answer], payments: Iterable[Payment]) -> Iterator[str]:
    """Whatever a racer was told must stand in the ledger."""
    kept = {transaction.id for payment in payments for transaction in payment.transactions if transaction.succeeded}
    for answer in answers:
        yield from (
            f"{transaction_id} was promised and is not there"
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
