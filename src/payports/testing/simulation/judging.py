"""The end of a run: the bank becomes truthful, the network good; maintenance runs until nothing is due, and the bank's ledger judges.

What a person did in the bank's dashboard may exceed a limit: then it must be shown as a discrepancy, and no promise is broken.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from payports.adapters.gateways.book.entries import EntryState
from payports.domain.checkout import CheckoutState
from payports.domain.payment import Payment
from payports.ports.store import PaymentRepository
from payports.testing.simulation.actors import Courier, Deliverer
from payports.testing.simulation.faults import HOUR
from payports.testing.simulation.host import Host
from payports.testing.simulation.oracle import World, check_limits, check_payments, check_rows, check_truth
from payports.testing.simulation.processes import MERCHANT, Process, Surroundings
from payports.testing.simulation.violation import demand

MOST_ROUNDS: Final = 150
FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)
_OWED: Final = ("REVERSAL_CANDIDATE", "REQUIRES_REVERSAL", "REVERSAL_IN_PROGRESS", "FAILED_REVERSAL")
_OPEN: Final = (CheckoutState.RUNNING, CheckoutState.ACTION_REQUIRED, CheckoutState.AWAITING_RESULTS)


class Judge:
    """Lets the storm die down, then compares. ``process`` is the last one, and everything is well with it."""

    def __init__(self, around: Surroundings, host: Host, process: Process) -> None:
        self.around = around
        self.host = host
        self.process = process

    @property
    def store(self) -> PaymentRepository:
        """The store as it is, without faults and steps."""
        return self.around.store.of(MERCHANT)

    def judge(self) -> None:
        """Let everything be settled, and check all promises."""
        self.settle_down()
        payments = self.store.payments(limit=10_000)
        shown = self.process.shop.maintenance.needs_attention().unwrap()
        attention = {item.transaction_id for item in shown}
        world = World(self.around.bank.effects())
        check_limits(World(effect for effect in world.effects if self._is_ours(effect.gateway_reference)))
        check_payments(world, payments, self.host.largest)
        check_rows(payments)
        check_truth(world, payments, attention)
        for payment in payments:
            self._check_history(payment)
        self._check_checkouts(world, payments, attention)
        self._check_requests(world, payments)
        self._check_audit()

    def settle_down(self) -> None:
        """Deliver everything, let time pass and maintenance run, until nothing is due."""
        courier, deliverer = Courier(self.process, self.host), Deliverer(self.process, self.host)
        bank, scheduler = self.around.bank, self.around.scheduler
        for _ in range(MOST_ROUNDS):
            for state in (EntryState.PENDING, EntryState.ACTION):
                for entry in bank.unfinished(state):
                    bank.finish(entry.reference, scheduler.random.random() < 0.5)
            scheduler.sleep(7 * HOUR + 1)
            while bank.pending:
                courier.bring(bank.pending[0])
            done = self.process.shop.maintenance.run().unwrap()
            open_ones = self.store.open_checkouts(FAR) or self.store.parked(FAR) or bank.pending
            if (
                not open_ones
                and not done.checkouts_concluded
                and not any(map(self._may_change, self.store.due(FAR, 10_000)))
            ):
                break
        deliverer.act()

    def _is_ours(self, reference: str) -> bool:
        return self.around.bank.entries[reference].root not in self.around.bank.outside

    def _may_change(self, payment_id: str) -> bool:
        """Tell whether time alone may still change a payment; a reversal that the bank never allows is tried for ever, and shown."""
        payment = self.store.payment(payment_id)
        for transaction in payment.transactions if payment else ():
            hopeless = transaction.reversal == "FAILED_REVERSAL" and transaction.look_ups > 6
            unfinished = transaction.may_have_happened and not transaction.succeeded and not transaction.discrepancy
            if transaction.due_at and not hopeless and (unfinished or transaction.reversal in _OWED):
                return True
        return False

    def _check_history(self, payment: Payment) -> None:
        """The facts of a payment are numbered without a gap, and the host was handed all of them in that order."""
        facts = self.store.history(payment.id)
        demand([fact.sequence for fact in facts] == list(range(1, len(facts) + 1)), f"{payment.id} has a gap")
        handed = self.host.handed[payment.id]
        demand(handed == [fact.position for fact in facts], f"of {len(facts)} facts of {payment.id} {len(handed)} came")

    def _check_checkouts(self, world: World, payments: tuple[Payment, ...], attention: set[str]) -> None:
        """No hold without an order, and no order without cover, unless a person is shown why."""
        kept = {effect.transaction_id: world.kept(effect) for effect in world.effects if effect.transaction_id}
        for basket in self.host.baskets:
            record = self.store.checkout(basket.owner)
            demand(record is None or record.state not in _OPEN, f"the checkout of {basket.id} was never concluded")
            rows = [
                transaction
                for payment in payments
                if payment.owner == basket.owner
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
                demand(not left or basket.placed, f"nobody ordered {basket.id}, and the bank keeps {left}")
                continue
            undone = sum(
                transaction.amount.minor for transaction in rows if transaction.reverses and transaction.succeeded
            )
            cover = sum(transaction.amount.minor for transaction in starts if transaction.succeeded) - undone
            demand(cover >= record.total.minor, f"the order of {basket.id} over {record.total} rests on {cover}")

    def _check_audit(self) -> None:
        """An audit finds nothing that nobody knows of, but that clocks were set back."""
        audit = self.process.shop.audit
        for page in (audit.verify(limit=10_000).unwrap(), audit.verify_records(limit=10_000).unwrap()):
            for finding in page.findings:
                demand(
                    finding.known or finding.kind == "TIME",
                    f"an audit finds {finding.kind} {finding.record}{finding.payment_id}: {finding.message}",
                )

    def _check_requests(self, world: World, payments: tuple[Payment, ...]) -> None:
        """Under one key, and for one fulfilment or return, no more moved than was asked."""
        rows = {transaction.id: (payment, transaction) for payment in payments for transaction in payment.transactions}
        by_key: Counter[str] = Counter()
        by_source: Counter[tuple[str, str, str]] = Counter()
        for effect in world.effects:
            if effect.transaction_id:
                payment, row = rows[effect.transaction_id]
                by_key[row.key] += effect.amount.minor
                if row.source and row.type in ("CAPTURE", "REFUND"):
                    by_source[payment.owner.id, row.source.id, str(row.type)] += effect.amount.minor
        for key, minor in self.host.asked.items():
            demand(by_key[key] <= minor, f"{key} asked for {minor} and moved {by_key[key]}")
        for (owner, source, _), minor in by_source.items():
            asked = self.host.sources[owner, source]
            demand(minor <= asked, f"{source} of {owner} asked for {asked} and moved {minor}")
