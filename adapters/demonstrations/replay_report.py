"""What a replay came to: counts order by order in bounded memory, printed as a table by tender or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container
from typing import Final

from rich.console import Console

from payports.adapters.command_line.presentation.output import BAD, FAINT, HEADING, columns, grouped, words
from payports.adapters.demonstrations.order_sale import ROUTES, SaleResult, reason_of
from payports.adapters.demonstrations.orders_file import RealOrder
from payports.adapters.demonstrations.reconciliation import Reconciliation
from payports.adapters.demonstrations.reconciliation_output import print_reconciliation
from payports.domain.lifecycle import CAPTURING, INITIATING, REFUND, REVERSE_AUTH
from payports.domain.money import Currency, Money
from payports.domain.transaction_types import TransactionType

OTHER: Final = "other"
"""Types of tender that the shop does not offer."""


class ReplayCounts:
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

    def add(self, order: RealOrder, sold: SaleResult) -> None:
        """Count one order."""
        self.orders += 1
        self.placed += sold.refusal is None
        for tender in order.tenders:
            name = tender.type if tender.type in ROUTES else OTHER
            self.tenders[name] += 1
            self.ordered[name] += tender.amount.minor
            if sold.refusal or any(tender is refused for refused, _ in sold.refused):
                self.refused[name] += tender.amount.minor
        self.refused_tenders.update(reason_of(problem) for _, problem in sold.refused)
        if sold.refusal:
            self.refused_orders[reason_of(sold.refusal)] += 1
        if sold.failure:
            self.failures[reason_of(sold.failure)] += 1

    def planned(self) -> int:
        """What the payments of placed orders were to pay."""
        return self.ordered.total() - self.refused.total()


def written(counts: ReplayCounts, found: Reconciliation) -> str:
    """The result as one JSON object; amounts in minor units."""
    return json.dumps(
        {
            "orders": counts.orders,
            "placed": counts.placed,
            "refused": counts.orders - counts.placed,
            "planned_minor": counts.planned(),
            "captured_minor": _moved(found.ours, counts, *CAPTURING),
            "refunded_minor": _moved(found.ours, counts, REFUND),
            "bank_captured_minor": _moved(found.theirs, counts, *CAPTURING),
            "bank_refunded_minor": _moved(found.theirs, counts, REFUND),
            "differences": found.differences,
            "currency": counts.currency.code,
            "ordered_minor": counts.ordered.total(),
            "refused_orders": dict(counts.refused_orders),
            "refused_tenders": dict(counts.refused_tenders),
            "failures": dict(counts.failures),
            "replaced_workers": counts.replaced_workers,
        }
    )


def print_report(out: Console, counts: ReplayCounts, found: Reconciliation) -> None:
    """Print the table by tender, the refusals with their reasons, and the comparison of the ledgers."""
    headings = ("tenders", "ordered", "secured", "captured", "refunded", "refused")
    table = columns("tender", *headings, right=headings, fixed=("tender",))
    table.padding = (0, 1, 0, 0)  # millions fit into 80 columns
    for name in (*ROUTES, OTHER):
        if counts.tenders[name]:
            gateways = tuple(route.gateway for kind, route in ROUTES.items() if kind == name)
            table.add_row(words(name), *_cells(counts, found, (name,), gateways))
    table.add_section()
    every = tuple(route.gateway for route in ROUTES.values())
    table.add_row("all", *_cells(counts, found, tuple(counts.tenders), every), style=HEADING)
    out.print(table)
    out.print()
    refused = counts.orders - counts.placed
    out.print(f"{counts.orders:,} orders, {counts.placed:,} placed, {refused:,} refused; {counts.currency} throughout")
    _print_reasons(out, counts)
    _print_ledgers(out, counts, found)


def _cells(
    counts: ReplayCounts, found: Reconciliation, names: tuple[str, ...], gateways: tuple[str, ...]
) -> tuple[str, ...]:
    def moved(*types: TransactionType) -> int:
        return _moved(found.ours, counts, *types, gateways=gateways)

    amounts = (
        sum(counts.ordered[name] for name in names),
        moved(*INITIATING) - moved(REVERSE_AUTH),
        moved(*CAPTURING),
        moved(REFUND),
        sum(counts.refused[name] for name in names),
    )
    return (f"{sum(counts.tenders[name] for name in names):,}", *(_shown(minor, counts) for minor in amounts))


def _print_reasons(out: Console, counts: ReplayCounts) -> None:
    for what, reasons, style in (
        ("refused tenders", counts.refused_tenders, FAINT),
        ("refused orders", counts.refused_orders, FAINT),
        ("orders that went wrong after they were placed", counts.failures, BAD),
    ):
        for reason, number in sorted(reasons.items()):
            out.print(f"{what}: {number:,} for {reason}", style=style)


def _print_ledgers(out: Console, counts: ReplayCounts, found: Reconciliation) -> None:
    table = columns("ledger", "captured", "refunded", right=("captured", "refunded"))
    for name, sums in (("ours", found.ours), ("the banks'", found.theirs)):
        captured, refunded = _moved(sums, counts, *CAPTURING), _moved(sums, counts, REFUND)
        table.add_row(name, _shown(captured, counts), _shown(refunded, counts))
    out.print()
    out.print(table)
    out.print()
    print_reconciliation(out, found)


def _moved(
    sums: Counter[tuple[str, TransactionType, str]],
    counts: ReplayCounts,
    *types: TransactionType,
    gateways: Container[str] | None = None,
) -> int:
    return sum(
        minor
        for (name, kind, code), minor in sums.items()
        if kind in types and code == counts.currency.code and (gateways is None or name in gateways)
    )


def _shown(minor: int, counts: ReplayCounts) -> str:
    return grouped(Money(minor, counts.currency)) if minor else "-"
