"""What Stripe's events tell of our transactions: a pure table from event types to readers.

An event may tell of several: an intent that was captured tells of its hold too. What is told of no transaction of ours is nothing; what was
done in Stripe's dashboard on top of one of ours is told by reference, and recorded as observed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from payports.adapters.gateways.reading import Table, table, tables, text, whole
from payports.adapters.gateways.stripe.answers import next_action_of
from payports.adapters.gateways.stripe.calls import TRANSACTION, Terms
from payports.adapters.gateways.stripe.currencies import money_of
from payports.adapters.gateways.stripe.objects import (
    MANUAL,
    Charge,
    Intent,
    id_of,
    own_id,
    read_charge,
    read_intent,
    read_refund,
)
from payports.adapters.gateways.stripe.verdicts import Verdict, initiated, refunded
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    REFUND,
    REVERSE_AUTH,
)
from payports.domain.money import Money
from payports.domain.transaction import Channel, FailureType, Observation, TransactionStatus, TransactionType

Told: TypeAlias = tuple[Observation, ...]
_Reader: TypeAlias = Callable[[Table, str, Terms], "Told | None"]
_SUCCEEDED: Final = TransactionStatus.SUCCEEDED


def read_event(kind: str, told: Table, terms: Terms) -> Told | None:
    """Read what an event's object tells; ``None`` if it should tell something and cannot be read."""
    reader = next((one for prefix, one in _READERS.items() if kind == prefix or kind.startswith(f"{prefix}.")), None)
    return reader(told, kind, terms) if reader else ()


def _seen(
    kind: TransactionType | None,
    verdict: Verdict,
    terms: Terms,
    *,
    transaction: str = "",
    reference: str = "",
    parent: str = "",
) -> Observation:
    problem = verdict.problem
    return Observation(
        status=verdict.status,
        channel=Channel.WEBHOOK,
        transaction_id=transaction,
        type=kind,
        amount=verdict.amount if verdict.status in (_SUCCEEDED, TransactionStatus.REVOKED) else None,
        gateway_reference=reference,
        parent_reference=parent,
        account=terms.account,
        code=problem.code if problem else "",
        failure_type=problem.failure if problem else None,
        hard=problem.hard if problem else False,
    )


def _intent(told: Table, kind: str, terms: Terms) -> Told | None:  # noqa: ARG001 -- an intent's status says it all
    intent = read_intent(told)
    if intent is None:
        return None
    if not intent.transaction:
        return ()
    manual = intent.method == MANUAL
    return (*_begun(intent, terms, manual=manual), *(_followed(intent, terms) if manual else ()))


def _begun(intent: Intent, terms: Terms, *, manual: bool) -> Told:
    verdict = initiated(intent, manual=manual)
    if manual and intent.status == "canceled" and intent.authorized:
        verdict = Verdict(_SUCCEEDED, intent.amount)  # that the hold is gone is told by its reversal
    if verdict.status is TransactionStatus.UNKNOWN:
        return ()
    kind = AUTHORIZE if manual else AUTHORIZE_AND_CAPTURE
    seen = _seen(kind, verdict, terms, transaction=intent.transaction, reference=intent.id)
    waits = verdict.status is TransactionStatus.REQUIRES_ACTION
    held = {"held": str(intent.amount.minor)} if manual else {}
    attributes = {"currency": intent.amount.currency.code, **held}
    return (attrs.evolve(seen, attributes=attributes, next_action=next_action_of(intent, terms) if waits else None),)


def _followed(intent: Intent, terms: Terms) -> Told:
    """What happened on top of a hold: captures, and giving it up."""
    if intent.status == "canceled":
        approved = intent.authorized or (intent.authorized is None and intent.problem is None)
        return (_on_hold(REVERSE_AUTH, intent.id, intent.transaction, intent.amount, terms),) if approved else ()
    if not intent.received:
        return ()
    if not terms.several_captures:
        if intent.status != "succeeded":
            return ()
        return (_on_hold(CAPTURE, intent.id, intent.transaction, intent.received, terms),)
    amounts = {
        name: money_of(int(units), intent.amount.currency.code.lower())
        for name, units in intent.captures.items()
        if _is_number(units)
    }
    return tuple(
        _seen(CAPTURE, Verdict(_SUCCEEDED, amount), terms, transaction=name, reference=intent.id, parent=intent.id)
        for name, amount in amounts.items()
        if amount and amount <= intent.received
    )


def _is_number(units: str) -> bool:
    return units.isascii() and units.isdigit() and len(units) <= 16


