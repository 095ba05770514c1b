"""``payports show`` and ``payports list``: look at payments, change nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from returns.result import Failure
from rich.console import Console

from payports.adapters.command_line.opening import open_shop
from payports.adapters.command_line.printing import FAINT, columns, console
from payports.adapters.command_line.refusing import Refused, refuse
from payports.adapters.command_line.timeline import print_timeline
from payports.application.shop import Payports
from payports.domain.payment import Owner, Payment
from payports.domain.summary import PaymentSummary, summarize
from payports.domain.transaction import ReversalState


def show_payment(payment_id: str, config: Path | None) -> None:
    """Print one payment's timeline."""
    with open_shop(config) as shop:
        print_payment(console(), shop, payment_id)


def print_payment(out: Console, shop: Payports, payment_id: str) -> None:
    """Print a payment of an open shop; ``Refused`` if there is none."""
    found, summary, history = (
        shop.payments.get(payment_id),
        shop.payments.summary(payment_id),
        shop.events.history(payment_id),
    )
    for one in (found, summary, history):
        if isinstance(one, Failure):
            refuse(one.failure())
    facts = (recorded.fact for recorded in history.unwrap())
    print_timeline(out, found.unwrap(), summary.unwrap(), facts)


def list_payments(config: Path | None, owner: str | None, limit: int, after: str) -> None:
    """Print payments, oldest first."""
    out = console()
    with open_shop(config) as shop:
        payments = _payments(shop, owner, limit + 1, after)
    table = columns("payment", "owner", "gateway", "amount", "state", right=("amount",), fixed=("payment", "state"))
    for payment in payments[:limit]:
        of = f"{payment.owner.kind} {payment.owner.id}"
        table.add_row(payment.id, of, payment.gateway, str(payment.amount), state_of(payment))
    if not payments:
        out.print("There are no payments.")
        return
    out.print(table)
    if len(payments) > limit:
        out.print(f"There are more: payports list --after {payments[limit - 1].id}", style=FAINT, soft_wrap=True)


def _payments(shop: Payports, owner: str | None, limit: int, after: str) -> tuple[Payment, ...]:
    if owner is None:
        return shop.environment.store.payments(after, limit)
    kind, colon, name = owner.partition(":")
    if not colon:
        raise Refused("an owner is written kind:id, such as cart:c-1")
    found = shop.payments.of_owner(Owner(kind, name))
    if isinstance(found, Failure):
        refuse(found.failure())
    return tuple(islice((one for one in found.unwrap() if one.id > after), limit))


def state_of(payment: Payment) -> str:
    """Say in a word or two how far a payment has come."""
    if any(one.discrepancy or one.reversal is ReversalState.FAILED_REVERSAL for one in payment.transactions):
        return "look at it"
    if any(one.indeterminate for one in payment.transactions):
        return "unknown"
    return _by_amounts(payment, summarize(payment))


def _by_amounts(payment: Payment, summary: PaymentSummary) -> str:
    if summary.next_action:
        return "shopper must act"
    if summary.amount_awaiting:
        return "awaited"
    if summary.amount_refunded:
        return "part refunded" if summary.amount_captured else "refunded"
    if summary.amount_captured:
        return "captured" if summary.fully_captured else "part captured"
    if summary.amount_authorized:
        return "authorized"
    if payment.archived:
        return "archived"
    return "declined" if payment.transactions else "planned"
