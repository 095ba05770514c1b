"""The bank's vault: multi-use tokens of customers, each with the scenario of the token that it was made from."""

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


def scenario_of(ledger: Ledger, account: str, token: str) -> Scenario | None:
    """Find a token's scenario; nothing for an unknown token."""
    if token in TOKENS or not token.startswith("pm_"):
        return TOKENS.get(token)
    with ledger.writing() as execute:
        row = execute("SELECT mood FROM methods WHERE token = ? AND account = ?", (token, account)).fetchone()
    return Scenario(row[0]) if row else None


def keep(ledger: Ledger, account: str, customer: str, token: str) -> str:
    """Create a multi-use token from a token; nothing if that is unknown."""
    scenario = scenario_of(ledger, account, token)
    if scenario is None or not customer:
        return ""
    kept = f"pm_{''.join(secrets.choice(ascii_lowercase) for _ in range(24))}"
    with ledger.writing() as execute:
        execute(
            "INSERT INTO methods (token, account, customer, mood) VALUES (?, ?, ?, ?)",
            (kept, account, customer, scenario),
        )
    return kept


def kept(ledger: Ledger, account: str, customer: str) -> list[str]:
    """List a customer's multi-use tokens, oldest first."""
    with ledger.writing() as execute:
        rows = execute(
            "SELECT token FROM methods WHERE account = ? AND customer = ? ORDER BY position", (account, customer)
        ).fetchall()
    return [token for (token,) in rows]


def forget(ledger: Ledger, account: str, customer: str, token: str) -> None:
    """Remove a customer's token, if the customer has it."""
    with ledger.writing() as execute:
        execute("DELETE FROM methods WHERE account = ? AND customer = ? AND token = ?", (account, customer, token))
