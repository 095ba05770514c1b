"""The interface between ``SqlRepository`` and a database, which SQLite and PostgreSQL implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from payports.adapters.repositories.common.commit_statements import RowWrite
from payports.adapters.repositories.common.json_codec import Row
from payports.adapters.repositories.common.payment_rows import DatabaseRow


class SqlExecutor(Protocol):
    """A database. Every failure raises ``StoreFailed``, whose message does not contain the data involved.

    ``gapless``: whether history positions have no gaps.
    """

    gapless: ClassVar[bool]

    def select(self, statement: str, row: Row) -> Sequence[DatabaseRow]:
        """Execute a query and give its rows."""
        ...

    def write(self, merchant: str, writes: Sequence[RowWrite]) -> None:
        """Execute all writes in one durable commit, or nothing. Raises ``VersionConflict`` for the first that does not write one row."""
        ...

    def execute_many(self, statement: str, rows: Sequence[Row]) -> list[int]:
        """Execute a statement for every row in one commit, and give how many rows each execution wrote."""
        ...

    def stable_position(self, merchant: str) -> int:
        """Give a position of the merchant's history up to which no further fact can appear."""
        ...
