"""The SQL statements of the relational stores, which SQLite and PostgreSQL share.

Parameters are numbered and ``?1`` is always the merchant; PostgreSQL has ``$`` in place of ``?``. ``moment(n)`` is the time of the
store's own clock plus ``n`` microseconds, as text; each store defines it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Final

from payports.adapters.repositories.common import payment_rows, record_rows
from payports.ports.store import RecordSet

# Statements are built from column names only; every value is a parameter.
# ruff: noqa: S608


def _load(condition: str, order: str = "p.id") -> str:
    """Load payments with their transactions in one statement, so that no commit can come in between."""
    columns = ", ".join(
        [f"p.{column}" for column in (*payment_rows.PAYMENT_COLUMNS, "version")]
        + [f"t.{column}" for column in payment_rows.READ_BACK_COLUMNS]
    )
    return (
        f"SELECT {columns} FROM payments AS p"
        " LEFT JOIN transactions AS t ON t.merchant = p.merchant AND t.payment_id = p.id"
        f" WHERE p.merchant = ?1 AND {condition} ORDER BY {order}, t.ordinal"
    )


def _not_leased(name: str) -> str:
    """The condition that nobody holds a lease now."""
    return f"NOT EXISTS (SELECT 1 FROM leases AS l WHERE l.merchant = ?1 AND l.name = {name} AND l.ends_at > moment(0))"


_PAYMENT_NOT_LEASED: Final = _not_leased("'payment ' || d.payment_id")
_GATEWAY_NOT_LEASED: Final = (
    "'gateway ' || d.gateway NOT IN (SELECT l.name FROM leases AS l WHERE l.merchant = ?1"
    " AND l.name > 'gateway ' AND l.name < 'gateway!' AND l.ends_at > moment(0))"  # evaluated once, not for each row
)
_CHECKOUT_NOT_LEASED: Final = _not_leased("'checkout ' || owner_kind || ' ' || owner_id")
_NOTIFICATION_NOT_LEASED: Final = _not_leased("'notification ' || gateway || ' ' || event_id")

PAYMENT: Final = _load("p.id = ?2")
PAYMENTS_OF_OWNER: Final = _load("p.owner_kind = ?2 AND p.owner_id = ?3", "p.created_at, p.id")
PAYMENT_OF_TRANSACTION: Final = _load("p.id = (SELECT payment_id FROM transactions WHERE merchant = ?1 AND id = ?2)")
PAYMENT_BY_REFERENCE: Final = _load(
    "p.id IN (SELECT payment_id FROM transactions"  # no DISTINCT: SQLite would read all rows of the merchant in order for it
    " WHERE merchant = ?1 AND gateway = ?2 AND gateway_reference = ?3)"
)
PAYMENTS: Final = _load("p.id IN (SELECT id FROM payments WHERE merchant = ?1 AND id > ?2 ORDER BY id LIMIT ?3)")


def _ids(table: str, column: str) -> str:
    """Select one page of ids in a subquery, so that no database reads more than a page of each table."""
    return (
        f"SELECT * FROM (SELECT DISTINCT {column} AS id FROM {table} WHERE merchant = ?1 AND {column} > ?2"
        f" ORDER BY {column} LIMIT ?3) AS of_{table}"
    )


PAYMENT_IDS: Final = (
    f"{_ids('payments', 'id')} UNION {_ids('transactions', 'payment_id')} UNION {_ids('history', 'payment_id')}"
    " ORDER BY id LIMIT ?3"
)
NEEDING_ATTENTION: Final = _load(
    "p.id IN (SELECT DISTINCT payment_id FROM transactions"
    " WHERE merchant = ?1 AND attention = 1 AND payment_id > ?2 ORDER BY payment_id LIMIT ?3)"
)
DUE: Final = (
    "SELECT d.payment_id FROM transactions AS d WHERE d.merchant = ?1 AND d.due_at <= ?2"
    f" AND {_GATEWAY_NOT_LEASED}"  # first, because thousands may wait for a gateway that is down
    " AND NOT EXISTS (SELECT 1 FROM transactions AS e WHERE e.merchant = ?1 AND e.payment_id = d.payment_id"
    " AND (e.due_at, e.ordinal) < (d.due_at, d.ordinal))"  # only the earliest due transaction of a payment
    f" AND {_PAYMENT_NOT_LEASED} ORDER BY d.due_at, d.payment_id LIMIT ?3"
)


def _select(table: str, columns: Iterable[str], rest: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE merchant = ?1 AND {rest}"


def _placeholders(number: int, start: int = 2) -> str:
    return ", ".join(f"?{place}" for place in range(start, start + number))


_CHECKOUT: Final = (*record_rows.CHECKOUT_COLUMNS, "version")
_SAVED_METHOD: Final = (*record_rows.SAVED_METHOD_COLUMNS, "version")
_FACT: Final = ("position", "sequence", *payment_rows.FACT_COLUMNS)

REQUEST: Final = _select("requests", record_rows.REQUEST_COLUMNS, "key = ?2")
CHECKOUT: Final = _select("checkouts", _CHECKOUT, "owner_kind = ?2 AND owner_id = ?3")
CHECKOUT_BY_TOKEN: Final = _select("checkouts", _CHECKOUT, "callback_token = ?2")
OPEN_CHECKOUTS: Final = _select(
    "checkouts",
    _CHECKOUT,
    "state IN ('RUNNING', 'ACTION_REQUIRED', 'AWAITING_RESULTS') AND lease_until < ?2"
    f" AND {_CHECKOUT_NOT_LEASED}"
    " ORDER BY lease_until, owner_kind, owner_id LIMIT ?3",
)
SAVED_METHOD: Final = _select("saved_methods", _SAVED_METHOD, "id = ?2")
SAVED_METHODS_OF_CUSTOMER: Final = _select("saved_methods", _SAVED_METHOD, "customer = ?2 ORDER BY created_at, id")
INBOX_ENTRY: Final = _select("inbox", record_rows.INBOX_COLUMNS, "gateway = ?2 AND event_id = ?3")
PARKED: Final = _select(
    "inbox",
    record_rows.INBOX_COLUMNS,
    f"due_at <= ?2 AND {_NOTIFICATION_NOT_LEASED} ORDER BY due_at, gateway, event_id LIMIT ?3",
)


def _keys(table: str, *columns: str) -> str:
    key, last = ", ".join(columns), len(columns) + 2
    return _select(table, columns, f"({key}) > ({_placeholders(len(columns))}) ORDER BY {key} LIMIT ?{last}")


KEYS: Final = {
    RecordSet.REQUESTS: _keys("requests", "key"),
    RecordSet.CHECKOUTS: _keys("checkouts", "owner_kind", "owner_id"),
    RecordSet.INBOX: _keys("inbox", "gateway", "event_id"),
}
REACH: Final = (
    "SELECT coalesce((SELECT max(position) FROM history WHERE merchant = ?1), 0),"
    " coalesce((SELECT position FROM delivery WHERE merchant = ?1), 0),"
    " CASE WHEN ?2 = 1 THEN (SELECT count(*) FROM history WHERE merchant = ?1) END"
)
LEASED_BEYOND: Final = _select("leases", ("name",), "ends_at > moment(?2) ORDER BY name LIMIT ?3")
ROWS: Final = _select("transactions", payment_rows.TRANSACTION_COLUMNS, "payment_id = ?2")
COUNT_FACTS: Final = (
    "SELECT (SELECT count(*) FROM history AS h WHERE h.merchant = p.merchant AND h.payment_id = p.id), facts"
    " FROM payments AS p WHERE merchant = ?1 AND id = ?2"
)
HISTORY: Final = _select("history", _FACT, "payment_id = ?2 ORDER BY sequence")
UNDELIVERED: Final = _select(
    "history",
    _FACT,
    "position > coalesce((SELECT position FROM delivery WHERE merchant = ?1), 0) AND position <= ?2"
    " ORDER BY position LIMIT ?3",
)


def _insert(table: str, columns: tuple[str, ...], rest: str = "ON CONFLICT DO NOTHING") -> str:
    return f"INSERT INTO {table} (merchant, {', '.join(columns)}) VALUES (?1, {_placeholders(len(columns))}) {rest}"


def _replace(columns: Iterable[str], *keys: str) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in columns if column not in keys)


def _update(table: str, columns: tuple[str, ...], keys: str, condition: str = "") -> str:
    """Update the row of a given version. The parameters after the merchant are the columns in order, then that version."""
    number = dict(zip(columns, count(2), strict=False))
    settings = ", ".join(f"{column} = ?{number[column]}" for column in columns)
    key = " AND ".join(f"{column} = ?{number[column]}" for column in keys.split())
    version = f"?{len(columns) + 2}"
    where = f"merchant = ?1 AND {key} AND version = {version}"
    return f"UPDATE {table} SET {settings}, version = version + 1 WHERE {where}{condition.format_map(number)}"


ADD_PAYMENT: Final = _insert("payments", (*payment_rows.PAYMENT_COLUMNS, "version", "facts"))
TOUCH_PAYMENT: Final = (
    "UPDATE payments SET version = version + 1, facts = facts + ?4 WHERE merchant = ?1 AND id = ?2 AND version = ?3"
)
CHANGE_PAYMENT: Final = _update("payments", payment_rows.PAYMENT_COLUMNS, "id").replace(
    "SET", f"SET facts = facts + ?{len(payment_rows.PAYMENT_COLUMNS) + 3},"
)
PUT_TRANSACTION: Final = _insert(
    "transactions",
    payment_rows.TRANSACTION_COLUMNS,
    f"ON CONFLICT (merchant, id) DO UPDATE SET {_replace(payment_rows.TRANSACTION_COLUMNS, 'id', 'payment_id', 'ordinal')}"
    " WHERE transactions.payment_id = excluded.payment_id",
)
# payments.facts already counts all facts of this commit; ?2 of them come after this one
_SEQUENCE: Final = "(SELECT facts FROM payments WHERE merchant = ?1 AND id = ?3) - ?2"
ADD_FACT_AT_NEXT_IDENTITY: Final = (
    f"INSERT INTO history (merchant, sequence, {', '.join(payment_rows.FACT_COLUMNS)})"
    f" VALUES (?1, {_SEQUENCE}, {_placeholders(len(payment_rows.FACT_COLUMNS), 3)})"
)
"""Add a fact where an identity column gives the position."""
ADD_FACT: Final = ADD_FACT_AT_NEXT_IDENTITY.replace("(merchant,", "(merchant, position,").replace(
    "VALUES (?1,", "VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM history WHERE merchant = ?1),"
)
ADD_REQUEST: Final = _insert("requests", record_rows.REQUEST_COLUMNS)
ADD_CHECKOUT: Final = _insert("checkouts", _CHECKOUT)
CHANGE_CHECKOUT: Final = _update(
    "checkouts",
    record_rows.CHECKOUT_COLUMNS,
    "owner_kind owner_id",
    " AND NOT EXISTS (SELECT 1 FROM checkouts AS o WHERE o.merchant = ?1 AND o.callback_token = ?{callback_token}"
    " AND (o.owner_kind <> ?{owner_kind} OR o.owner_id <> ?{owner_id}))",
)
ADD_SAVED_METHOD: Final = _insert("saved_methods", _SAVED_METHOD)
CHANGE_SAVED_METHOD: Final = _update("saved_methods", record_rows.SAVED_METHOD_COLUMNS, "id")
PUT_INBOX_ENTRY: Final = _insert(
    "inbox",
    record_rows.INBOX_COLUMNS,
    f"ON CONFLICT (merchant, gateway, event_id) DO UPDATE SET {_replace(record_rows.INBOX_COLUMNS, 'gateway', 'event_id')}",
)
DELIVERED: Final = (
    "INSERT INTO delivery (merchant, position)"
    " SELECT ?1, coalesce((SELECT max(position) FROM history WHERE merchant = ?1 AND position <= ?2), 0)"
    " ON CONFLICT (merchant) DO UPDATE SET position ="
    " CASE WHEN excluded.position > delivery.position THEN excluded.position ELSE delivery.position END"
)
LEASE: Final = (
    "INSERT INTO leases (merchant, name, holder, ends_at) VALUES (?1, ?2, ?3, moment(?4))"
    " ON CONFLICT (merchant, name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at"
    " WHERE leases.holder = excluded.holder OR leases.ends_at <= moment(0)"
)
RELEASE: Final = "DELETE FROM leases WHERE merchant = ?1 AND name = ?2 AND holder = ?3"
