"""What an audit finds, and a shop that has sold something to audit."""

from __future__ import annotations

from typing import Any

from payports import AuditPage, Finding, FindingKind, Payment
from tests.application.shops import Bench, bench, told


def sold(**rest: Any) -> tuple[Bench, Any, Payment]:
    """A shop that has sold a cart, its store, whose reads a test may spoil, and the payment."""
    on = bench()
    payment = on.pay(**rest)
    told(on.submit(customer=rest.get("customer")))
    return on, on.shop.environment.store, on.again(payment)


def findings(on: Bench, **options: Any) -> list[Finding]:
    """What the audit of the payments finds."""
    page: AuditPage = told(on.shop.audit.verify(**options))
    return list(page.findings)


def kinds_beside_the_gateway(on: Bench) -> list[tuple[FindingKind, bool]]:
    """What a comparison with the gateways finds: its kind, and whether somebody is at work on it."""
    return [(one.kind, one.known) for one in findings(on, gateway_look_up=True)]


def of_payment(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return [Finding(kind=kind, payment_id=payment.id, message=message, **rest)]


def of_transaction(kind: FindingKind, payment: Payment, message: str, **rest: Any) -> list[Finding]:
    return of_payment(kind, payment, message, transaction_id=payment.transactions[0].id, **rest)
