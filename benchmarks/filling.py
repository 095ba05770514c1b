"""Fill a store with payments by bulk insertion: copy the rows of one payment with SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.shops import fresh, open_shop
from benchmarks.sqlite_loops import open_sqlite
from payports import Payports

# Statements are put together from the columns' names and from ids that are letters and digits.
# ruff: noqa: S608

TABLES: Final = ("payments", "transactions", "history")
Make = Callable[[Payports], str]
Name = Callable[[int], str]

_LETTERS: Final = str.maketrans("0123456789", "BCDFGHJKMN")


def bulk_id(number: int) -> str:
    """The id of a payment: as long as a ULID, with as few digits, and in order."""
    return f"01BULKP{number:019}".translate(_LETTERS)


def fill_sqlite(path: Path, count: int, make: Make = fresh, name: Name = bulk_id) -> None:
    """Add ``count`` payments to a file, copies of the one that ``make`` creates, with ids from ``name``."""
    with open_sqlite(path, "NORMAL") as shop:
        template = _ids_of(shop, make(shop))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")  # twice as fast; nobody else is there, and a failure ends the run
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(_NUMBERS)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO number VALUES (?, ?, ?)", _numbers(count, name))
    for table in TABLES:
        columns = [(column[1], column[2] == "TEXT") for column in connection.execute(f"PRAGMA table_info({table})")]
        connection.execute(_multiply(table, columns, template))
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def fill_postgres(url: str, count: int) -> None:
    """Add ``count`` new payments to a database."""
    with open_shop(url) as shop:
        template = _ids_of(shop, fresh(shop))
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = payports")
        connection.execute(_NUMBERS)
        with connection.cursor().copy("COPY number FROM STDIN") as copy:
            for row in _numbers(count, bulk_id):
                copy.write_row(row)
        for table in TABLES:
            columns = connection.execute(
                "SELECT column_name, data_type = 'text' FROM information_schema.columns"
                " WHERE table_schema = 'payports' AND table_name = %s AND is_identity = 'NO'",
                (table,),
            )
            connection.execute(_multiply(table, columns, template).encode())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


_NUMBERS: Final = "CREATE TEMPORARY TABLE number (n INTEGER PRIMARY KEY, payment TEXT, transaction_ TEXT)"


def _ids_of(shop: Payports, payment_id: str) -> list[str]:
    return [payment_id, *(transaction.id for transaction in shop.payments.get(payment_id).unwrap().transactions)]


def _numbers(count: int, name: Name) -> Iterator[tuple[int, str, str]]:
    return ((number, name(number), f"T{name(number)}") for number in range(count))


def _multiply(table: str, columns: Iterable[tuple[str, bool]], template: list[str]) -> str:
    columns = list(columns)
    values = ", ".join(_value(name, template, text=text) for name, text in columns)
    key = "id" if table == "payments" else "payment_id"
    return (
        f"INSERT INTO {table} ({', '.join(name for name, _ in columns)})"
        f" SELECT {values} FROM number, (SELECT * FROM {table} WHERE merchant = 'default' AND {key} = '{template[0]}')"
        " AS template ORDER BY n"
    )


def _value(name: str, template: list[str], *, text: bool) -> str:
    if name == "position":
        return "(SELECT max(position) FROM history WHERE merchant = 'default') + n * 10 + sequence"
    if name == "owner_id":
        return "'b-' || n"
    if not text:
        return name
    value = f"replace({name}, '{template[0]}', payment)"
    return f"replace({value}, '{template[1]}', transaction_)" if template[1:] else value