def _on_hold(kind: TransactionType, intent: str, transaction: str, amount: Money, terms: Terms) -> Observation:
    """Of one intent there is one such: found by type and reference, whoever asked for it."""
    return _seen(kind, Verdict(_SUCCEEDED, amount), terms, transaction=transaction, reference=intent, parent=intent)


def _charge(told: Table, kind: str, terms: Terms) -> Told | None:
    charge = read_charge(told)
    if charge is None:
        return None
    if not charge.intent or not charge.transaction:
        return ()
    match kind:
        case "charge.succeeded" | "charge.failed" | "charge.pending":
            return _tried(charge, terms)
        case "charge.captured" if charge.captured and not terms.several_captures:
            return (_on_hold(CAPTURE, charge.intent, charge.transaction, charge.captured, terms),)
        case "charge.expired" | "charge.refunded" if not charge.is_captured:
            return (_on_hold(REVERSE_AUTH, charge.intent, charge.transaction, charge.amount, terms),)
        case "charge.refunded":
            listed = [_refund(one, kind, terms) for one in tables(table(told, "refunds"), "data")]
            return tuple(seen for one in listed if one for seen in one)
        case _:
            return ()


def _tried(charge: Charge, terms: Terms) -> Told:
    """How an attempt to charge went; one that failed does not tell whether it was to be captured at once."""
    if charge.status == "succeeded":
        kind, amount = (AUTHORIZE_AND_CAPTURE, charge.captured) if charge.is_captured else (AUTHORIZE, charge.amount)
        verdict = Verdict(_SUCCEEDED, amount)
        if amount is None:
            return ()
    elif charge.status == "failed":
        kind, verdict = None, Verdict(TransactionStatus.DECLINED, problem=charge.problem)
    else:
        kind, verdict = None, Verdict(TransactionStatus.AWAITING_RESULT)
    seen = _seen(kind, verdict, terms, transaction=charge.transaction, reference=charge.intent)
    failure = FailureType.DECLINED if verdict.status is TransactionStatus.DECLINED else None
    return (attrs.evolve(seen, failure_type=seen.failure_type or failure),)


def _refund(told: Table, kind: str, terms: Terms) -> Told | None:  # noqa: ARG001 -- a refund's status says it all
    refund = read_refund(told)
    if refund is None:
        return None
    verdict = attrs.evolve(refunded(refund), amount=refund.amount)
    released = refund.status == "succeeded" and not refund.moved
    if verdict.status is TransactionStatus.UNKNOWN or (not refund.transaction and (released or not refund.intent)):
        return ()  # what is released of a hold is no refund; what is of no intent is not ours
    return (_seen(REFUND, verdict, terms, transaction=refund.transaction, reference=refund.id, parent=refund.intent),)


def _dispute(told: Table, kind: str, terms: Terms) -> Told | None:
    """A dispute counts once it moved money. Entries in the balance have a currency of their own, so only their sign is read."""
    amount, name, intent = (
        money_of(told.get("amount"), told.get("currency")),
        own_id(told),
        id_of(told.get("payment_intent")),
    )
    if amount is None or not name:
        return None
    if not intent:
        return ()
    entries = [whole(one, "amount") or 0 for one in tables(told, "balance_transactions")]
    returned = kind == "charge.dispute.funds_reinstated" or any(units > 0 for units in entries)
    taken = (
        returned
        or kind == "charge.dispute.funds_withdrawn"
        or text(told, "status") == "lost"
        or min(entries, default=0) < 0
    )
    back = _seen(CHARGEBACK_REVERSAL, Verdict(_SUCCEEDED, amount), terms, reference=name, parent=name)
    gone = _seen(CHARGEBACK, Verdict(_SUCCEEDED, amount), terms, reference=name, parent=intent)
    return ((gone,) if taken else ()) + ((back,) if returned else ())


def _session(told: Table, kind: str, terms: Terms) -> Told | None:
    """Only that a hosted page lapsed is told here; what was paid on it the intent tells."""
    name = text(table(told, "metadata"), TRANSACTION, 255)
    if kind != "checkout.session.expired" or not name:
        return ()
    seen = _seen(None, Verdict(TransactionStatus.NOT_EXECUTED), terms, transaction=name)
    return (attrs.evolve(seen, failure_type=FailureType.ABANDONED, code="expired"),)


_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "payment_intent": _intent,
        "charge.dispute": _dispute,
        "charge.refund": _refund,
        "charge": _charge,
        "refund": _refund,
        "checkout.session": _session,
    }
)
"""By the beginning of the event's type; the longer before the shorter."""
