"""Reconciliation: compare our ledger with those of the banks, transaction by transaction, to the last unit.

Every success of ours that a bank executes must be among what really happened there, under the same reference, id, type and amount,
and everything that really happened must be a success of ours. Both sides are read as streams into a file that SQLite makes and
removes by itself, so the length of the ledgers costs no memory. Compare while nobody moves money.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final

import attrs

from payports.adapters.gateways.ledger.entries import Effect
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionType
from payports.ports.store import PaymentRepository

_PAGE: Final = 500
_EXAMPLES: Final = 10
"""As many differences as a person can look at."""


@attrs.frozen(kw_only=True)
class BankBook:
    """What one bank says really happened, and which of our gateways it executes for.

    ``anonymous``: types with which it keeps no id of ours, so that they are compared without.
    """

    name: str
    gateways: frozenset[str]
    effects: Callable[[], Iterable[Effect]]
    anonymous: frozenset[TransactionType] = frozenset()


@attrs.frozen(kw_only=True)
class Difference:
    """One movement on which we and a bank do not agree. ``ours`` and ``theirs`` say what stands on each side, in words."""

    bank: str
    reference: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]

    @property
    def message(self) -> str:
        """Both sides in one line."""
        ours, theirs = ", ".join(self.ours) or "nothing", ", ".join(self.theirs) or "nothing"
        return f"{self.bank} {self.reference}: we have {ours}, the bank has {theirs}"


@attrs.frozen(kw_only=True)
class Reconciliation:
    """What the comparison found. ``examples``: the first differences. ``ours`` and ``theirs``: successes in minor units, by gateway or
    bank, type and currency code."""

    payments: int
    transactions: int
    differences: int
    examples: tuple[Difference, ...]
    ours: Counter[tuple[str, TransactionType, str]]
    theirs: Counter[tuple[str, TransactionType, str]]

    @property
    def line(self) -> str:
        """The result in one line."""
        return (
            f"ledger: {self.payments:,} payments, {self.transactions:,} transactions, {self.differences:,} differences"
        )


def all_payments(repository: PaymentRepository) -> Iterator[Payment]:
    """All payments of a merchant, page by page."""
    after = ""
    while page := repository.payments(after, _PAGE):
        yield from page
        after = page[-1].id


def reconcile(payments: Iterable[Payment], books: Sequence[BankBook]) -> Reconciliation:
    """Compare. Gateways that no book names are counted, but there is nothing to compare them with."""
    with closing(sqlite3.connect("", isolation_level=None)) as connection:  # a file of its own, which SQLite removes
        connection.execute(_TABLE)
        connection.execute("BEGIN")
        tally = _Tally(books)
        connection.executemany(_INSERT, tally.our_rows(payments))
        connection.executemany(_INSERT, tally.their_rows())
        connection.execute("CREATE INDEX by_name ON entries (bank, name)")
        connection.execute(_NAME_RELEASES)
        found = connection.execute(_COUNT).fetchone()[0]
        examples = [_difference(connection, *row) for row in connection.execute(_DIFFERENT, (_EXAMPLES,)).fetchall()]
    return Reconciliation(
        payments=tally.payments,
        transactions=tally.transactions,
        differences=found,
        examples=tuple(examples),
        ours=tally.ours,
        theirs=tally.theirs,
    )


_TABLE: Final = """CREATE TABLE entries (
    side INTEGER NOT NULL,  -- 1 ours, -1 theirs
    bank TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL,
    minor INTEGER NOT NULL, currency TEXT NOT NULL, parent TEXT NOT NULL
) STRICT"""
_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_Row = tuple[int, str, str, str, str, int, str, str]

# A release that a partial capture implies has no key and, with us, no reference: both sides name it by the hold that it frees.
_RELEASE: Final = "release of "
_NAME_RELEASES: Final = f"""UPDATE entries SET name = '{_RELEASE}' || parent
WHERE side = -1 AND id = '' AND type = 'REVERSE_AUTH' AND NOT EXISTS (
    SELECT 1 FROM entries AS ours WHERE ours.bank = entries.bank AND ours.name = entries.name AND ours.side = 1)"""  # noqa: S608 -- our words

_UNEVEN: Final = """SELECT bank, name FROM (
    SELECT bank, name, sum(side) AS net FROM entries GROUP BY bank, name, id, type, minor, currency
) WHERE net <> 0 GROUP BY bank, name"""
_COUNT: Final = f"SELECT count(*) FROM ({_UNEVEN})"  # noqa: S608 -- our own words
_DIFFERENT: Final = f"{_UNEVEN} ORDER BY bank, name LIMIT ?"
_SIDES: Final = (
    """SELECT side, type, minor, currency, id FROM entries WHERE bank = ? AND name = ? ORDER BY side, type, minor"""
)


class _Tally:
    """Turns both sides into rows, and counts them on the way."""

    def __init__(self, books: Sequence[BankBook]) -> None:
        self.books = books
        self.payments = self.transactions = 0
        self.ours: Counter[tuple[str, TransactionType, str]] = Counter()
        self.theirs: Counter[tuple[str, TransactionType, str]] = Counter()

    def our_rows(self, payments: Iterable[Payment]) -> Iterator[_Row]:
        banks = {gateway: book for book in self.books for gateway in book.gateways}
        for payment in payments:
            self.payments += 1
            self.transactions += len(payment.transactions)
            bank = banks.get(payment.gateway)
            for transaction in payment.transactions:
                if transaction.succeeded:
                    self.ours[payment.gateway, transaction.type, transaction.amount.currency.code] += (
                        transaction.amount.minor
                    )
                if transaction.succeeded and bank is not None:
                    yield _our_row(bank, payment, transaction)

    def their_rows(self) -> Iterator[_Row]:
        for book in self.books:
            for effect in book.effects():
                code = effect.amount.currency.code
                self.theirs[book.name, effect.type, code] += effect.amount.minor
                names = (effect.gateway_reference, effect.transaction_id, effect.type.value)
                yield (-1, book.name, *names, effect.amount.minor, code, effect.parent_reference)


def _our_row(bank: BankBook, payment: Payment, transaction: Transaction) -> _Row:
    parent = payment.parent_of(transaction)
    parent_reference = parent.gateway_reference if parent else ""
    named = transaction.gateway_reference or (
        f"{_RELEASE}{parent_reference}" if transaction.implied_by else f"transaction {transaction.id}"
    )
    anonymous = transaction.implied_by or transaction.observed_only or transaction.type in bank.anonymous
    asked_for = "" if anonymous else transaction.id
    return (
        1,
        bank.name,
        named,
        asked_for,
        transaction.type.value,
        transaction.amount.minor,
        transaction.amount.currency.code,
        parent_reference,
    )


def _difference(connection: sqlite3.Connection, bank: str, name: str) -> Difference:
    sides = {1: list[str](), -1: list[str]()}
    for side, kind, minor, currency, transaction_id in connection.execute(_SIDES, (bank, name)):
        line = f"{kind} {Money(minor, currency)}" + (f" of {transaction_id}" if transaction_id else "")
        sides[side].append(line)
    return Difference(bank=bank, reference=name, ours=tuple(sides[1]), theirs=tuple(sides[-1]))
