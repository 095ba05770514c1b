"""``payports show`` and ``payports list``: look at payments, change nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from returns.result import Failure

from payports.adapters.command_line.presentation.errors import Refused, refuse
from payports.adapters.command_line.presentation.output import FAINT, columns, console
from payports.adapters.command_line.presentation.timeline import print_payment
from payports.adapters.command_line.shops import open_shop, shops_of, the_one
from payports.application.shop import Payports
from payports.domain.input_checks import check_identifier
from payports.domain.payment import Owner, Payment
from payports.domain.summary import PaymentSummary, summarize
from payports.domain.transaction_types import ReversalState


def show_payment(payment_id: str, config: Path | None, merchants: tuple[str, ...] = ()) -> None:
    """Print the timeline of one payment, of whichever merchant."""
    out = console()
    with open_shop(config) as shop:
        if problem := check_identifier("payment_id", payment_id):
            refuse(problem)
        shops = shops_of(shop, merchants).values()
        matching = [candidate for candidate in shops if candidate.environment.store.payment(payment_id)]
        owning = the_one(matching, "payment", payment_id)
        if owning.merchant_id != shop.merchant_id:
            out.print(f"merchant {owning.merchant_id}", style=FAINT, soft_wrap=True)
        print_payment(out, owning, payment_id)


def list_payments(
    config: Path | None, owner: str | None, limit: int, after: str, merchants: tuple[str, ...] = ()
) -> None:
    """Print payments, oldest first, those of several merchants together."""
    out = console()
    with open_shop(config) as shop:
        payments = [
            (merchant, payment)
            for merchant, merchant_shop in shops_of(shop, merchants).items()
            for payment in _payments(merchant_shop, owner, limit + 1, after)
        ]
    payments.sort(key=lambda entry: entry[1].id)
    others = any(merchant != shop.merchant_id for merchant, _ in payments[:limit])
    more = ("merchant",) if others else ()
    table = columns(
        "payment", "owner", "gateway", "amount", "state", *more, right=("amount",), fixed=("payment", "state")
    )
    for merchant, payment in payments[:limit]:
        owned_by = f"{payment.owner.kind} {payment.owner.id}"
        cells = (payment.id, owned_by, payment.gateway, str(payment.amount), state_of(payment))
        table.add_row(*cells, *((merchant,) if others else ()))
    if not payments:
        out.print("There are no payments.")
        return
    out.print(table)
    if len(payments) > limit:
        out.print(f"There are more: payports list --after {payments[limit - 1][1].id}", style=FAINT, soft_wrap=True)


def _payments(shop: Payports, owner: str | None, limit: int, after: str) -> tuple[Payment, ...]:
    if owner is None:
        return shop.environment.store.payments(after, limit)
    kind, colon, name = owner.partition(":")
    if not colon:
        raise Refused("an owner is written kind:id, such as cart:c-1")
    owned = shop.payments.of_owner(Owner(kind, name))
    if isinstance(owned, Failure):
        refuse(owned.failure())
    return tuple(islice((payment for payment in owned.unwrap() if payment.id > after), limit))


def state_of(payment: Payment) -> str:
    """Name the state of a payment in a word or two."""
    if any(
        transaction.discrepancy or transaction.reversal is ReversalState.FAILED_REVERSAL
        for transaction in payment.transactions
    ):
        return "needs attention"
    if any(transaction.indeterminate for transaction in payment.transactions):
        return "unknown"
    return _by_amounts(payment, summarize(payment))


def _by_amounts(payment: Payment, summary: PaymentSummary) -> str:
    if summary.next_action:
        return "requires action"
    if summary.amount_awaiting:
        return "pending"
    if summary.amount_refunded:
        return "part refunded" if summary.amount_captured else "refunded"
    if summary.amount_captured:
        return "captured" if summary.fully_captured else "part captured"
    if summary.amount_authorized:
        return "authorized"
    if payment.archived:
        return "archived"
    return "declined" if payment.transactions else "planned"
