"""The ledger of stored value: accounts with a balance that never falls below zero, and their statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from payports.adapters.gateways.ledger.entries import Effect, Entry, EntryState, LedgerRequest
from payports.adapters.gateways.ledger.rules import AccountTerms, Decision, decide, fence, refuse
from payports.adapters.gateways.ledger.storage import MEMORY, Ledger
from payports.domain.input_checks import check_identifier
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    DETACHED_CREDIT,
    INITIATING,
    REFUND,
    REVERSE_AUTH,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money, check_amount
from payports.domain.transaction_types import FailureType, TransactionType
from payports.ports.clock import Clock

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS accounts (
    number TEXT PRIMARY KEY, currency TEXT NOT NULL,
    balance INTEGER NOT NULL CHECK (balance BETWEEN 0 AND {MAX_MINOR})
) STRICT;
CREATE TABLE IF NOT EXISTS movements (
    position INTEGER PRIMARY KEY, number TEXT NOT NULL REFERENCES accounts, what TEXT NOT NULL, change INTEGER NOT NULL,
    currency TEXT NOT NULL, balance INTEGER NOT NULL, reference TEXT NOT NULL, key TEXT NOT NULL, made_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS movements_by_number ON movements (number);
CREATE UNIQUE INDEX IF NOT EXISTS issues_by_key ON movements (key) WHERE what = 'ISSUE';
"""


@attrs.frozen(kw_only=True)
class StatementLine:
    """One change of a balance. ``what``: ``ISSUE`` or a type of transaction; ``change_minor`` is below zero for what was taken or held."""

    what: str
    change_minor: int
    balance: Money
    reference: str
    key: str
    made_at: datetime


@attrs.frozen
class _Account:
    currency: str
    balance: int


