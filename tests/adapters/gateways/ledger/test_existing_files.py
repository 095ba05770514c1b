"""A ledger file keeps the names of its tables and columns: money lies in such files, and nothing migrates them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from payports.adapters.gateways.ledger.storage import Ledger
from payports.adapters.gateways.sandbox.bank import SandboxBank

WRITTEN_BEFORE = """
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE, root TEXT NOT NULL, parent TEXT NOT NULL, holder TEXT NOT NULL,
    account TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL,
    asked_minor INTEGER NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL, made_at REAL NOT NULL,
    code TEXT NOT NULL, failure TEXT, hard INTEGER NOT NULL, partial INTEGER NOT NULL, waits_for TEXT NOT NULL,
    content TEXT NOT NULL, return_url TEXT NOT NULL, pass_through TEXT NOT NULL, effect INTEGER NOT NULL
) STRICT;
CREATE TABLE about (salt TEXT NOT NULL) STRICT;
INSERT INTO about VALUES ('5a17');
INSERT INTO entries VALUES (
    1, 'au_5a17_000001', 'au_5a17_000001', '', '', 'card', 't-1', 'AUTHORIZE', 'DONE',
    1000, 900, 'EUR', 1767225600.0, '', NULL, 0, 1, '', '', '', '{}', 1
);
"""

TABLES = {
    "about": {"salt"},
    "moods": {"position", "type", "mood"},
    "notices": {"position", "account", "items"},
    "methods": {"position", "token", "account", "customer", "mood"},
}


def test_a_file_that_was_written_before_is_read_and_goes_on_under_its_own_salt(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN_BEFORE)
    with closing(Ledger(str(path))) as ledger:
        entry = ledger.under_key("card", "t-1")
        assert entry is not None
        assert (entry.reference, entry.requested_minor, entry.minor, ledger.salt) == (
            "au_5a17_000001",
            1_000,
            900,
            "5a17",
        )


def test_the_sandbox_banks_file_has_the_tables_that_it_had(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    SandboxBank(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        for table, columns in TABLES.items():
            assert {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} == columns
