"""What an audit finds, and a shop that has sold something to audit."""

from __future__ import annotations

from typing import Any

from payports import AuditPage, Finding, FindingKind, Payment
from tests.application.fixtures import ShopFixture, open_shop, value_of


def sold(**rest: Any) -> tuple[ShopFixture, Any, Payment]:
    """A shop that has sold a cart, its store, whose reads a test may spoil, and the payment."""
    shop = open_shop()
    payment = shop.pay(**rest)
    value_of(shop.submit(customer=rest.get("customer")))
    return shop, shop.environment.store, shop.reload(payment)


def findings(shop: ShopFixture, **options: Any) -> list[Finding]:
    """What the audit of the payments finds."""
    page: AuditPage = value_of(shop.audit.verify(**options))
    return list(page.findings)


def kinds_beside_the_gateway(shop: ShopFixture) -> list[tuple[FindingKind, bool]]:
    """What a comparison with the gateways finds: its kind, and whether somebody is at work on it."""
    return [(finding.kind, finding.known) for finding in findings(shop, gateway_look_up=True)]


def of_payment(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return [Finding(kind=kind, payment_id=payment.id, message=message, **rest)]


def of_transaction(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return of_payment(kind, payment, message, transaction_id=payment.transactions[0].id, **rest)
