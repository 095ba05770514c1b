"""Printing for people: plain words in columns, in colour where the terminal supports it."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from payports.domain.money import Money
from payports.domain.transaction_types import TransactionStatus

GOOD: Final = "green"
BAD: Final = "bold red"
FAINT: Final = "dim"
HEADING: Final = "bold"

_STATUS_STYLES: Final = {
    TransactionStatus.SUCCEEDED: GOOD,
    TransactionStatus.DECLINED: "red",
    TransactionStatus.NOT_EXECUTED: "red",
    TransactionStatus.REVOKED: "red",
    TransactionStatus.UNKNOWN: "yellow",
    TransactionStatus.REQUIRES_ACTION: "yellow",
    TransactionStatus.AWAITING_RESULT: "yellow",
    TransactionStatus.SENDING_TO_PROCESSOR: FAINT,
}


def console(*, stderr: bool = False) -> Console:
    """Open a console that reads no markup and replaces characters that the terminal cannot encode."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def columns(*headings: str, right: tuple[str, ...] = (), fixed: tuple[str, ...] = ()) -> Table:
    """Make a table without borders. Columns in ``right`` are aligned right, those in ``fixed`` are never wrapped."""
    table = Table(box=None, pad_edge=False, header_style=FAINT, padding=(0, 2, 0, 0))
    for heading in headings:
        number = heading in right
        kept = number or heading in fixed
        table.add_column(heading, justify="right" if number else "left", no_wrap=kept, overflow="fold")
    return table


def indented(content: RenderableType, by: int = 3) -> Padding:
    """Indent by so many characters."""
    return Padding(content, (0, 0, 0, by), expand=False)


def words(name: str) -> str:
    """Write a constant in words: ``REVERSE_AUTH`` becomes ``reverse auth``."""
    return name.replace("_", " ").lower()


def status_text(status: str) -> Text:
    """Write a status in words, in its colour."""
    member = TransactionStatus(status)
    return Text(_STATUS_WORDS.get(member) or words(member), style=_STATUS_STYLES[member])


_STATUS_WORDS: Final = {
    TransactionStatus.SENDING_TO_PROCESSOR: "sending",
    TransactionStatus.AWAITING_RESULT: "pending",
}


def grouped(amount: Money) -> str:
    """Write an amount without its currency, with thousands separators: ``1,234.50``."""
    whole, point, decimals = amount.text.partition(".")
    return f"{int(whole):,}{point}{decimals}"
