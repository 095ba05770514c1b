"""Findings of an audit, and a shop with an order to audit."""

from __future__ import annotations

from typing import Any

from payports import AuditPage, Finding, FindingKind, Payment
from tests.application.fixtures import ShopFixture, open_shop, value_of


def sold(**rest: Any) -> tuple[ShopFixture, Any, Payment]:
    """A shop with a placed order, its store, whose reads a test may override, and the payment."""
    shop = open_shop()
    payment = shop.pay(**rest)
    value_of(shop.submit(customer=rest.get("customer")))
    return shop, shop.environment.store, shop.reload(payment)


def findings(shop: ShopFixture, **options: Any) -> list[Finding]:
    """What the audit of the payments finds."""
    page: AuditPage = value_of(shop.audit.verify(**options))
    return list(page.findings)


def kinds_at_the_gateway(shop: ShopFixture) -> list[tuple[FindingKind, bool]]:
    """The findings of a comparison with the gateways: their kind, and whether they are known."""
    return [(finding.kind, finding.known) for finding in findings(shop, gateway_look_up=True)]


def of_payment(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return [Finding(kind=kind, payment_id=payment.id, message=message, **rest)]


def of_transaction(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return of_payment(kind, payment, message, transaction_id=payment.transactions[0].id, **rest)
