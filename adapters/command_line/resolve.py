"""``payports resolve``: record an operator's ruling on a transaction, and show what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs
from returns.result import Failure
from rich.table import Table

from payports.adapters.command_line.presentation.errors import Refused, refuse
from payports.adapters.command_line.presentation.output import BAD, GOOD, columns, console, status_text, words
from payports.adapters.command_line.shops import open_shop, shops_of, the_one
from payports.adapters.command_line.show import state_of
from payports.application.shop import Payports
from payports.domain.failures import OperationNotAllowed
from payports.domain.input_checks import check_identifier
from payports.domain.payment import Payment
from payports.domain.transaction_types import TransactionStatus

_SAYS_SO: Final = OperationNotAllowed
"""What a ruling is answered with that a transaction does not follow."""


@attrs.frozen(kw_only=True)
class Ruling:
    """What the operator says."""

    transaction_id: str
    status: str
    operator: str
    reason: str
    gateway_reference: str = ""


def run_resolve(config: Path | None, merchant: str, ruling: Ruling) -> int:
    """Record the ruling; 1 if it stands in the history and the transaction did not follow it, as no final status is lowered."""
    status = ruling.status.upper().replace("-", "_")
    if status not in TransactionStatus.__members__:
        raise Refused("status: must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED")
    with open_shop(config) as opened:
        shops = shops_of(opened, (merchant,) if merchant else ()).values()
        shop, before = _found(shops, ruling.transaction_id)
        facts_before = len(shop.events.history(before.id).value_or(()))
        resolved = shop.maintenance.resolve(
            ruling.transaction_id,
            TransactionStatus(status),
            operator=ruling.operator,
            reason=ruling.reason,
            gateway_reference=ruling.gateway_reference,
        )
        if isinstance(resolved, Failure) and not isinstance(resolved.failure(), _SAYS_SO):
            refuse(resolved.failure())
        _, after = _found([shop], ruling.transaction_id)
        history = shop.events.history(after.id)
    out, transaction = console(), after.by_id[ruling.transaction_id]
    out.print(
        f"{words(transaction.type)} {transaction.id} of payment {after.id}, {after.owner.kind} {after.owner.id}",
        soft_wrap=True,
    )
    out.print(_changes(before, after, ruling.transaction_id))
    for recorded in history.value_or(())[facts_before:]:
        fact = recorded.fact
        detail = ", ".join(f"{name} {value}" for name, value in fact.detail.items())
        out.print(f"history {recorded.sequence}: {fact.kind} by {fact.by}, {fact.why}: {detail}", soft_wrap=True)
    followed = transaction.status == status
    out.print(
        f"It is {transaction.status} now."
        if followed
        else f"It stays {transaction.status}: a final status is never lowered. The ruling stands in its history.",
        style=GOOD if followed else BAD,
        soft_wrap=True,
    )
    return int(not followed)


def _found(shops: Iterable[Payports], transaction_id: str) -> tuple[Payports, Payment]:
    """Find the shop and the payment of a transaction. Raises ``Refused`` if there is none."""
    if problem := check_identifier("transaction", transaction_id):
        refuse(problem)
    candidates = ((shop, shop.environment.store.payment_of_transaction(transaction_id)) for shop in shops)
    return the_one([(shop, payment) for shop, payment in candidates if payment], "transaction", transaction_id)


def _changes(before: Payment, after: Payment, transaction_id: str) -> Table:
    table = columns("", "before", "after", fixed=("",))
    was, is_ = before.by_id[transaction_id], after.by_id[transaction_id]
    table.add_row("status", status_text(was.status), status_text(is_.status))
    rows = {
        "amount": (str(was.amount), str(is_.amount)),
        "reference": (was.gateway_reference, is_.gateway_reference),
        "reversal": (words(was.reversal), words(is_.reversal)),
        "contradiction": tuple(
            transaction.discrepancy.message if transaction.discrepancy else "" for transaction in (was, is_)
        ),
        "payment": (state_of(before), state_of(after)),
    }
    for name, (old, new) in rows.items():
        table.add_row(name, old or "-", new or "-")
    return table
