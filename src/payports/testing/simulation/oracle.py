"""The oracle: what must hold for the bank's ledger whatever the shop believes, computed from the bank's effects alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus
from payports.testing.simulation.violation import require

INITIATING: Final = ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")
CAPTURING: Final = ("CAPTURE", "AUTHORIZE_AND_CAPTURE")


class Effect(Protocol):
    """An effect as a bank reports it."""

    @property
    def transaction_id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def amount(self) -> Money: ...
    @property
    def gateway_reference(self) -> str: ...
    @property
    def parent_reference(self) -> str: ...


class BankLedger:
    """The effects of all banks, by reference and by parent."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.effects: Sequence[Effect] = tuple(effects)
        self.children: Mapping[str, list[Effect]] = defaultdict(list)
        for effect in self.effects:
            self.children[effect.parent_reference].append(effect)

    def sum_of(self, parent: Effect, *kinds: str) -> int:
        return sum(child.amount.minor for child in self.children[parent.gateway_reference] if child.type in kinds)

    def undone(self, capture: Effect) -> int:
        """The captured amount that was given or taken back."""
        lost = [child for child in self.children[capture.gateway_reference] if child.type == "CHARGEBACK"]
        won_back = sum(self.sum_of(chargeback, "CHARGEBACK_REVERSAL") for chargeback in lost)
        return self.sum_of(capture, "REFUND", "VOID", "CHARGEBACK") - won_back

    def captured(self, hold: Effect) -> int:
        """The captured amount of an authorization; a voided capture returns to it."""
        captures = [child for child in self.children[hold.gateway_reference] if child.type == "CAPTURE"]
        return sum(capture.amount.minor - self.sum_of(capture, "VOID") for capture in captures)

    def kept(self, start: Effect) -> int:
        """The amount of an authorization or sale that the bank or the shop still holds."""
        if start.type == "AUTHORIZE_AND_CAPTURE":
            return start.amount.minor - self.undone(start)
        captures = [child for child in self.children[start.gateway_reference] if child.type == "CAPTURE"]
        back = sum(self.undone(capture) - self.sum_of(capture, "VOID") for capture in captures)
        return start.amount.minor - self.sum_of(start, "REVERSE_AUTH") - back


def check_limits(ledger: BankLedger) -> None:
    """Check that captures fit the authorization and refunds the capture, that each key has one effect, and that nothing is settled twice
    or voided after.
    """
    for effect in ledger.effects:
        if effect.type == "AUTHORIZE":
            require(
                ledger.captured(effect) + ledger.sum_of(effect, "REVERSE_AUTH") <= effect.amount.minor,
                f"more was captured or reversed than authorized: {effect}",
            )
        if effect.type in CAPTURING:
            require(ledger.undone(effect) <= effect.amount.minor, f"more was given back than captured: {effect}")
            settled = [child for child in ledger.children[effect.gateway_reference] if child.type == "SETTLED"]
            require(len(settled) <= 1, f"settled twice: {effect}")
            require(not (settled and ledger.sum_of(effect, "VOID")), f"settled and voided: {effect}")
    keys = Counter(effect.transaction_id for effect in ledger.effects if effect.transaction_id)
    require(all(times == 1 for times in keys.values()), f"a key had two effects: {keys.most_common(1)}")
    references = Counter(effect.gateway_reference for effect in ledger.effects)
    require(all(times == 1 for times in references.values()), "a reference has two effects")


def check_payments(ledger: BankLedger, payments: Sequence[Payment], largest: Mapping[str, int]) -> None:
    """Check that every effect has a record in the shop, and no payment ever holds more than its amount."""
    owners = {transaction.id: payment.id for payment in payments for transaction in payment.transactions}
    held: Counter[str] = Counter()
    for effect in ledger.effects:
        if effect.transaction_id:
            require(effect.transaction_id in owners, f"the shop has no record of {effect}")
        if effect.type in INITIATING:
            held[owners[effect.transaction_id]] += ledger.kept(effect)
    for payment_id, minor in held.items():
        most = largest[payment_id]
        require(minor <= most, f"payment {payment_id} holds {minor} of at most {most}")


def check_due_dates(payments: Sequence[Payment]) -> None:
    """Check that every unknown result has a due date for recovery."""
    for payment in payments:
        for transaction in payment.transactions:
            if transaction.indeterminate and not transaction.discrepancy and not transaction.implied_by:
                require(transaction.due_at is not None, f"{transaction.id} is unknown and has no due date")


def check_truth(ledger: BankLedger, payments: Sequence[Payment], attention: set[str]) -> None:
    """Check the end of a run: only discrepancies are unresolved, and our ledger equals the bank's to the cent."""
    disputed = {
        transaction.id for payment in payments for transaction in payment.transactions if transaction.discrepancy
    }
    require(disputed <= attention, f"discrepancies that attention does not show: {disputed - attention}")
    ours: Counter[tuple[str, str, int]] = Counter()
    unsure = {
        _implied_on(payment, transaction)
        for payment in payments
        for transaction in payment.transactions
        if transaction.id in disputed
    }
    unsure.discard("")
    for payment in payments:
        for transaction in payment.transactions:
            if (
                transaction.id in disputed
                or {transaction.parent_id, transaction.implied_by, _name(payment, transaction)} & unsure
            ):  # a parent comes before its children
                unsure |= {transaction.gateway_reference, transaction.id, _name(payment, transaction)} - {""}
                continue
            require(not transaction.indeterminate, f"{transaction.id} of {payment.id} is still unknown")
            if transaction.reversal == "FAILED_REVERSAL":
                require(transaction.id in attention, f"the failed reversal of {transaction.id} is not shown")
            if transaction.status is TransactionStatus.SUCCEEDED:
                ours[_name(payment, transaction), str(transaction.type), transaction.amount.minor] += 1
    theirs: Counter[tuple[str, str, int]] = Counter()
    for effect in ledger.effects:
        implied = effect.type == "REVERSE_AUTH" and not effect.transaction_id and _is_implied(effect, payments)
        name = f"implied on {effect.parent_reference}" if implied else effect.gateway_reference
        if {name, effect.gateway_reference, effect.transaction_id, effect.parent_reference} & unsure:
            unsure.add(effect.gateway_reference)  # what others built on it has no place in our ledger
            continue
        theirs[name, str(effect.type), effect.amount.minor] += 1
    require(ours == theirs, f"only ours: {ours - theirs}, only the bank's: {theirs - ours}")


def _name(payment: Payment, transaction: Transaction) -> str:
    return _implied_on(payment, transaction) if transaction.implied_by else transaction.gateway_reference


def _implied_on(payment: Payment, transaction: Transaction) -> str:
    """Name an amount released with a capture, which has no reference at the bank, by its authorization."""
    parent = payment.parent_of(transaction)
    return f"implied on {parent.gateway_reference}" if parent else ""


def _is_implied(effect: Effect, payments: Sequence[Payment]) -> bool:
    known = {transaction.gateway_reference for payment in payments for transaction in payment.transactions}
    return effect.gateway_reference not in known
