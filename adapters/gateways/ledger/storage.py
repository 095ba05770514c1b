"""A ledger in SQLite, in a file or in memory."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

import attrs

from payports.adapters.gateways.ledger.entries import Effect, Entry, EntryState, effect_of
from payports.domain.transaction_types import FailureType, TransactionType

MEMORY: Final = ":memory:"
_BUSY_S: Final = 30.0
"""How long a writer waits for a writer in another process."""

_PREFIXES: Final = {
    TransactionType.AUTHORIZE: "au",
    TransactionType.AUTHORIZE_AND_CAPTURE: "sale",
    TransactionType.CAPTURE: "ca",
    TransactionType.REVERSE_AUTH: "rev",
    TransactionType.VOID: "void",
    TransactionType.REFUND: "re",
    TransactionType.SETTLED: "set",
    TransactionType.DETACHED_CREDIT: "cr",
    TransactionType.CHARGEBACK: "cb",
    TransactionType.CHARGEBACK_REVERSAL: "cbr",
}

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE, root TEXT NOT NULL, parent TEXT NOT NULL, holder TEXT NOT NULL,
    account TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL,
    asked_minor INTEGER NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL, made_at REAL NOT NULL,
    code TEXT NOT NULL, failure TEXT, hard INTEGER NOT NULL, partial INTEGER NOT NULL, waits_for TEXT NOT NULL,
    content TEXT NOT NULL, return_url TEXT NOT NULL, pass_through TEXT NOT NULL, effect INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS entries_by_key ON entries (account, key) WHERE key <> '';
CREATE INDEX IF NOT EXISTS entries_by_root ON entries (root);
CREATE UNIQUE INDEX IF NOT EXISTS entries_by_effect ON entries (effect) WHERE effect > 0;
CREATE TABLE IF NOT EXISTS about (salt TEXT NOT NULL) STRICT;
"""

_FIELDS: Final = tuple(field.name for field in attrs.fields(Entry))
_COLUMNS: Final = ", ".join("asked_minor" if name == "requested_minor" else name for name in _FIELDS)
"""Files that exist keep the names of their tables and columns."""
_INSERT: Final = f"INSERT INTO entries ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 -- column names of ours
_SELECT: Final = f"SELECT {_COLUMNS} FROM entries"  # noqa: S608 -- column names of ours


def path_of(url: str) -> str | None:
    """Read the path from a URL, ``memory:`` or ``sqlite:///FILE``; nothing for any other."""
    if url == "memory:":
        return MEMORY
    path = url.removeprefix("sqlite:///")
    return path if path and path != url else None


class Ledger:
    """A ledger of entries. Safe to share between threads, and a file between processes: every use is one transaction.

    ``path``: a file, or ``:memory:``. ``schema``: further tables of the ledger's owner.
    """

    def __init__(self, path: str = MEMORY, schema: str = "") -> None:
        self._lock = RLock()
        self.connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._closing = weakref.finalize(self, self.connection.close)
        self.connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(_SCHEMA + schema)
        with self.writing() as execute:
            execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)", (secrets.token_hex(4),))
            self.salt: str = execute("SELECT salt FROM about").fetchone()[0]

    @contextmanager
    def writing(self) -> Generator[Any, None, None]:
        """Open a transaction, or join the open one; gives the function that executes a statement."""
        with self._lock:
            if self.connection.in_transaction:
                yield self.connection.execute
                return
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection.execute
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        with self._lock:
            self._closing()

    def namer(self) -> Callable[[TransactionType], str]:
        """Make a function that makes references unique among all ledgers. Only inside ``writing``."""
        numbers = itertools.count(self.next_position())
        return lambda kind: f"{_PREFIXES[kind]}_{self.salt}_{next(numbers):06d}"

    def under_key(self, account: str, key: str) -> Entry | None:
        """Find the entry under a key."""
        return self._one("WHERE account = ? AND key = ? AND key <> ''", account, key)

    def entry(self, reference: str) -> Entry | None:
        """Find an entry by its reference."""
        return self._one("WHERE reference = ?", reference)

    def family(self, account: str, reference: str) -> tuple[Entry, ...]:
        """List the family of an entry of this account, oldest first."""
        member = self.entry(reference)
        if member is None or member.account != account:
            return ()
        return tuple(self.entries("WHERE root = ? ORDER BY position", member.root))

    def entries(self, condition: str, *values: object) -> list[Entry]:
        """Read entries; ``condition`` is trusted SQL."""
        with self._lock:
            return [_entry(row) for row in self.connection.execute(f"{_SELECT} {condition}", values)]

    def next_position(self) -> int:
        """Compute the position of the next entry. Only inside ``writing``."""
        row = self.connection.execute("SELECT coalesce(max(position), 0) + 1 FROM entries").fetchone()
        return int(row[0])

    def add(self, new: Iterable[Entry]) -> tuple[Entry, ...]:
        """Insert entries; those that are done take effect now."""
        written: list[Entry] = []
        with self.writing() as execute:
            for entry in new:
                placed = attrs.evolve(entry, position=self.next_position(), effect=self._effect(entry))
                execute(_INSERT, _row(placed))
                written.append(placed)
        return tuple(written)

    def replace(self, changed: Entry) -> Entry:
        """Update an entry's result; if it is done now, it takes effect now."""
        changed = attrs.evolve(changed, effect=changed.effect or self._effect(changed))
        with self.writing() as execute:
            execute(
                "UPDATE entries SET state = ?, minor = ?, code = ?, failure = ?, hard = ?, effect = ? WHERE position = ?",
                (
                    changed.state,
                    changed.minor,
                    changed.code,
                    changed.failure,
                    changed.hard,
                    changed.effect,
                    changed.position,
                ),
            )
        return changed

    def effects(self, after: int = 0, limit: int = 1_000) -> tuple[Effect, ...]:
        """List one page of effects, in order; ``after`` is the position of the last effect of the page before."""
        done = self.entries(
            "WHERE effect > ? AND state = ? ORDER BY effect LIMIT ?", after, EntryState.DONE.value, limit
        )
        return tuple(effect_of(entry) for entry in done)

    def totals(self) -> dict[tuple[TransactionType, str], int]:
        """Sum the effects in minor units, by type and currency."""
        with self._lock:
            rows = self.connection.execute(
                "SELECT type, currency, sum(minor) FROM entries WHERE effect > 0 AND state = ? GROUP BY type, currency",
                (EntryState.DONE.value,),
            ).fetchall()
        return {(TransactionType(kind), currency): minor for kind, currency, minor in rows}

    def _effect(self, entry: Entry) -> int:
        if entry.state is not EntryState.DONE:
            return 0
        row = self.connection.execute("SELECT coalesce(max(effect), 0) + 1 FROM entries WHERE effect > 0").fetchone()
        return int(row[0])

    def _one(self, condition: str, *values: object) -> Entry | None:
        return next(iter(self.entries(condition, *values)), None)


def _row(entry: Entry) -> tuple[object, ...]:
    return tuple(getattr(entry, name) for name in _FIELDS)


def _entry(row: tuple[Any, ...]) -> Entry:
    fields = dict(zip(_FIELDS, row, strict=True))
    failure = fields["failure"]
    fields |= {
        "type": TransactionType(fields["type"]),
        "state": EntryState(fields["state"]),
        "failure": FailureType(failure) if failure else None,
        "hard": bool(fields["hard"]),
        "partial": bool(fields["partial"]),
    }
    return Entry(**fields)
