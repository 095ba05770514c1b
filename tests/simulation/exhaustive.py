"""Exhaustive search of the lives of one payment, breadth first: all commands, all results at the bank, all orders of answer, webhook and
look-up.

A state is a payment and what the bank did of each transaction. Payments are numbered, and the result of the core for each is computed
once; so the search is over small tuples. Transactions are named by their position, which makes equal lives equal states.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from payports import (
    Failure,
    Money,
    Owner,
    Payment,
    PaymentMethod,
    Success,
    Transaction,
    TransactionStatus,
    TransactionType,
)
from payports.domain.begin import begin
from payports.domain.capabilities import USUAL_TYPES, Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.command import Command
from payports.domain.observation import Channel, Observation
from payports.domain.observe import observe
from payports.testing.clock import START

T = TransactionType
S = TransactionStatus

IN_FLIGHT, DONE, DECLINED, FENCED, PENDING, REVOKED = range(6)
"""What the bank did of a transaction; ``IN_FLIGHT``: nothing yet, but it still may."""

TRUTHS: Final = {
    DONE: S.SUCCEEDED,
    DECLINED: S.DECLINED,
    FENCED: S.NOT_EXECUTED,
    PENDING: S.AWAITING_RESULT,
    REVOKED: S.REVOKED,
}
MAY_BE: Final = (IN_FLIGHT, DONE, PENDING)
KINDS: Final = (T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE, T.CAPTURE, T.REVERSE_AUTH, T.VOID, T.REFUND)
AMOUNTS: Final = (1, 2)

CAPABILITIES: Final = Capabilities(
    types=USUAL_TYPES,
    partial_capture=PartialCapture.MULTIPLE,
    partial_refund=True,
    reverse_authorization=ReverseAuthorization.PARTIAL,
    void_restores_hold=True,
)

Bank: TypeAlias = tuple[int, ...]
State: TypeAlias = tuple[int, Bank]


@attrs.frozen
class Finding:
    """The result of a search: the number of states, and the shortest way to the first that broke a rule."""

    states: int
    depth: int
    violations: tuple[str, ...]


class Search:
    """Searches all lives of a payment of two units with at most ``rows`` transactions. ``channels``: how the result may be reported."""

    def __init__(self, rows: int = 4, channels: tuple[Channel, ...] = (Channel.WEBHOOK,)) -> None:
        self.rows = rows
        self.channels = channels
        new = Payment(
            id="p",
            owner=Owner("cart", "c"),
            amount=Money(2, "EUR"),
            gateway="g",
            method=PaymentMethod({}),
            created_at=START,
        )
        self.payments: list[Payment] = []
        self._numbers: dict[Payment, int] = {}
        self._begun: dict[tuple[int, T, int], int | None] = {}
        self._observed: dict[tuple[int, int, S, Channel], int] = {}
        self.start: State = (self._number(new), ())

    def run(self, depth: int, most: int = 10_000_000) -> Finding:
        """Search to a depth, or up to a number of states."""
        seen, frontier, level = {self.start}, [self.start], 0
        while frontier and level < depth and len(seen) < most:
            reached: list[State] = []
            for state in frontier:
                for after in self.moves(state):
                    if after not in seen:
                        seen.add(after)
                        reached.append(after)
                        if broken := self.broken(after):
                            return Finding(len(seen), level + 1, (f"{broken}: {self.told(after)}",))
            frontier, level = reached, level + 1
        return Finding(len(seen), level, ())

    def moves(self, state: State) -> Iterator[State]:
        """Yield every state that may come next."""
        number, bank = state
        for kind in KINDS if len(bank) < self.rows else ():
            for minor in AMOUNTS:
                after = self._begin(number, kind, minor)
                if after is not None:
                    new = len(self.payments[after].transactions) - len(bank)
                    yield after, (*bank, *(IN_FLIGHT for _ in range(new)))
        for row, truth in enumerate(bank):
            for next_ in self._next(number, bank, row):
                yield number, _with(bank, row, next_)
            if truth == IN_FLIGHT:
                yield self._observe(number, row, S.UNKNOWN, Channel.ANSWER), bank
                fenced = self._observe(number, row, S.NOT_EXECUTED, Channel.LOOK_UP)
                yield fenced, _with(bank, row, FENCED)
                continue
            for channel in self.channels:
                yield self._observe(number, row, TRUTHS[truth], channel), bank

    def _next(self, number: int, bank: Bank, row: int) -> tuple[int, ...]:
        """What the bank may do with a transaction. It checks no limit, but builds on nothing that is gone."""
        rows = self.payments[number].transactions
        parent = rows[row].parent_id
        builds = parent is None or bank[int(parent)] == DONE
        if bank[row] == IN_FLIGHT:
            return (DONE, DECLINED, PENDING) if builds else (DECLINED,)
        if bank[row] == PENDING:
            return (DONE, DECLINED) if builds else (DECLINED,)
        leaf = not any(
            transaction.parent_id == rows[row].id and bank[place] in MAY_BE for place, transaction in enumerate(rows)
        )
        return (REVOKED,) if bank[row] == DONE and rows[row].type is T.REFUND and leaf else ()

    def broken(self, state: State) -> str:
        """Say which rule is broken by what the bank did and may still do; empty if none. The arithmetic is its own."""
        number, bank = state
        rows = self.payments[number].transactions
        held = 0
        for place, transaction in enumerate(rows):
            children = [(other, bank[at]) for at, other in enumerate(rows) if other.parent_id == transaction.id]
            gone = sum(
                other.requested.minor for other, truth in children if truth in MAY_BE and other.type is not T.CAPTURE
            )
            if transaction.type is T.AUTHORIZE:
                taken = sum(
                    self._taken(rows, bank, other, truth) for other, truth in children if other.type is T.CAPTURE
                )
                if taken + gone > transaction.requested.minor:
                    return f"more than {transaction.requested} may go from authorization {transaction.id}"
            elif gone > transaction.requested.minor:
                return f"more than {transaction.requested} may go back of {transaction.id}"
            if transaction.parent_id is None and bank[place] in MAY_BE:
                undone = (T.REVERSE_AUTH, T.VOID)
                held += transaction.requested.minor - sum(
                    other.requested.minor for other, truth in children if truth == DONE and other.type in undone
                )
            if _claims_more(transaction.status, bank[place]):
                return f"{transaction.id} is {transaction.status}, but the bank says otherwise"
        return f"{held} may be held of 2" if held > 2 else ""

    def _taken(self, rows: tuple[Transaction, ...], bank: Bank, capture: Transaction, truth: int) -> int:
        """What a capture may have taken, minus the voids."""
        if truth not in MAY_BE:
            return 0
        back = sum(
            transaction.requested.minor
            for place, transaction in enumerate(rows)
            if transaction.parent_id == capture.id and transaction.type is T.VOID and bank[place] == DONE
        )
        return capture.requested.minor - back

    def told(self, state: State) -> str:
        """Write a state for people."""
        number, bank = state
        rows = self.payments[number].transactions
        return ", ".join(
            f"{transaction.type} {transaction.requested} on {transaction.parent_id}: {transaction.status}/{bank[at]}"
            for at, transaction in enumerate(rows)
        )

    def _begin(self, number: int, kind: T, minor: int) -> int | None:
        known = (number, kind, minor)
        if known not in self._begun:
            payment = self.payments[number]
            places = iter(range(len(payment.transactions), 99))
            command = Command(type=kind, amount=Money(minor, "EUR"))
            begun = begin(payment, command, CAPABILITIES, lambda: str(next(places)), START)
            self._begun[known] = self._number(begun.unwrap().payment) if isinstance(begun, Success) else None
        return self._begun[known]

    def _observe(self, number: int, row: int, status: S, channel: Channel) -> int:
        known = (number, row, status, channel)
        if known not in self._observed:
            payment = self.payments[number]
            seen = Observation(status=status, channel=channel, transaction_id=str(row), gateway_reference=f"r{row}")
            observed = observe(payment, seen, START)
            if isinstance(observed, Failure):
                raise AssertionError(f"{observed.failure()} of {self.told((number, (9,) * len(payment.transactions)))}")
            self._observed[known] = self._number(_canonical(observed.unwrap(), row))
        return self._observed[known]

    def _number(self, payment: Payment) -> int:
        number = self._numbers.setdefault(payment, len(self.payments))
        if number == len(self.payments):
            self.payments.append(payment)
        return number


def _canonical(payment: Payment, row: int) -> Payment:
    """Drop unknown and awaited observations once more is known, so that equal lives become equal states."""
    transaction = payment.transactions[row]
    told = tuple(seen for seen in transaction.seen if seen.status not in (S.UNKNOWN, S.AWAITING_RESULT))
    return payment.replacing(attrs.evolve(transaction, seen=told)) if told and told != transaction.seen else payment


def _with(bank: Bank, row: int, truth: int) -> Bank:
    return (*bank[:row], truth, *bank[row + 1 :])


def _claims_more(status: S, truth: int) -> bool:
    """Whether our final status contradicts the bank."""
    if status in (S.NOT_EXECUTED, S.DECLINED):
        return truth not in (FENCED, DECLINED)
    return status is S.SUCCEEDED and truth not in (DONE, REVOKED)


if __name__ == "__main__":
    depth, rows = (int(argument) for argument in sys.argv[1:3])
    searched = Search(rows).run(depth)
    print(f"{searched.states} states, {len(searched.violations)} violations", *searched.violations, sep="\n")
