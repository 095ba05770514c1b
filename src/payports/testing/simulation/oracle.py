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
        for one in self.effects:
            self.children[one.parent_reference].append(one)

    def sum_of(self, parent: Effect, *kinds: str) -> int:
        return sum(one.amount.minor for one in self.children[parent.gateway_reference] if one.type in kinds)

    def undone(self, capture: Effect) -> int:
        """What of captured money was given or taken back."""
        lost = [one for one in self.children[capture.gateway_reference] if one.type == "CHARGEBACK"]
        won_back = sum(self.sum_of(one, "CHARGEBACK_REVERSAL") for one in lost)
        return self.sum_of(capture, "REFUND", "VOID", "CHARGEBACK") - won_back

    def captured(self, hold: Effect) -> int:
        """What is captured of a hold: a voided capture went back to it."""
        captures = [one for one in self.children[hold.gateway_reference] if one.type == "CAPTURE"]
        return sum(one.amount.minor - self.sum_of(one, "VOID") for one in captures)

    def kept(self, start: Effect) -> int:
        """What of an authorization or sale is still held by the bank or the shop."""
        if start.type == "AUTHORIZE_AND_CAPTURE":
            return start.amount.minor - self.undone(start)
        captures = [one for one in self.children[start.gateway_reference] if one.type == "CAPTURE"]
        back = sum(self.undone(one) - self.sum_of(one, "VOID") for one in captures)
        return start.amount.minor - self.sum_of(start, "REVERSE_AUTH") - back


def check_limits(world: World) -> None:
    """Never more captured than authorised, nor more given back than captured; once a transaction; settled once and never voided."""
    for one in world.effects:
        if one.type == "AUTHORIZE":
            demand(world.captured(one) + world.sum_of(one, "REVERSE_AUTH") <= one.amount.minor, f"too much of {one}")
        if one.type in CAPTURING:
            demand(world.undone(one) <= one.amount.minor, f"too much back of {one}")
            settled = [child for child in world.children[one.gateway_reference] if child.type == "SETTLED"]
            demand(len(settled) <= 1, f"settled twice: {one}")
            demand(not (settled and world.sum_of(one, "VOID")), f"settled and voided: {one}")
    keys = Counter(one.transaction_id for one in world.effects if one.transaction_id)
    demand(all(times == 1 for times in keys.values()), f"a key had two effects: {keys.most_common(1)}")
    references = Counter(one.gateway_reference for one in world.effects)
    demand(all(times == 1 for times in references.values()), "a reference has two effects")


def check_payments(world: World, payments: Sequence[Payment], largest: Mapping[str, int]) -> None:
    """Nothing happens at the bank that the shop had not recorded before, and no payment ever holds more than its amount."""
    owners = {one.id: payment.id for payment in payments for one in payment.transactions}
    held: Counter[str] = Counter()
    for one in world.effects:
        if one.transaction_id:
            demand(one.transaction_id in owners, f"the shop has no record of {one}")
        if one.type in INITIATING:
            held[owners[one.transaction_id]] += world.kept(one)
    for payment_id, minor in held.items():
        most = largest[payment_id]
        demand(minor <= most, f"payment {payment_id} holds {minor} of at most {most}")


def check_rows(payments: Sequence[Payment]) -> None:
    """What nobody knows has a date at which somebody looks."""
    for payment in payments:
        for one in payment.transactions:
            if one.indeterminate and not one.discrepancy and not one.implied_by:
                demand(one.due_at is not None, f"nobody will look at {one.id}")


def check_truth(world: World, payments: Sequence[Payment], attention: set[str]) -> None:
    """Once all is told: nothing is unknown but what contradicts itself, and our ledger is the bank's to the cent."""
    disputed = {one.id for payment in payments for one in payment.transactions if one.discrepancy}
    demand(disputed <= attention, f"discrepancies that nobody is shown: {disputed - attention}")
    ours: Counter[tuple[str, str, int]] = Counter()
    unsure = {_implied_on(payment, one) for payment in payments for one in payment.transactions if one.id in disputed}
    unsure.discard("")
    for payment in payments:
        for one in payment.transactions:
            if (
                one.id in disputed or {one.parent_id, one.implied_by, _name(payment, one)} & unsure
            ):  # a parent comes before its children
                unsure |= {one.gateway_reference, one.id, _name(payment, one)} - {""}
                continue
            demand(not one.indeterminate, f"{one.id} of {payment.id} is still unknown")
            if one.reversal == "FAILED_REVERSAL":
                demand(one.id in attention, f"the failed reversal of {one.id} is not shown")
            if one.status is TransactionStatus.SUCCEEDED:
                ours[_name(payment, one), str(one.type), one.amount.minor] += 1
    theirs: Counter[tuple[str, str, int]] = Counter()
    for effect in world.effects:
        implied = effect.type == "REVERSE_AUTH" and not effect.transaction_id and _is_implied(effect, payments)
        name = f"implied on {effect.parent_reference}" if implied else effect.gateway_reference
        if {name, effect.gateway_reference, effect.transaction_id, effect.parent_reference} & unsure:
            unsure.add(effect.gateway_reference)  # what was done on top of it, by somebody else, has no place with us
            continue
        theirs[name, str(effect.type), effect.amount.minor] += 1
    demand(ours == theirs, f"only ours: {ours - theirs}, only the bank's: {theirs - ours}")


def _name(payment: Payment, one: Transaction) -> str:
    return _implied_on(payment, one) if one.implied_by else one.gateway_reference


def _implied_on(payment: Payment, one: Transaction) -> str:
    """What was released with a capture has no name of the bank's; what it is depends on all that was done to its hold."""
    parent = payment.parent_of(one)
    return f"implied on {parent.gateway_reference}" if parent else ""


def _is_implied(effect: Effect, payments: Sequence[Payment]) -> bool:
    known = {one.gateway_reference for payment in payments for one in payment.transactions}
    return effect.gateway_reference not in known
