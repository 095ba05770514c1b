"""After a process has died: recover, repeat, and compare what the shop believes with what the bank did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from payports import (
    AttentionKind,
    CheckedOut,
    Failure,
    OrderReport,
    Payment,
    Payports,
    Success,
    TransactionReport,
    TransactionStatus,
    WebhookReceipt,
)
from payports.domain.checkout import CheckoutState
from payports.testing import FixedClock, RemoteSandboxBank
from payports.testing.simulation.oracle import World, check_limits, check_payments, check_rows, check_truth
from tests.crash_injection.operations import Operation
from tests.crash_injection.scene import OWNER, WHOLE, Scene

PASSES: Final = 30
STEP_S: Final = 3_700
"""Longer than every first wait, and than the bank's bound of what is on its way."""
HORIZON: Final = timedelta(hours=7)
"""Longer than every wait; the warning before a hold expires is further away."""

Told = dict[str, Any]
"""What a call answered, in words that can be sent and compared: a kind, and the rows that it reports with their ids."""


def described(outcome: Success[Any] | Failure[Any]) -> Told:
    """Put an outcome into words."""
    if isinstance(outcome, Failure):
        problem = outcome.failure()
        return {"kind": type(problem).__name__, "text": str(problem)[:300]}
    value: object = outcome.unwrap()
    rows: list[Any] = []
    if isinstance(value, TransactionReport | OrderReport):
        reports = (value,) if isinstance(value, TransactionReport) else value.reports
        made = [transaction for report in reports for transaction in report.transactions]
        rows = [
            [transaction.id, str(transaction.type), str(transaction.status), transaction.amount.minor]
            for transaction in made
        ]
    elif isinstance(value, CheckedOut):
        rows = [
            [name, "", "SUCCEEDED", receipt.secured.minor]
            for receipt in value.receipts
            for name in receipt.transaction_ids
        ]
    elif isinstance(value, Payment):
        rows = [[value.id, "payment", "", value.amount.minor]]
    elif isinstance(value, WebhookReceipt):
        rows = [["", "status", str(value.status_code), 0]]
    return {"kind": type(value).__name__, "ok": True, "rows": rows}


def without_names(told: Told) -> tuple[object, ...]:
    """An answer without the ids in it, which differ from run to run."""
    return (told["kind"], *sorted(tuple(row[1:]) for row in told.get("rows", ())))


class Survivor:
    """The process that comes after the one that died, on the same file and with the same bank."""

    def __init__(self, shop: Payports, bank: RemoteSandboxBank, clock: FixedClock, scene: Scene) -> None:
        self.shop = shop
        self.bank = bank
        self.clock = clock
        self.scene = scene
        self.store = shop.store.of("default")

    def check_at_once(self, told: Told) -> None:
        """Before anything else is done: no effect without a durable record of it, and whatever was reported is in the file."""
        payments, world = self.store.payments(limit=100), World(self.bank.effects())
        check_limits(world)
        check_payments(world, payments, {payment.id: payment.amount.minor for payment in payments})
        check_rows(payments)
        kept = {transaction.id: str(transaction.status) for payment in payments for transaction in payment.transactions}
        for name, kind, status, _ in told.get("rows", ()):
            if kind == "payment":
                assert name in {payment.id for payment in payments}, f"reported, but not in the file: payment {name}"
            elif name:
                assert kept.get(name) == status, f"reported as {status}, but in the file {name} is {kept.get(name)}"

    def repeat(self, operation: Operation) -> Told:
        """Make the same call again."""
        return described(operation.run(self.shop, self.scene))

    def recover(self, passes: int = PASSES) -> bool:
        """Let time pass and maintenance run until nothing is left to do; tells whether it came so far."""
        for _ in range(passes):
            self.clock.advance(STEP_S)
            self.shop.maintenance.run().unwrap()
            far = self.clock.now() + HORIZON
            if not self.store.due(far) and not self.store.parked(far) and not self.store.open_checkouts(far):
                return True
        return False

    def check_truth(self) -> World:
        """Nothing is in doubt, nothing waits for a person, and both ledgers are equal."""
        attention = self.shop.maintenance.needs_attention().unwrap()
        assert all(item.kind is AttentionKind.CHARGEBACK for item in attention), attention
        payments, world = self.store.payments(limit=100), World(self.bank.effects())
        check_limits(world)
        check_truth(world, payments, set())
        for payment in payments:
            facts = self.store.history(payment.id)
            assert [fact.sequence for fact in facts] == list(range(1, len(facts) + 1)), "the history has a gap"
            for transaction in payment.transactions:
                assert transaction.status is not TransactionStatus.SENDING_TO_PROCESSOR, transaction
        return world

    def check_effects(self, operation: Operation, world: World) -> None:
        """The bank did what the operation is for, once; a checkout is wholly paid or wholly undone."""
        effects = world.effects
        if operation.effects is not None:
            done = Counter((str(effect.type), effect.amount.minor) for effect in effects)
            assert done == operation.effects, f"the bank did {dict(done)}"
        else:
            checkout = self.store.checkout(OWNER)
            placed = checkout is not None and checkout.state is CheckoutState.PLACED
            kept = sum(
                world.kept(effect) for effect in effects if effect.type in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")
            )
            assert kept == (WHOLE if placed else 0), f"the bank keeps {kept}, and the order is {placed=}"


def outlive(survivor: Survivor, operation: Operation, told: Told, course: Mapping[str, Any]) -> list[Told]:
    """Go through everything that must hold after a death; gives what the repetitions answered. ``AssertionError`` if something does not."""
    survivor.check_at_once(told)
    if course.get("retry"):
        survivor.check_at_once(survivor.repeat(operation))
    if deliver := course.get("deliver"):
        survivor.recover(3)  # as long as the network is slow there may be no end
        deliver()
    assert survivor.recover(), "maintenance finds no end"
    if not operation.heard:
        survivor.check_truth()
    answers = [survivor.repeat(operation) for _ in range(2)]
    assert survivor.recover(), "maintenance finds no end after a repetition"
    survivor.check_effects(operation, survivor.check_truth())
    assert without_names(answers[0]) == without_names(answers[1]) or operation.recovers, answers
    return answers
