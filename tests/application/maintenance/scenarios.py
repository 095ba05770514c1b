"""Scenarios of maintenance: unknown results, a hold that a failed checkout left, what a pass reports and what it shows."""

from __future__ import annotations

from typing import Any

import attrs

from payports import AttentionItem, AttentionKind, Payment, Transaction
from payports.application.maintenance.service import MaintenanceReport
from tests.application.shops import Bench, eur, problem, told


def run(on: Bench, limit: int = 100) -> MaintenanceReport:
    """Run one pass of maintenance."""
    report: MaintenanceReport = told(on.shop.maintenance.run(limit))
    return report


def passed(**counted: Any) -> MaintenanceReport:
    """The report of a pass that did nothing but what is named."""
    fields: dict[str, Any] = {field.name: 0 for field in attrs.fields(MaintenanceReport)}
    return MaintenanceReport(**(fields | {"more": False} | counted))


def unknown(on: Bench, number: int) -> Payment:
    """Create a payment whose authorization has an unknown result."""
    payment = on.pay(f"c-{number}", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    return payment


def declined(on: Bench, payment: Payment, minor: int) -> str:
    """Let the bank decline an authorization; gives the transaction's id."""
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.shop.transactions.authorize(payment.id, eur(minor)))
    return on.again(payment).transactions[-1].id


def failed_with_a_hold(on: Bench, fails_too: str = "") -> Payment:
    """A payment with a hold that a failed attempt left: a candidate for reversal."""
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, eur(1_000)))
    if fails_too:
        on.bank.fail_next(fails_too, "declined")
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.submit())
    return payment


def hold_of(on: Bench, payment: Payment) -> Transaction:
    """The authorization of 10.00 EUR that the failed attempt left."""
    return next(one for one in on.again(payment).transactions if one.requested == eur(1_000))


def attention_items(on: Bench) -> list[AttentionItem]:
    return list(told(on.shop.maintenance.needs_attention()))


def attention_kinds(on: Bench) -> set[AttentionKind]:
    return {item.kind for item in attention_items(on)}
