"""What a replay came to: counted order by order in bounded memory, printed as a table by tender or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container
from typing import Final

from rich.console import Console

from payports.adapters.command_line.presentation.output import BAD, FAINT, HEADING, columns, grouped, words
from payports.adapters.demonstrations.order_sale import ROUTES, Sold, reason_of
from payports.adapters.demonstrations.orders_file import RealOrder
from payports.adapters.demonstrations.reconciliation import Reconciliation
from payports.adapters.demonstrations.reconciliation_output import print_reconciliation
from payports.domain.lifecycle import CAPTURING, INITIATING, REFUND, REVERSE_AUTH
from payports.domain.money import Currency, Money
from payports.domain.transaction_types import TransactionType

OTHER: Final = "other"
"""Types of tender that the shop does not offer."""


class Counted:
    """A running count of what became of orders and their tenders, in minor units of one currency."""

    def __init__(self, currency: Currency) -> None:
        self.currency = currency
        self.orders = self.placed = self.replaced_workers = 0
        self.tenders: Counter[str] = Counter()
        self.ordered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.refused_tenders: Counter[str] = Counter()
        self.refused_orders: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def add(self, order: RealOrder, sold: Sold) -> None:
        """Count one order."""
        self.orders += 1
        self.placed += sold.refusal is None
        for tender in order.tenders:
            name = tender.type if tender.type in ROUTES else OTHER
            self.tenders[name] += 1
            self.ordered[name] += tender.amount.minor
            if sold.refusal or any(tender is one for one, _ in sold.refused):
                self.refused[name] += tender.amount.minor
        self.refused_tenders.update(reason_of(problem) for _, problem in sold.refused)
        if sold.refusal:
            self.refused_orders[reason_of(sold.refusal)] += 1
        if sold.failure:
            self.failures[reason_of(sold.failure)] += 1

    def planned(self) -> int:
        """What the payments of placed orders were to pay."""
        return self.ordered.total() - self.refused.total()


def written(counted: Counted, found: Reconciliation) -> str:
    """The result as one JSON object; amounts in minor units."""
    return json.dumps(
        {
            "orders": counted.orders,
            "placed": counted.placed,
            "refused": counted.orders - counted.placed,
            "planned_minor": counted.planned(),
            "captured_minor": _moved(found.ours, counted, *CAPTURING),
            "refunded_minor": _moved(found.ours, counted, REFUND),
            "bank_captured_minor": _moved(found.theirs, counted, *CAPTURING),
            "bank_refunded_minor": _moved(found.theirs, counted, REFUND),
            "differences": found.differences,
            "currency": counted.currency.code,
            "ordered_minor": counted.ordered.total(),
            "refused_orders": dict(counted.refused_orders),
            "refused_tenders": dict(counted.refused_tenders),
            "failures": dict(counted.failures),
            "replaced_workers": counted.replaced_workers,
        }
    )


def print_report(out: Console, counted: Counted, found: Reconciliation) -> None:
    """Print the table by tender, the refusals with their reasons, and the comparison of the ledgers."""
    headings = ("tenders", "ordered", "secured", "captured", "refunded", "refused")
    table = columns("tender", *headings, right=headings, fixed=("tender",))
    table.padding = (0, 1, 0, 0)  # millions fit into 80 columns
    for name in (*ROUTES, OTHER):
        if counted.tenders[name]:
            gateways = tuple(route.gateway for kind, route in ROUTES.items() if kind == name)
            table.add_row(words(name), *_cells(counted, found, (name,), gateways))
    table.add_section()
    every = tuple(route.gateway for route in ROUTES.values())
    table.add_row("all", *_cells(counted, found, tuple(counted.tenders), every), style=HEADING)
    out.print(table)
    out.print()
    refused = counted.orders - counted.placed
    out.print(
        f"{counted.orders:,} orders, {counted.placed:,} placed, {refused:,} refused; {counted.currency} throughout"
    )
    _print_reasons(out, counted)
    _print_ledgers(out, counted, found)


def _cells(
    counted: Counted, found: Reconciliation, names: tuple[str, ...], gateways: tuple[str, ...]
) -> tuple[str, ...]:
    def moved(*types: TransactionType) -> int:
        return _moved(found.ours, counted, *types, gateways=gateways)

    amounts = (
        sum(counted.ordered[name] for name in names),
        moved(*INITIATING) - moved(REVERSE_AUTH),
        moved(*CAPTURING),
        moved(REFUND),
        sum(counted.refused[name] for name in names),
    )
    return (f"{sum(counted.tenders[name] for name in names):,}", *(_shown(minor, counted) for minor in amounts))


def _print_reasons(out: Console, counted: Counted) -> None:
    for what, reasons, style in (
        ("refused tenders", counted.refused_tenders, FAINT),
        ("refused orders", counted.refused_orders, FAINT),
        ("orders that went wrong after they were placed", counted.failures, BAD),
    ):
        for reason, number in sorted(reasons.items()):
            out.print(f"{what}: {number:,} for {reason}", style=style)


def _print_ledgers(out: Console, counted: Counted, found: Reconciliation) -> None:
    table = columns("ledger", "captured", "refunded", right=("captured", "refunded"))
    for name, sums in (("ours", found.ours), ("the banks'", found.theirs)):
        captured, refunded = _moved(sums, counted, *CAPTURING), _moved(sums, counted, REFUND)
        table.add_row(name, _shown(captured, counted), _shown(refunded, counted))
    out.print()
    out.print(table)
    out.print()
    print_reconciliation(out, found)


def _moved(
    sums: Counter[tuple[str, TransactionType, str]],
    counted: Counted,
    *types: TransactionType,
    gateways: Container[str] | None = None,
) -> int:
    return sum(
        minor
        for (name, kind, code), minor in sums.items()
        if kind in types and code == counted.currency.code and (gateways is None or name in gateways)
    )


def _shown(minor: int, counted: Counted) -> str:
    return grouped(Money(minor, counted.currency)) if minor else "-"
