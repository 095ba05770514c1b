"""The bank's vault: multi-use tokens of customers, each in the mood of the token that it was made from."""

from __future__ import annotations

import secrets
from string import ascii_lowercase
from typing import Final

from payports.adapters.gateways.ledger.storage import Ledger
from payports.adapters.gateways.sandbox.scenarios import TOKENS, Scenario

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS methods (
    position INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL, customer TEXT NOT NULL, mood TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS methods_by_customer ON methods (account, customer);
"""


def mood_of(book: Ledger, account: str, token: str) -> Scenario | None:
    """Say which mood a token has, if it is one."""
    if token in TOKENS or not token.startswith("pm_"):
        return TOKENS.get(token)
    with book.writing() as execute:
        row = execute("SELECT mood FROM methods WHERE token = ? AND account = ?", (token, account)).fetchone()
    return Scenario(row[0]) if row else None


def keep(book: Ledger, account: str, customer: str, token: str) -> str:
    """Make a multi-use token of one; nothing if it is no token."""
    mood = mood_of(book, account, token)
    if mood is None or not customer:
        return ""
    kept = f"pm_{''.join(secrets.choice(ascii_lowercase) for _ in range(24))}"
    with book.writing() as execute:
        execute(
            "INSERT INTO methods (token, account, customer, mood) VALUES (?, ?, ?, ?)", (kept, account, customer, mood)
        )
    return kept


def kept(book: Ledger, account: str, customer: str) -> list[str]:
    """List a customer's multi-use tokens, oldest first."""
    with book.writing() as execute:
        rows = execute(
            "SELECT token FROM methods WHERE account = ? AND customer = ? ORDER BY position", (account, customer)
        ).fetchall()
    return [token for (token,) in rows]


def forget(book: Ledger, account: str, customer: str, token: str) -> None:
    """Remove a customer's token; one that is not theirs or not there changes nothing."""
    with book.writing() as execute:
        execute("DELETE FROM methods WHERE account = ? AND customer = ? AND token = ?", (account, customer, token))
