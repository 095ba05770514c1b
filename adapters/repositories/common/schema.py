"""The tables of the SQLite store, as numbered migrations that only go forward.

``docs/decisions/0028-migrations-by-user-version.md`` says why. A migration that was released is never edited: a change is a new one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x70617970
"""``payp`` in ASCII: marks a file as a store of this library."""

_FIRST: Final = (
    """
    CREATE TABLE payments (
        merchant TEXT NOT NULL,
        id TEXT NOT NULL,
        owner_kind TEXT NOT NULL,
        owner_id TEXT NOT NULL,
        type TEXT NOT NULL,
        gateway TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,
        currency TEXT NOT NULL,
        customer TEXT,
        archived INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        version INTEGER NOT NULL,
        facts INTEGER NOT NULL,  -- how many rows of history tell of it
        details TEXT NOT NULL,  -- JSON; holds tokens
        PRIMARY KEY (merchant, id)
    ) STRICT
    """,
    "CREATE INDEX payments_by_owner ON payments (merchant, owner_kind, owner_id)",
    """
    CREATE TABLE transactions (
        merchant TEXT NOT NULL,
        id TEXT NOT NULL,
        payment_id TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        type TEXT NOT NULL,
        status TEXT NOT NULL,
        requested_minor INTEGER NOT NULL,
        amount_minor INTEGER NOT NULL,
        currency TEXT NOT NULL,
        gateway TEXT NOT NULL,
        gateway_reference TEXT,
        parent_id TEXT,
        request_key TEXT NOT NULL,
        source_kind TEXT,
        source_id TEXT,
        reversal TEXT NOT NULL,
        discrepancy TEXT,
        due_at TEXT,
        created_at TEXT NOT NULL,
        details TEXT NOT NULL,  -- JSON; what was seen
        PRIMARY KEY (merchant, id),
        UNIQUE (merchant, payment_id, ordinal),
        FOREIGN KEY (merchant, payment_id) REFERENCES payments (merchant, id)
    ) STRICT
    """,
    """
    CREATE INDEX transactions_by_reference ON transactions (merchant, gateway, gateway_reference)
        WHERE gateway_reference IS NOT NULL
    """,
    "CREATE INDEX transactions_due ON transactions (merchant, due_at, payment_id) WHERE due_at IS NOT NULL",
    """
    CREATE INDEX transactions_needing_attention ON transactions (merchant, payment_id)
        WHERE discrepancy IS NOT NULL OR status = 'UNKNOWN'
            OR reversal IN ('REQUIRES_REVERSAL', 'REVERSAL_IN_PROGRESS', 'FAILED_REVERSAL')
    """,
    """
    CREATE TABLE history (
        merchant TEXT NOT NULL,
        position INTEGER NOT NULL,  -- rises in commit order
        payment_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,  -- gap-free per payment, from 1
        kind TEXT NOT NULL,
        transaction_id TEXT NOT NULL,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        details TEXT NOT NULL,  -- JSON; nothing secret
        PRIMARY KEY (merchant, position),
        UNIQUE (merchant, payment_id, sequence),
        FOREIGN KEY (merchant, payment_id) REFERENCES payments (merchant, id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    """
    CREATE TABLE delivery (  -- how far the host has been told
        merchant TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (merchant)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE requests (
        merchant TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        payment_id TEXT NOT NULL,
        plan TEXT NOT NULL,
        PRIMARY KEY (merchant, key)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE checkouts (
        merchant TEXT NOT NULL,
        owner_kind TEXT NOT NULL,
        owner_id TEXT NOT NULL,
        request_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        total_minor INTEGER NOT NULL,
        currency TEXT NOT NULL,
        state TEXT NOT NULL,
        lease_until TEXT NOT NULL,
        cart_version TEXT NOT NULL,
        customer TEXT,
        callback_token TEXT,
        started_at TEXT,
        version INTEGER NOT NULL,
        PRIMARY KEY (merchant, owner_kind, owner_id),
        UNIQUE (merchant, callback_token)
    ) STRICT
    """,
    """
    CREATE INDEX checkouts_open ON checkouts (merchant, lease_until, owner_kind, owner_id)
        WHERE state IN ('RUNNING', 'ACTION_REQUIRED', 'AWAITING_RESULTS')
    """,
    """
    CREATE TABLE saved_methods (
        merchant TEXT NOT NULL,
        id TEXT NOT NULL,
        customer TEXT NOT NULL,
        gateway TEXT NOT NULL,
        type TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at TEXT NOT NULL,
        version INTEGER NOT NULL,
        details TEXT NOT NULL,  -- JSON; holds tokens
        PRIMARY KEY (merchant, id)
    ) STRICT
    """,
    "CREATE INDEX saved_methods_by_customer ON saved_methods (merchant, customer)",
    """
    CREATE TABLE inbox (
        merchant TEXT NOT NULL,
        gateway TEXT NOT NULL,
        event_id TEXT NOT NULL,
        received_at TEXT NOT NULL,
        due_at TEXT,  -- parked until then
        tries INTEGER NOT NULL,
        details TEXT NOT NULL,  -- JSON; what was seen
        PRIMARY KEY (merchant, gateway, event_id)
    ) STRICT
    """,
    "CREATE INDEX inbox_parked ON inbox (merchant, due_at, gateway, event_id) WHERE due_at IS NOT NULL",
)

_SECOND: Final = (
    "ALTER TABLE transactions ADD COLUMN attention INTEGER NOT NULL DEFAULT 0",  # 1: a person may have to look at it
    """
    UPDATE transactions SET attention = 1
        WHERE discrepancy IS NOT NULL OR status IN ('UNKNOWN', 'REVOKED') OR type = 'CHARGEBACK'
            OR reversal IN ('REQUIRES_REVERSAL', 'REVERSAL_IN_PROGRESS', 'FAILED_REVERSAL')
            OR details LIKE '%"flagged_for_review"%'
            OR (status IN ('DECLINED', 'NOT_EXECUTED') AND EXISTS (
                SELECT 1 FROM payments WHERE payments.merchant = transactions.merchant
                    AND payments.id = transactions.payment_id
                    AND payments.details LIKE '%"CUSTOMER_MUTABILITY_BLOCKED"%'))
    """,  # rather too many than too few: whoever asks looks at each
    "DROP INDEX transactions_needing_attention",
    "CREATE INDEX transactions_needing_attention ON transactions (merchant, payment_id) WHERE attention = 1",
    """
    CREATE TABLE leases (  -- who is at work on what; no promise rests on it
        merchant TEXT NOT NULL,
        name TEXT NOT NULL,
        holder TEXT NOT NULL,
        ends_at TEXT NOT NULL,
        PRIMARY KEY (merchant, name)
    ) STRICT, WITHOUT ROWID
    """,
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST, _SECOND)
"""Statements by version: the first makes version 1."""


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate a file to the newest version, each migration in its own transaction. Other processes may do the same meanwhile."""
    for version, statements in enumerate(MIGRATIONS, start=1):
        if version_of(connection) < version:
            connection.execute("BEGIN IMMEDIATE")
            if version_of(connection) < version:  # no other process did it in the meantime
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """Give the version of the tables; 0 for an empty file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
