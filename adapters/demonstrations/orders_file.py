"""Reading real orders from CSV, plain or gzip: one row a tender, one order after another, in bounded memory.

An order's rows must stand together. That is checked (the ids that were met lie in a file that SQLite makes and removes by itself), because
an order that goes on later would be sold twice, each time for a part.
"""

from __future__ import annotations

import csv
import gzip
import sqlite3
import zlib
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, Final, cast

import attrs
from returns.result import Failure

from payports.domain.money import Money, total

COLUMNS: Final = ("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value")
MAX_LINE: Final = 10_000
"""Bytes; far more than five short columns need."""
MAX_TENDERS: Final = 1_000
"""Of one order; the real ones have up to 29."""
MAX_ID: Final = 100
"""Characters of an order's id, which becomes a part of keys."""
_GZIP: Final = b"\x1f\x8b"
_MAX_NUMBER: Final = 9
"""Digits of a count."""


class Unreadable(Exception):
    """The file is not what it should be. ``line`` is where, counted from 1; nothing of the content is shown."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@attrs.frozen(kw_only=True)
class Tender:
    """One row: a part of an order paid in one way."""

    order_id: str
    sequential: int
    type: str
    installments: int
    amount: Money
    line: int


@attrs.frozen
class RealOrder:
    """An order as it was: its tenders make up its total."""

    id: str
    tenders: tuple[Tender, ...]

    @property
    def total(self) -> Money:
        """What the order cost."""
        return total((tender.amount for tender in self.tenders), self.tenders[0].amount.currency)


def check_orders(path: Path, currency: str, limit: int | None) -> int:
    """Read as many orders as will be wanted, and give their number. Raises ``Unreadable``, before anything is done with any of them."""
    # the database is a file of its own, which SQLite removes
    with closing(sqlite3.connect("")) as met, closing(read_orders(path, currency, limit)) as orders:
        met.execute("CREATE TABLE met (id TEXT PRIMARY KEY) WITHOUT ROWID")
        found = 0
        for order in orders:
            if not met.execute("INSERT OR IGNORE INTO met VALUES (?)", (order.id,)).rowcount:
                raise Unreadable(order.tenders[0].line, "its order began further up; sort the file by order_id")
            found += 1
    if not found:
        raise Unreadable(2, "there are no orders")
    return found


def read_orders(path: Path, currency: str, limit: int | None) -> Generator[RealOrder]:
    """Read one order after another; the file is open until the last was read or the generator is closed. Raises ``Unreadable``."""
    with closing(_tenders(path, currency)) as rows:
        for order_id, tenders in islice(groupby(rows, key=lambda tender: tender.order_id), limit):
            together = tuple(islice(tenders, MAX_TENDERS + 1))
            if len(together) > MAX_TENDERS:
                raise Unreadable(
                    together[-1].line, f"is one more than the {MAX_TENDERS} tenders that an order may have"
                )
            if len({tender.sequential for tender in together}) < len(together):
                raise Unreadable(together[-1].line, "ends an order in which a payment_sequential is there twice")
            yield RealOrder(order_id, together)


def _tenders(path: Path, currency: str) -> Generator[Tender]:
    with closing(_lines(path)) as lines:
        yield from _read_rows(lines, currency)


def _read_rows(lines: Iterable[str], currency: str) -> Generator[Tender]:
    rows = csv.reader(lines, strict=True)
    try:
        places = _places(next(rows, list[str]()))
        for row in rows:
            if row:
                yield _tender(row, places, currency, rows.line_num)
    except csv.Error:
        reason = "is no CSV"
    else:
        return
    raise Unreadable(rows.line_num, reason)


def _lines(path: Path) -> Generator[str]:
    """The lines of a file, none longer than it may be."""
    number = 1
    try:
        with _open(path) as source:
            while line := source.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise Unreadable(number, f"is longer than {MAX_LINE} bytes")
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                number += 1
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except (EOFError, gzip.BadGzipFile, zlib.error):
        reason = "cannot be unpacked, the file is damaged"
    else:
        return
    raise Unreadable(number, reason)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as raw:
        zipped = raw.read(len(_GZIP)) == _GZIP
    return cast("BinaryIO", gzip.open(path)) if zipped else path.open("rb")


def _places(header: list[str]) -> tuple[int, ...]:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise Unreadable(1, f"the header lacks {', '.join(missing)}")
    return (*(header.index(name) for name in COLUMNS), len(header))


def _tender(row: list[str], places: tuple[int, ...], currency: str, line: int) -> Tender:
    if len(row) != places[-1]:
        raise Unreadable(line, f"has {len(row)} columns, the header has {places[-1]}")
    order_id, sequential, kind, installments, value = (row[place] for place in places[:-1])
    amount = Money.parse(value, currency)
    if isinstance(amount, Failure):
        raise Unreadable(line, f"payment_value {amount.failure().reason}")
    if not order_id or len(order_id) > MAX_ID:
        raise Unreadable(line, f"order_id must have 1 to {MAX_ID} characters")
    return Tender(
        order_id=order_id,
        sequential=_count(sequential, "payment_sequential", line),
        type=kind,
        installments=_count(installments, "payment_installments", line),
        amount=amount.unwrap(),
        line=line,
    )


def _count(text: str, column: str, line: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_NUMBER):
        raise Unreadable(line, f"{column} must be a whole number")
    return int(text)