class StoredValueLedger:
    """Accounts by number, in SQLite. ``path``: ``:memory:`` or a file. Safe to share between threads, and a file between processes."""

    def __init__(self, path: str = MEMORY, clock: Clock | None = None) -> None:
        self.clock = clock
        self._ledger = Ledger(path, _SCHEMA)

    def adopt_clock(self, clock: Clock) -> None:
        """Use this clock from now on, unless the ledger has one."""
        self.clock = self.clock or clock

    def issue(self, account: str, amount: Money, key: str) -> Money:
        """Issue value to an account, opened if it is new; gives the new balance. A repeated key changes nothing.

        ``ValueError`` for a bad number or amount, another currency than the account's, and a key that was used for something else.
        """
        problem = check_identifier("account", account) or check_amount("amount", amount) or check_identifier("key", key)
        if problem:
            raise ValueError(problem.message)
        code = amount.currency.code
        with self._ledger.writing() as execute:
            row = execute(
                "SELECT number, change, currency FROM movements WHERE key = ? AND what = 'ISSUE'", (key,)
            ).fetchone()
            if row and row != (account, amount.minor, code):
                raise ValueError("the key was used for something else")
            if not row:
                execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, 0)", (account, code))
                known = self._account(account)
                if known is None or known.currency != code or known.balance + amount.minor > MAX_MINOR:
                    raise ValueError("the account is in another currency, or would hold too much")
                self._move(account, "ISSUE", amount.minor, "", key)
            return self._balance(account)

    def balance(self, account: str) -> Money | None:
        """Find an account's balance: what is left to spend, without what is held; nothing for an unknown account."""
        with self._ledger.writing():
            return self._balance(account) if self._account(account) else None

    def statement(self, account: str) -> tuple[StatementLine, ...]:
        """List every change of an account's balance, oldest first."""
        with self._ledger.writing() as execute:
            rows = execute(
                "SELECT what, change, currency, balance, reference, key, made_at FROM movements"
                " WHERE number = ? ORDER BY position",
                (account,),
            ).fetchall()
        return tuple(_line(row) for row in rows)

    def effects(self) -> tuple[Effect, ...]:
        """List the effects of transactions, in order."""
        return tuple(self.iter_effects())

    def iter_effects(self, after: int = 0, limit: int = 1_000) -> Iterator[Effect]:
        """Iterate over the effects after a position, in pages of ``limit``."""
        while page := self._ledger.effects(after, limit):
            yield from page
            after = page[-1].position

    def totals(self) -> dict[tuple[TransactionType, str], int]:
        """Sum the effects of transactions, in minor units by type and currency code."""
        return self._ledger.totals()

    def execute(self, request: LedgerRequest, terms: AccountTerms) -> Entry:
        """Execute a request once for each key; a known key gives its entry, whatever the request."""
        with self._ledger.writing():
            known = self._ledger.under_key(request.account, request.key)
            if known:
                return known
            family = self._ledger.family(request.account, request.parent)
            entries = decide(request, family, terms, self._decision(request), self._now(), self._ledger.namer())
            return self._written(entries)[0]

    def look_up(self, request: LedgerRequest, *, fence_key: bool) -> Entry | None:
        """Find the entry under a key; with ``fence_key`` an unknown key is fenced."""
        with self._ledger.writing():
            known = self._ledger.under_key(request.account, request.key)
            if known or not fence_key:
                return known
            return self._ledger.add((fence(request, self._now(), self._ledger.namer()),))[0]

    def close(self) -> None:
        """Close the file. A ledger that is garbage-collected does so by itself."""
        self._ledger.close()

    def _decision(self, request: LedgerRequest) -> Decision:
        if request.type not in INITIATING and request.type is not DETACHED_CREDIT:
            return Decision()
        account = self._account(request.holder)
        if account is None:
            return refuse("invalid_account", FailureType.INVALID_PAYMENT_METHOD, hard=True)
        if account.currency != request.currency:
            return refuse("other_currency")
        if request.type in INITIATING and request.minor > account.balance:
            return refuse("insufficient_funds", FailureType.DECLINED)
        return Decision()

    def _written(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        written = self._ledger.add(entries)
        for entry in written:
            parent = self._ledger.entry(entry.parent) if entry.parent else None
            change = _CHANGES.get(entry.type, _none)(entry, parent) if entry.state is EntryState.DONE else 0
            if change:
                self._move(entry.holder, entry.type.value, change, entry.reference, entry.key)
        return written

    def _move(self, number: str, what: str, change: int, reference: str, key: str) -> None:
        with self._ledger.writing() as execute:
            execute("UPDATE accounts SET balance = balance + ? WHERE number = ?", (change, number))
            execute(
                "INSERT INTO movements (number, what, change, currency, balance, reference, key, made_at)"
                " SELECT number, ?, ?, currency, balance, ?, ?, ? FROM accounts WHERE number = ?",
                (what, change, reference, key, self._now(), number),
            )

    def _account(self, number: str) -> _Account | None:
        with self._ledger.writing() as execute:
            row = execute("SELECT currency, balance FROM accounts WHERE number = ?", (number,)).fetchone()
        return _Account(*row) if row else None

    def _balance(self, number: str) -> Money:
        account = self._account(number)
        if account is None:
            raise sqlite3.IntegrityError("the account is gone")
        return Money(account.balance, account.currency)

    def _now(self) -> float:
        return (self.clock.now() if self.clock else datetime.now(UTC)).timestamp()


def _none(_entry: Entry, _parent: Entry | None) -> int:
    return 0


def _takes(entry: Entry, _parent: Entry | None) -> int:
    return -entry.minor


def _gives(entry: Entry, _parent: Entry | None) -> int:
    return entry.minor


def _voids(entry: Entry, parent: Entry | None) -> int:
    """Only a voided sale changes the balance: a voided capture restores its part of the hold."""
    return entry.minor if parent and parent.type is AUTHORIZE_AND_CAPTURE else 0


_CHANGES: Final[Mapping[TransactionType, Callable[[Entry, Entry | None], int]]] = {
    AUTHORIZE: _takes,
    AUTHORIZE_AND_CAPTURE: _takes,
    REVERSE_AUTH: _gives,
    VOID: _voids,
    REFUND: _gives,
    DETACHED_CREDIT: _gives,
}
"""How each type changes the balance; a capture takes what is held already."""


def _line(row: tuple[Any, ...]) -> StatementLine:
    what, change, currency, balance, reference, key, made_at = row
    return StatementLine(
        what=what,
        change_minor=change,
        balance=Money(balance, currency),
        reference=reference,
        key=key,
        made_at=datetime.fromtimestamp(made_at, UTC),
    )
