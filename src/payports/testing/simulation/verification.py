"""The end of a run: all faults stop, maintenance runs until nothing is due, and the bank's ledger is compared with ours.

An operation in the bank's dashboard may exceed a limit: it must then show up as a discrepancy, and breaks no promise.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from payports.adapters.gateways.ledger.entries import EntryState
from payports.domain.checkout import CheckoutState
from payports.domain.payment import Payment
from payports.ports.store import PaymentRepository
from payports.testing.simulation.background_actors import EventDelivery, WebhookDelivery
from payports.testing.simulation.faults import HOUR
from payports.testing.simulation.host import Host
from payports.testing.simulation.oracle import BankLedger, check_due_dates, check_limits, check_payments, check_truth
from payports.testing.simulation.processes import MERCHANT, Process, SimulatedWorld
from payports.testing.simulation.violation import require

MAX_ROUNDS: Final = 150
FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)
_OWED: Final = ("REVERSAL_CANDIDATE", "REQUIRES_REVERSAL", "REVERSAL_IN_PROGRESS", "FAILED_REVERSAL")
_OPEN: Final = (CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)


class Verifier:
    """Waits until everything is finished, then verifies. ``process`` is a new process without faults."""

    def __init__(self, world: SimulatedWorld, host: Host, process: Process) -> None:
        self.world = world
        self.host = host
        self.process = process

    @property
    def store(self) -> PaymentRepository:
        """The store without faults and steps."""
        return self.world.store.of(MERCHANT)

    def verify(self) -> None:
        """Finish everything, and verify all promises."""
        self.quiesce()
        payments = self.store.payments(limit=10_000)
        shown = self.process.shop.maintenance.needs_attention().unwrap()
        attention = {item.transaction_id for item in shown}
        ledger = BankLedger(self.world.bank.effects())
        check_limits(BankLedger(effect for effect in ledger.effects if self._is_ours(effect.gateway_reference)))
        check_payments(ledger, payments, self.host.largest_amounts)
        check_due_dates(payments)
        check_truth(ledger, payments, attention)
        for payment in payments:
            self._check_history(payment)
        self._check_checkouts(ledger, payments, attention)
        self._check_requests(ledger, payments)
        self._check_audit()

    def quiesce(self) -> None:
        """Deliver everything, advance the clock and run maintenance, until nothing is due."""
        webhook_delivery, event_delivery = (
            WebhookDelivery(self.process, self.host),
            EventDelivery(self.process, self.host),
        )
        bank, scheduler = self.world.bank, self.world.scheduler
        for _ in range(MAX_ROUNDS):
            for state in (EntryState.PENDING, EntryState.ACTION):
                for entry in bank.unfinished(state):
                    bank.finish(entry.reference, scheduler.random.random() < 0.5)
            scheduler.sleep(7 * HOUR + 1)
            while bank.pending:
                webhook_delivery.deliver(bank.pending[0])
            report = self.process.shop.maintenance.run().unwrap()
            open_ones = self.store.open_checkouts(FAR) or self.store.parked(FAR) or bank.pending
            if (
                not open_ones
                and not report.checkouts_concluded
                and not any(map(self._may_change, self.store.due(FAR, 10_000)))
            ):
                break
        event_delivery.act()

    def _is_ours(self, reference: str) -> bool:
        return self.world.bank.entries[reference].root not in self.world.bank.touched_outside

    def _may_change(self, payment_id: str) -> bool:
        """Whether a payment may still change with time alone. A reversal that the bank never allows is retried for ever, and shown."""
        payment = self.store.payment(payment_id)
        for transaction in payment.transactions if payment else ():
            hopeless = transaction.reversal == "FAILED_REVERSAL" and transaction.look_ups > 6
            unfinished = transaction.may_have_happened and not transaction.succeeded and not transaction.discrepancy
            if transaction.due_at and not hopeless and (unfinished or transaction.reversal in _OWED):
                return True
        return False

    def _check_history(self, payment: Payment) -> None:
        """Check that the facts of a payment have no gap, and that the host received all of them in order."""
        facts = self.store.history(payment.id)
        require(
            [fact.sequence for fact in facts] == list(range(1, len(facts) + 1)),
            f"{payment.id} has a gap in its history",
        )
        delivered = self.host.delivered_positions[payment.id]
        require(
            delivered == [fact.position for fact in facts],
            f"{len(delivered)} of {len(facts)} facts of {payment.id} were delivered in order",
        )

    def _check_checkouts(self, ledger: BankLedger, payments: tuple[Payment, ...], attention: set[str]) -> None:
        """Check that no amount is held without an order, and no order lacks cover, unless attention shows why."""
        kept = {effect.transaction_id: ledger.kept(effect) for effect in ledger.effects if effect.transaction_id}
        for cart in self.host.carts:
            record = self.store.checkout(cart.owner)
            require(record is None or record.state not in _OPEN, f"the checkout of {cart.id} was never concluded")
            rows = [
                transaction
                for payment in payments
                if payment.owner == cart.owner
                for transaction in payment.transactions
            ]
            starts = [
                transaction
                for transaction in rows
                if transaction.type in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE") and transaction.id in kept
            ]
            if {transaction.id for transaction in rows} & attention or not all(
                self._is_ours(transaction.gateway_reference) for transaction in starts
            ):
                continue
            if record is None or record.state is not CheckoutState.PLACED:
                left = {transaction.id: kept[transaction.id] for transaction in starts if kept[transaction.id]}
                require(not left or cart.placed, f"there is no order for {cart.id}, and the bank keeps {left}")
                continue
            undone = sum(
                transaction.amount.minor for transaction in rows if transaction.reverses and transaction.succeeded
            )
            cover = sum(transaction.amount.minor for transaction in starts if transaction.succeeded) - undone
            require(cover >= record.total.minor, f"the order of {cart.id} over {record.total} rests on {cover}")

    def _check_audit(self) -> None:
        """Check that an audit finds nothing unknown, except that clocks were set back."""
        audit = self.process.shop.audit
        for page in (audit.verify(limit=10_000).unwrap(), audit.verify_records(limit=10_000).unwrap()):
            for finding in page.findings:
                require(
                    finding.known or finding.kind == "TIME",
                    f"an audit finds {finding.kind} {finding.record}{finding.payment_id}: {finding.message}",
                )

    def _check_requests(self, ledger: BankLedger, payments: tuple[Payment, ...]) -> None:
        """Check that no key, fulfilment or return moved more than was requested."""
        rows = {transaction.id: (payment, transaction) for payment in payments for transaction in payment.transactions}
        by_key: Counter[str] = Counter()
        by_source: Counter[tuple[str, str, str]] = Counter()
        for effect in ledger.effects:
            if effect.transaction_id:
                payment, row = rows[effect.transaction_id]
                by_key[row.key] += effect.amount.minor
                if row.source and row.type in ("CAPTURE", "REFUND"):
                    by_source[payment.owner.id, row.source.id, str(row.type)] += effect.amount.minor
        for key, minor in self.host.requested.items():
            require(by_key[key] <= minor, f"{key} requested {minor} and moved {by_key[key]}")
        for (owner, source, _), minor in by_source.items():
            requested = self.host.sources[owner, source]
            require(minor <= requested, f"{source} of {owner} requested {requested} and moved {minor}")
