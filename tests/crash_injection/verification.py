"""After a crash: recover, repeat the call, and compare the shop's records with the bank's effects."""

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
from payports.testing.simulation.oracle import BankLedger, check_due_dates, check_limits, check_payments, check_truth
from tests.crash_injection.fixtures import OWNER, WHOLE, Fixture
from tests.crash_injection.operations import Operation

PASSES: Final = 30
STEP_S: Final = 3_700
"""Longer than every first wait, and than the bank's in-flight bound."""
HORIZON: Final = timedelta(hours=7)
"""Longer than every wait, but before the warning about an expiring authorization."""

Answer = dict[str, Any]
"""An answer as JSON: the class, and the reported transactions with their ids."""


def describe(outcome: Success[Any] | Failure[Any]) -> Answer:
    """Describe an outcome as JSON."""
    if isinstance(outcome, Failure):
        problem = outcome.failure()
        return {"kind": type(problem).__name__, "text": str(problem)[:300]}
    value: object = outcome.unwrap()
    rows: list[Any] = []
    if isinstance(value, TransactionReport | OrderReport):
        reports = (value,) if isinstance(value, TransactionReport) else value.reports
        transactions = [transaction for report in reports for transaction in report.transactions]
        rows = [
            [transaction.id, str(transaction.type), str(transaction.status), transaction.amount.minor]
            for transaction in transactions
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


def without_ids(answer: Answer) -> tuple[object, ...]:
    """Leave out the ids, which differ from run to run."""
    return (answer["kind"], *sorted(tuple(row[1:]) for row in answer.get("rows", ())))


class RecoveringProcess:
    """The process after the crashed one, with the same file and the same bank."""

    def __init__(self, shop: Payports, bank: RemoteSandboxBank, clock: FixedClock, fixture: Fixture) -> None:
        self.shop = shop
        self.bank = bank
        self.clock = clock
        self.fixture = fixture
        self.store = shop.store.of("default")

    def check_at_once(self, answer: Answer) -> None:
        """Check at once: every effect has a durable record, and everything that was reported is in the file."""
        payments, ledger = self.store.payments(limit=100), BankLedger(self.bank.effects())
        check_limits(ledger)
        check_payments(ledger, payments, {payment.id: payment.amount.minor for payment in payments})
        check_due_dates(payments)
        kept = {transaction.id: str(transaction.status) for payment in payments for transaction in payment.transactions}
        for name, kind, status, _ in answer.get("rows", ()):
            if kind == "payment":
                assert name in {payment.id for payment in payments}, f"reported, but not in the file: payment {name}"
            elif name:
                assert kept.get(name) == status, f"reported as {status}, but in the file {name} is {kept.get(name)}"

    def repeat(self, operation: Operation) -> Answer:
        """Make the same call again."""
        return describe(operation.run(self.shop, self.fixture))

    def recover(self, passes: int = PASSES) -> bool:
        """Advance the clock and run maintenance until nothing is left to do; return whether it got there."""
        for _ in range(passes):
            self.clock.advance(STEP_S)
            self.shop.maintenance.run().unwrap()
            far = self.clock.now() + HORIZON
            if not self.store.due(far) and not self.store.parked(far) and not self.store.open_checkouts(far):
                return True
        return False

    def check_truth(self) -> BankLedger:
        """Check that nothing is unknown, nothing waits for a person, and both ledgers are equal."""
        attention = self.shop.maintenance.needs_attention().unwrap()
        assert all(item.kind is AttentionKind.CHARGEBACK for item in attention), attention
        payments, ledger = self.store.payments(limit=100), BankLedger(self.bank.effects())
        check_limits(ledger)
        check_truth(ledger, payments, set())
        for payment in payments:
            facts = self.store.history(payment.id)
            assert [fact.sequence for fact in facts] == list(range(1, len(facts) + 1)), "the history has a gap"
            for transaction in payment.transactions:
                assert transaction.status is not TransactionStatus.SENDING_TO_PROCESSOR, transaction
        return ledger

    def check_effects(self, operation: Operation, ledger: BankLedger) -> None:
        """Check that the bank executed the operation once; a checkout is wholly paid or wholly undone."""
        effects = ledger.effects
        if operation.effects is not None:
            done = Counter((str(effect.type), effect.amount.minor) for effect in effects)
            assert done == operation.effects, f"the bank did {dict(done)}"
        else:
            checkout = self.store.checkout(OWNER)
            placed = checkout is not None and checkout.state is CheckoutState.PLACED
            kept = sum(
                ledger.kept(effect) for effect in effects if effect.type in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")
            )
            assert kept == (WHOLE if placed else 0), f"the bank keeps {kept}, and the order is {placed=}"


def verify_recovery(
    recovering: RecoveringProcess, operation: Operation, answer: Answer, scenario: Mapping[str, Any]
) -> list[Answer]:
    """Check everything that must hold after a crash; return the answers to the repeated calls.

    Raises ``AssertionError`` if something does not hold.
    """
    recovering.check_at_once(answer)
    if scenario.get("retry"):
        recovering.check_at_once(recovering.repeat(operation))
    if deliver := scenario.get("deliver"):
        recovering.recover(3)  # as long as the network is slow there may be no end
        deliver()
    assert recovering.recover(), "maintenance does not come to an end"
    if not operation.by_notification:
        recovering.check_truth()
    answers = [recovering.repeat(operation) for _ in range(2)]
    assert recovering.recover(), "maintenance does not come to an end after the repeated calls"
    recovering.check_effects(operation, recovering.check_truth())
    assert without_ids(answers[0]) == without_ids(answers[1]) or operation.recovers, answers
    return answers
