"""What the SQLite store says to its database. The first parameter is always the merchant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from payports.adapters.repositories import codec, records

# Statements are put together from the columns' names alone; every value is a parameter.
# ruff: noqa: S608


def _load(condition: str, order: str = "p.id") -> str:
    """A payment and its transactions in one statement, so that nobody's commit can come between the two."""
    columns = ", ".join([f"p.{one}" for one in (*codec.PAYMENT, "version")] + [f"t.{one}" for one in codec.READ_BACK])
    return (
        f"SELECT {columns} FROM payments AS p"
        " LEFT JOIN transactions AS t ON t.merchant = p.merchant AND t.payment_id = p.id"
        f" WHERE p.merchant = ? AND {condition} ORDER BY {order}, t.ordinal"
    )


PAYMENT: Final = _load("p.id = ?")
PAYMENTS_OF_OWNER: Final = _load("p.owner_kind = ? AND p.owner_id = ?", "p.created_at, p.id")
PAYMENT_OF_TRANSACTION: Final = _load("p.id = (SELECT payment_id FROM transactions WHERE merchant = ? AND id = ?)")
PAYMENT_BY_REFERENCE: Final = _load(
    "p.id IN (SELECT DISTINCT payment_id FROM transactions"
    " WHERE merchant = ? AND gateway = ? AND gateway_reference = ? LIMIT 2)"
)
PAYMENTS: Final = _load("p.id IN (SELECT id FROM payments WHERE merchant = ? AND id > ? ORDER BY id LIMIT ?)")
NEEDING_ATTENTION: Final = _load(
    "p.id IN (SELECT DISTINCT payment_id FROM transactions WHERE merchant = ?"
    " AND (discrepancy IS NOT NULL OR status = 'UNKNOWN'"
    " OR reversal IN ('REQUIRES_REVERSAL', 'REVERSAL_IN_PROGRESS', 'FAILED_REVERSAL'))"
    " ORDER BY payment_id LIMIT ?)"
)
DUE: Final = "SELECT payment_id FROM transactions WHERE merchant = ? AND due_at <= ? ORDER BY due_at, payment_id"


def _select(table: str, columns: Iterable[str], rest: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE merchant = ? AND {rest}"


_CHECKOUT: Final = (*records.CHECKOUT, "version")
_SAVED_METHOD: Final = (*records.SAVED_METHOD, "version")
_FACT: Final = ("position", "sequence", *codec.FACT)

REQUEST: Final = _select("requests", records.REQUEST, "key = ?")
CHECKOUT: Final = _select("checkouts", _CHECKOUT, "owner_kind = ? AND owner_id = ?")
CHECKOUT_BY_TOKEN: Final = _select("checkouts", _CHECKOUT, "callback_token = ?")
OPEN_CHECKOUTS: Final = _select(
    "checkouts",
    _CHECKOUT,
    "state IN ('RUNNING', 'ACTION_REQUIRED', 'AWAITING_RESULTS') AND lease_until < ?"
    " ORDER BY lease_until, owner_kind, owner_id LIMIT ?",
)
SAVED_METHOD: Final = _select("saved_methods", _SAVED_METHOD, "id = ?")
SAVED_METHODS_OF_CUSTOMER: Final = _select("saved_methods", _SAVED_METHOD, "customer = ? ORDER BY created_at, id")
INBOX_ENTRY: Final = _select("inbox", records.INBOX, "gateway = ? AND event_id = ?")
PARKED: Final = _select("inbox", records.INBOX, "due_at <= ? ORDER BY due_at, gateway, event_id LIMIT ?")
HISTORY: Final = _select("history", _FACT, "payment_id = ? ORDER BY sequence")
UNDELIVERED: Final = _select(
    "history",
    _FACT,
    "position > ifnull((SELECT position FROM delivery WHERE merchant = ?), 0) ORDER BY position LIMIT ?",
)


def _insert(table: str, columns: tuple[str, ...], rest: str = "ON CONFLICT DO NOTHING") -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} (merchant, {', '.join(columns)}) VALUES (?, {marks}) {rest}"


def _replace(columns: Iterable[str], *keys: str) -> str:
    return ", ".join(f"{one} = excluded.{one}" for one in columns if one not in keys)


def _update(table: str, columns: Iterable[str], keys: str) -> str:
    settings = ", ".join(f"{one} = ?" for one in columns)
    return (
        f"UPDATE OR IGNORE {table} SET {settings}, version = version + 1 WHERE merchant = ? AND {keys} AND version = ?"
    )


ADD_PAYMENT: Final = _insert("payments", (*codec.PAYMENT, "version", "facts"))
TOUCH_PAYMENT: Final = (
    "UPDATE payments SET version = version + 1, facts = facts + ?"
    " WHERE merchant = ? AND id = ? AND version = ? RETURNING facts"
)
CHANGE_PAYMENT: Final = TOUCH_PAYMENT.replace("SET", f"SET {', '.join(f'{one} = ?' for one in codec.PAYMENT)},")
PUT_TRANSACTION: Final = _insert(
    "transactions",
    codec.TRANSACTION,
    f"ON CONFLICT (merchant, id) DO UPDATE SET {_replace(codec.TRANSACTION, 'id', 'payment_id', 'ordinal')}"
    " WHERE payment_id = excluded.payment_id",
)
TELL: Final = (
    f"INSERT INTO history (merchant, position, sequence, {', '.join(codec.FACT)})"
    " VALUES (?, (SELECT ifnull(max(position), 0) + 1 FROM history WHERE merchant = ?), ?"
    f"{', ?' * len(codec.FACT)})"
)
ADD_REQUEST: Final = _insert("requests", records.REQUEST)
ADD_CHECKOUT: Final = _insert("checkouts", _CHECKOUT)
CHANGE_CHECKOUT: Final = _update("checkouts", records.CHECKOUT, "owner_kind = ? AND owner_id = ?")
ADD_SAVED_METHOD: Final = _insert("saved_methods", _SAVED_METHOD)
CHANGE_SAVED_METHOD: Final = _update("saved_methods", records.SAVED_METHOD, "id = ?")
PUT_INBOX_ENTRY: Final = _insert(
    "inbox",
    records.INBOX,
    f"ON CONFLICT (merchant, gateway, event_id) DO UPDATE SET {_replace(records.INBOX, 'gateway', 'event_id')}",
)
DELIVERED: Final = (
    "INSERT INTO delivery (merchant, position)"
    " VALUES (?, max(0, min(?, ifnull((SELECT max(position) FROM history WHERE merchant = ?), 0))))"
    " ON CONFLICT (merchant) DO UPDATE SET position = max(position, excluded.position)"
)
