"""What must be true of the bank's ledger whatever the shop believes: computed from the bank's effects alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus
from payports.testing.simulation.violation import demand

INITIATING: Final = ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")
CAPTURING: Final = ("CAPTURE", "AUTHORIZE_AND_CAPTURE")


class Effect(Protocol):
    """What really happened, as a bank tells it."""

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


class World:
    """The effects of all banks, by reference and by parent."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.effects: Sequence[Effect] = tuple(effects)
        self.children: Mapping[str, list[Effect]] = defaultdict(list)
        for effect in self.effects:
            self.children[effect.parent_reference].append(effect)

    def sum_of(self, parent: Effect, *kinds: str) -> int:
        return sum(child.amount.minor for child in self.children[parent.gateway_reference] if child.type in kinds)

    def undone(self, capture: Effect) -> int:
        """What of captured money was given or taken back."""
        lost = [child for child in self.children[capture.gateway_reference] if child.type == "CHARGEBACK"]
        won_back = sum(self.sum_of(chargeback, "CHARGEBACK_REVERSAL") for chargeback in lost)
        return self.sum_of(capture, "REFUND", "VOID", "CHARGEBACK") - won_back

    def captured(self, hold: Effect) -> int:
        """What is captured of a hold: a voided capture went back to it."""
        captures = [child for child in self.children[hold.gateway_reference] if child.type == "CAPTURE"]
        return sum(capture.amount.minor - self.sum_of(capture, "VOID") for capture in captures)

    def kept(self, start: Effect) -> int:
        """What of an authorization or sale is still held by the bank or the shop."""
        if start.type == "AUTHORIZE_AND_CAPTURE":
            return start.amount.minor - self.undone(start)
        captures = [child for child in self.children[start.gateway_reference] if child.type == "CAPTURE"]
        back = sum(self.undone(capture) - self.sum_of(capture, "VOID") for capture in captures)
        return start.amount.minor - self.sum_of(start, "REVERSE_AUTH") - back


def check_limits(world: World) -> None:
    """Never more captured than authorised, nor more given back than captured; once a transaction; settled once and never voided."""
    for effect in world.effects:
        if effect.type == "AUTHORIZE":
            demand(
                world.captured(effect) + world.sum_of(effect, "REVERSE_AUTH") <= effect.amount.minor,
                f"too much of {effect}",
            )
        if effect.type in CAPTURING:
            demand(world.undone(effect) <= effect.amount.minor, f"too much back of {effect}")
            settled = [child for child in world.children[effect.gateway_reference] if child.type == "SETTLED"]
            demand(len(settled) <= 1, f"settled twice: {effect}")
            demand(not (settled and world.sum_of(effect, "VOID")), f"settled and voided: {effect}")
    keys = Counter(effect.transaction_id for effect in world.effects if effect.transaction_id)
    demand(all(times == 1 for times in keys.values()), f"a key had two effects: {keys.most_common(1)}")
    references = Counter(effect.gateway_reference for effect in world.effects)
    demand(all(times == 1 for times in references.values()), "a reference has two effects")


def check_payments(world: World, payments: Sequence[Payment], largest: Mapping[str, int]) -> None:
    """Nothing happens at the bank that the shop had not recorded before, and no payment ever holds more than its amount."""
    owners = {transaction.id: payment.id for payment in payments for transaction in payment.transactions}
    held: Counter[str] = Counter()
    for effect in world.effects:
        if effect.transaction_id:
            demand(effect.transaction_id in owners, f"the shop has no record of {effect}")
        if effect.type in INITIATING:
            held[owners[effect.transaction_id]] += world.kept(effect)
    for payment_id, minor in held.items():
        most = largest[payment_id]
        demand(minor <= most, f"payment {payment_id} holds {minor} of at most {most}")


def check_rows(payments: Sequence[Payment]) -> None:
    """What nobody knows has a date at which somebody looks."""
    for payment in payments:
        for transaction in payment.transactions:
            if transaction.indeterminate and not transaction.discrepancy and not transaction.implied_by:
                demand(transaction.due_at is not None, f"nobody will look at {transaction.id}")


def check_truth(world: World, payments: Sequence[Payment], attention: set[str]) -> None:
    """Once all is told: nothing is unknown but what contradicts itself, and our ledger is the bank's to the cent."""
    disputed = {
        transaction.id for payment in payments for transaction in payment.transactions if transaction.discrepancy
    }
    demand(disputed <= attention, f"discrepancies that nobody is shown: {disputed - attention}")
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
            demand(not transaction.indeterminate, f"{transaction.id} of {payment.id} is still unknown")
            if transaction.reversal == "FAILED_REVERSAL":
                demand(transaction.id in attention, f"the failed reversal of {transaction.id} is not shown")
            if transaction.status is TransactionStatus.SUCCEEDED:
                ours[_name(payment, transaction), str(transaction.type), transaction.amount.minor] += 1
    theirs: Counter[tuple[str, str, int]] = Counter()
    for effect in world.effects:
        implied = effect.type == "REVERSE_AUTH" and not effect.transaction_id and _is_implied(effect, payments)
        name = f"implied on {effect.parent_reference}" if implied else effect.gateway_reference
        if {name, effect.gateway_reference, effect.transaction_id, effect.parent_reference} & unsure:
            unsure.add(effect.gateway_reference)  # what was done on top of it, by somebody else, has no place with us
            continue
        theirs[name, str(effect.type), effect.amount.minor] += 1
    demand(ours == theirs, f"only ours: {ours - theirs}, only the bank's: {theirs - ours}")


def _name(payment: Payment, transaction: Transaction) -> str:
    return _implied_on(payment, transaction) if transaction.implied_by else transaction.gateway_reference


def _implied_on(payment: Payment, transaction: Transaction) -> str:
    """What was released with a capture has no name of the bank's; what it is depends on all that was done to its hold."""
    parent = payment.parent_of(transaction)
    return f"implied on {parent.gateway_reference}" if parent else ""


def _is_implied(effect: Effect, payments: Sequence[Payment]) -> bool:
    known = {transaction.gateway_reference for payment in payments for transaction in payment.transactions}
    return effect.gateway_reference not in known
