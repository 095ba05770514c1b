"""What the repository of the relational stores asks of a database: SQLite and PostgreSQL each do it in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from payports.adapters.repositories.common.commit_statements import Step
from payports.adapters.repositories.common.json_codec import Row
from payports.adapters.repositories.common.payment_rows import Read


class Executor(Protocol):
    """A database. Whatever fails is ``StoreFailed``, told without the data that was in play.

    ``gapless``: positions of the history come without gaps.
    """

    gapless: ClassVar[bool]

    def select(self, statement: str, row: Row) -> Sequence[Read]:
        """The rows that a statement finds."""
        ...

    def write(self, merchant: str, steps: Sequence[Step]) -> None:
        """Take all steps in one durable commit, or raise ``Refused`` for the first that did not write one row, and write nothing."""
        ...

    def each(self, statement: str, rows: Sequence[Row]) -> list[int]:
        """Execute a statement for every row, in one commit; how many rows each wrote."""
        ...

    def horizon(self, merchant: str) -> int:
        """A position of the merchant's history below which, and at which, no fact can appear any more."""
        ...
