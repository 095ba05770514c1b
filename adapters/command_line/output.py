"""Printing for people: plain words in columns, with colour where there is a terminal that has some."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from payports.adapters.demonstrations.reconciliation import Reconciliation
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
    """A console that takes nothing in a text for markup, and prints what the terminal's encoding has."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def columns(*headings: str, right: tuple[str, ...] = (), fixed: tuple[str, ...] = ()) -> Table:
    """A table without lines; columns named in ``right`` are aligned there, those in ``fixed`` are never wrapped."""
    table = Table(box=None, pad_edge=False, header_style=FAINT, padding=(0, 2, 0, 0))
    for heading in headings:
        number = heading in right
        kept = number or heading in fixed
        table.add_column(heading, justify="right" if number else "left", no_wrap=kept, overflow="fold")
    return table


def indented(what: RenderableType, by: int = 3) -> Padding:
    """The same, a little to the right."""
    return Padding(what, (0, 0, 0, by), expand=False)


def words(name: str) -> str:
    """Write one of our constants in words: ``REVERSE_AUTH`` is ``reverse auth``."""
    return name.replace("_", " ").lower()


def status_text(status: str) -> Text:
    """A status in a word or two and in its colour."""
    known = TransactionStatus(status)
    return Text(_STATUS_WORDS.get(known) or words(known), style=_STATUS_STYLES[known])


_STATUS_WORDS: Final = {
    TransactionStatus.SENDING_TO_PROCESSOR: "sending",
    TransactionStatus.REQUIRES_ACTION: "shopper acts",
    TransactionStatus.AWAITING_RESULT: "awaited",
}


def grouped(amount: Money) -> str:
    """An amount without its currency, its thousands apart: ``1,234.50``."""
    whole, point, decimals = amount.text.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def print_reconciliation(out: Console, found: Reconciliation) -> None:
    """Print the differences that were found, and the line that counts them."""
    for difference in found.examples:
        out.print(f"difference: {difference.message}", style=BAD)
    out.print(found.line, style=BAD if found.differences else GOOD)
