"""Printing what a reconciliation found."""

from __future__ import annotations

from rich.console import Console

from payports.adapters.command_line.presentation.output import BAD, GOOD
from payports.adapters.demonstrations.reconciliation import Reconciliation


def print_reconciliation(out: Console, reconciliation: Reconciliation) -> None:
    """Print the first differences, and the line that counts them."""
    for difference in reconciliation.examples:
        out.print(f"difference: {difference.message}", style=BAD)
    out.print(reconciliation.line, style=BAD if reconciliation.differences else GOOD)
