"""The timeline of a payment: what happened when, with which amount, how it ended, who caused it and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from returns.result import Failure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from payports.adapters.command_line.presentation.errors import refuse
from payports.adapters.command_line.presentation.output import (
    BAD,
    FAINT,
    HEADING,
    columns,
    indented,
    status_text,
    words,
)
from payports.application.shop import Payports
from payports.domain.history import Fact
from payports.domain.observation import Channel
from payports.domain.payment import AllocationKind, Payment
from payports.domain.summary import PaymentSummary
from payports.domain.transaction_types import ReversalState, TransactionStatus

_TIME: Final = "%H:%M:%S"
_WIDTHS: Final = (15, 7, 9)
"""What most payments need, so that the tables of several stand in line."""


def print_payment(out: Console, shop: Payports, payment_id: str) -> None:
    """Print a payment of an open shop; ``Refused`` if there is none."""
    payment, summary, history = (
        shop.payments.get(payment_id),
        shop.payments.summary(payment_id),
        shop.events.history(payment_id),
    )
    for outcome in (payment, summary, history):
        if isinstance(outcome, Failure):
            refuse(outcome.failure())
    facts = (recorded.fact for recorded in history.unwrap())
    _print_timeline(out, payment.unwrap(), summary.unwrap(), facts)


def _print_timeline(out: Console, payment: Payment, summary: PaymentSummary, facts: Iterable[Fact]) -> None:
    """Print a payment: a heading, its timeline, and its amounts now."""
    out.print(f"{payment.owner.kind} {payment.owner.id}: {payment.amount} by {payment.gateway}", style=HEADING)
    out.print(indented(_about(payment), 2), style=FAINT)
    out.print(indented(_table(payment, facts), 2))
    out.print(indented(_amounts(summary), 2))


def _about(payment: Payment) -> str:
    display = " ".join(payment.method.display.values())
    return ", ".join((f"payment {payment.id}", display or words(payment.type), f"{payment.created_at:%Y-%m-%d} UTC"))


def _table(payment: Payment, facts: Iterable[Fact]) -> Table:
    table = columns("when", "what", "amount", "status", "who and why", right=("amount",), fixed=("when", "status"))
    for column, width in zip(table.columns[1:4], _WIDTHS, strict=True):
        column.min_width = width
    day, named = payment.created_at.date(), set[str]()
    for fact in facts:
        if fact.at.date() != day:
            day = fact.at.date()
            table.add_row("", Text(f"{day:%Y-%m-%d}", style=FAINT))
        if not _repeats_the_next(fact):
            what, amount, status, why = _row(fact, named)
            table.add_row(fact.at.strftime(_TIME), what, amount.removesuffix(f" {payment.currency}"), status, why)
    return table


def _repeats_the_next(fact: Fact) -> bool:
    """Tell whether a fact is about a transaction made outside: it is recorded with its result, which the next fact repeats in full."""
    return fact.kind == "transaction.recorded" and fact.detail["status"] != TransactionStatus.SENDING_TO_PROCESSOR


def _row(fact: Fact, named: set[str]) -> tuple[str, str, str | Text, str]:
    """Write a fact: what happened, the amount, the status, who caused it and why. ``named``: gateway references already printed."""
    detail, cause = fact.detail, ", ".join(part for part in (fact.by, fact.why) if part)
    match fact.kind:
        case "transaction.recorded":
            return words(detail["type"]), detail["amount"], status_text(detail["status"]), _for(fact) or cause
        case "transaction.observed":
            return (
                words(detail["type"]),
                detail["amount"],
                status_text(detail["says"]),
                ", ".join(_reasons(detail, named)),
            )
        case "transaction.discrepancy":
            return "contradiction", "", Text("needs attention", style=BAD), detail["says"]
        case "transaction.reversal":
            return "reversal", "", _REVERSALS[ReversalState(detail["state"])], cause
        case "payment.allocated":
            return _ALLOCATED[AllocationKind(detail["as"])], detail["amount"], "", _for(fact)
        case "payment.unallocated":
            return f"no longer {_ALLOCATED[AllocationKind(detail['as'])]}", detail["amount"], "", _for(fact)
        case _:
            return _KINDS.get(fact.kind, fact.kind), detail.get("amount", ""), "", cause


_KINDS: Final = {
    "payment.created": "payment created",
    "payment.updated": "payment changed",
    "payment.archived": "payment archived",
    "payment.placed": "order placed",
}
_ALLOCATED: Final = {AllocationKind.CAPTURED_EARLIER: "captured already", AllocationKind.CANCELLED: "cancelled"}

_REVERSALS: Final = {
    ReversalState.NONE: "withdrawn",
    ReversalState.REVERSAL_CANDIDATE: "candidate",
    ReversalState.REQUIRES_REVERSAL: "required",
    ReversalState.REVERSAL_IN_PROGRESS: "in progress",
    ReversalState.REVERSED: "done",
    ReversalState.FAILED_REVERSAL: "failed",
}


def _reasons(detail: Mapping[str, str], named: set[str]) -> Iterator[str]:
    """Give who reported it and why; without a reason the gateway reference, once; for a ruling also whether it had no effect."""
    yield f"operator {detail['operator']}" if "operator" in detail else _CHANNELS[Channel(detail["channel"])]
    reasons = [detail[name] for name in ("code", "message") if name in detail]
    yield from reasons
    reference = detail.get("reference", "")
    if reference and not reasons and reference not in named:
        named.add(reference)
        yield reference
    if "operator" in detail and detail["says"] != detail["status"]:
        yield "without effect"


_CHANNELS: Final = {
    Channel.ANSWER: "answer",
    Channel.WEBHOOK: "webhook",
    Channel.RETURN: "shopper came back",
    Channel.LOOK_UP: "looked up",
    Channel.OPERATOR: "operator",
}


def _for(fact: Fact) -> str:
    return f"for {fact.detail['for']}" if "for" in fact.detail else ""


def _amounts(summary: PaymentSummary) -> str:
    """Say what has moved, and what could be done next; leave out amounts of zero."""
    moved = {
        "authorized": summary.amount_authorized,
        "captured": summary.total_ever_captured,
        "settled": summary.amount_settled,
        "voided": summary.amount_voided,
        "refunded": summary.amount_refunded,
        "credited": summary.amount_credited,
        "charged back": summary.amount_charged_back,
        "pending": summary.amount_awaiting,
    }
    left = {"capture": summary.amount_available_for_capture, "refund": summary.amount_available_for_refund}
    parts = [f"{name} {amount.text}" for name, amount in moved.items() if amount]
    open_ = [f"can {name} {amount.text}" for name, amount in left.items() if amount]
    return f"now: {', '.join([*parts, *open_]) or 'nothing has moved'}"
