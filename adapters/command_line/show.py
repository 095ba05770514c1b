"""``payports show`` and ``payports list``: look at payments, change nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from returns.result import Failure
from rich.console import Console

from payports.adapters.command_line.errors import Refused, refuse
from payports.adapters.command_line.output import FAINT, columns, console
from payports.adapters.command_line.shops import open_shop, shops_of, the_one
from payports.adapters.command_line.timeline import print_timeline
from payports.application.shop import Payports
from payports.domain.input_checks import check_identifier
from payports.domain.payment import Owner, Payment
from payports.domain.summary import PaymentSummary, summarize
from payports.domain.transaction_types import ReversalState


def show_payment(payment_id: str, config: Path | None, merchants: tuple[str, ...] = ()) -> None:
    """Print one payment's timeline, whosever it is."""
    out = console()
    with open_shop(config) as shop:
        if problem := check_identifier("payment_id", payment_id):
            refuse(problem)
        holding = [one for one in shops_of(shop, merchants).values() if one.environment.store.payment(payment_id)]
        one = the_one(holding, "payment", payment_id)
        if one.merchant_id != shop.merchant_id:
            out.print(f"merchant {one.merchant_id}", style=FAINT, soft_wrap=True)
        print_payment(out, one, payment_id)


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


def list_payments(
    config: Path | None, owner: str | None, limit: int, after: str, merchants: tuple[str, ...] = ()
) -> None:
    """Print payments, oldest first, those of several merchants together."""
    out = console()
    with open_shop(config) as shop:
        found = [
            (merchant, payment)
            for merchant, one in shops_of(shop, merchants).items()
            for payment in _payments(one, owner, limit + 1, after)
        ]
    found.sort(key=lambda one: one[1].id)
    others = any(merchant != shop.merchant_id for merchant, _ in found[:limit])
    more = ("merchant",) if others else ()
    table = columns(
        "payment", "owner", "gateway", "amount", "state", *more, right=("amount",), fixed=("payment", "state")
    )
    for merchant, payment in found[:limit]:
        of = f"{payment.owner.kind} {payment.owner.id}"
        cells = (payment.id, of, payment.gateway, str(payment.amount), state_of(payment))
        table.add_row(*cells, *((merchant,) if others else ()))
    if not found:
        out.print("There are no payments.")
        return
    out.print(table)
    if len(found) > limit:
        out.print(f"There are more: payports list --after {found[limit - 1][1].id}", style=FAINT, soft_wrap=True)


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
