"""Scenarios of maintenance: unknown results, a hold that a failed checkout left, what a pass reports and what it shows."""

from __future__ import annotations

from typing import Any

import attrs

from payports import AttentionItem, AttentionKind, Payment, Transaction
from payports.application.maintenance.service import MaintenanceReport
from tests.application.fixtures import ShopFixture, eur, problem, value_of


def run(shop: ShopFixture, limit: int = 100) -> MaintenanceReport:
    """Run one pass of maintenance."""
    report: MaintenanceReport = value_of(shop.maintenance.run(limit))
    return report


def passed(**counted: Any) -> MaintenanceReport:
    """The report of a pass with these counts, and zero for all others."""
    fields: dict[str, Any] = {field.name: 0 for field in attrs.fields(MaintenanceReport)}
    return MaintenanceReport(**(fields | {"more": False} | counted))


def unknown(shop: ShopFixture, number: int) -> Payment:
    """Create a payment whose authorization has an unknown result."""
    payment = shop.pay(f"c-{number}", token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    return payment


def declined(shop: ShopFixture, payment: Payment, minor: int) -> str:
    """Let the bank decline an authorization; returns the transaction's id."""
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.transactions.authorize(payment.id, eur(minor)))
    return shop.reload(payment).transactions[-1].id


def failed_with_a_hold(shop: ShopFixture, fails_too: str = "") -> Payment:
    """Create a payment with a hold that a failed attempt left: a reversal candidate."""
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, eur(1_000)))
    if fails_too:
        shop.bank.fail_next(fails_too, "declined")
    shop.bank.fail_next("AUTHORIZE", "declined")
    problem(shop.submit())
    return payment


def hold_of(shop: ShopFixture, payment: Payment) -> Transaction:
    """The authorization of 10.00 EUR that the failed attempt left."""
    return next(transaction for transaction in shop.reload(payment).transactions if transaction.requested == eur(1_000))


def attention_items(shop: ShopFixture) -> list[AttentionItem]:
    return list(value_of(shop.maintenance.needs_attention()))


def attention_kinds(shop: ShopFixture) -> set[AttentionKind]:
    return {item.kind for item in attention_items(shop)}
