"""What Stripe's events tell of our transactions: a pure table from event types to readers.

An event may tell of several: an intent that was captured tells of its hold too. What is told of no transaction of ours is nothing; what was
done in Stripe's dashboard on top of one of ours is told by reference, and recorded as observed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, nested_list, text
from payports.adapters.gateways.stripe.currencies import DECIMALS, money_of
from payports.adapters.gateways.stripe.interpretation import Verdict, initiated, observed, refunded
from payports.adapters.gateways.stripe.json_objects import named, own_id
from payports.adapters.gateways.stripe.objects import (
    MANUAL,
    Charge,
    Intent,
    read_charge,
    read_intent,
    read_refund,
    transaction_of,
)
from payports.adapters.gateways.stripe.requests import MULTICAPTURE, StripeSettings
from payports.adapters.gateways.stripe.responses import attributes_of, next_action_of
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
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType

Told: TypeAlias = tuple[Observation, ...]
_Reader: TypeAlias = Callable[[JsonObject, str, StripeSettings], "Told | None"]
_SUCCEEDED: Final = TransactionStatus.SUCCEEDED
_CODE: Final = re.compile(r"[a-z]{3,4}")


def read_event(kind: str, payload: JsonObject, settings: StripeSettings) -> Told | None:
    """Read what an event's object tells; ``None`` if it should tell something and cannot be read."""
    reader = next((one for prefix, one in _READERS.items() if kind == prefix or kind.startswith(f"{prefix}.")), None)
    return reader(payload, kind, settings) if reader else ()


def _seen(
    kind: TransactionType | None,
    verdict: Verdict,
    settings: StripeSettings,
    *,
    transaction: str = "",
    reference: str = "",
    parent: str = "",
) -> Observation:
    moved = verdict.status in (_SUCCEEDED, TransactionStatus.REVOKED)
    seen = Observation(
        status=verdict.status,
        channel=Channel.WEBHOOK,
        transaction_id=transaction,
        type=kind,
        gateway_reference=reference,
        parent_reference=parent,
        account=settings.account,
    )
    return observed(verdict if moved else attrs.evolve(verdict, amount=None), seen)


def _intent(payload: JsonObject, kind: str, settings: StripeSettings) -> Told | None:  # noqa: ARG001 -- an intent's status says it all
    if transaction_of(payload) == "":
        return ()  # somebody else's, of whatever shape
    intent = read_intent(payload)
    if intent is None or intent.livemode is not settings.livemode:
        return None
    if intent.method != MANUAL:
        return _begun(intent, settings, manual=False)
    followed = _followed(intent, settings)
    return None if followed is None else (*_begun(intent, settings, manual=True), *followed)


def _begun(intent: Intent, settings: StripeSettings, *, manual: bool) -> Told:
    verdict = initiated(intent, manual=manual)
    if manual and intent.status == "canceled" and (intent.authorized or intent.received):
        verdict = Verdict(_SUCCEEDED, intent.amount)  # that the hold is gone is told by its reversal
    refused = verdict.status is TransactionStatus.DECLINED and intent.status != "canceled"
    waits = verdict.status is TransactionStatus.REQUIRES_ACTION
    if verdict.status is TransactionStatus.UNKNOWN or refused or (intent.on_page and waits):
        return ()  # what was refused, or waits on a page, the shopper may try again: it is closed first, when it is asked for
    kind = AUTHORIZE if manual else AUTHORIZE_AND_CAPTURE
    seen = _seen(kind, verdict, settings, transaction=intent.transaction, reference=intent.id)
    attributes = attributes_of(intent.amount, intent.charge, settings, manual=manual)
    return (attrs.evolve(seen, attributes=attributes, next_action=next_action_of(intent, settings) if waits else None),)


def _followed(intent: Intent, settings: StripeSettings) -> Told | None:
    """What happened on top of a hold: captures, and giving up the rest. ``None``: what several captures left makes no sense.

    Of a hold that may be captured several times nothing was said to be released; once it has ended, this is where that is told.
    """
    made: Told | None = ()
    if intent.received and settings.several_captures:
        made = _several(intent, settings)
    elif intent.received and intent.status in ("succeeded", "canceled"):
        made = (_on_hold(CAPTURE, intent.id, intent.transaction, intent.received, settings),)
    ended = intent.status == "canceled" or (intent.status == "succeeded" and settings.several_captures)
    if made is None or not ended or intent.received is None or intent.capturable:
        return made
    approved = intent.authorized or intent.received or (intent.authorized is None and intent.problem is None)
    rest = intent.amount - intent.received
    return (*made, _on_hold(REVERSE_AUTH, intent.id, intent.transaction, rest, settings)) if approved and rest else made


def _several(intent: Intent, settings: StripeSettings) -> Told | None:
    """Each of several captures, if together they are no more than what was received.

    If they are less, somebody else captured too: then a capture of all that was received is told by the intent's name. Where there is none
    of ours it is recorded as observed; beside one of ours it contradicts that, and beside several it has no place: a person looks at it.
    """
    code = intent.amount.currency.code.lower()
    amounts = {name: money_of(units, code) for name, units in (intent.captures or {}).items()}
    total = money_of(sum((intent.captures or {}).values()), code)
    if intent.captures is None or total is None or intent.received is None or total > intent.received:
        return None
    others = (_on_hold(CAPTURE, intent.id, "", intent.received, settings),) if total < intent.received else ()
    ours = (_on_hold(CAPTURE, intent.id, name, amount, settings) for name, amount in amounts.items() if amount)
    return (*ours, *others)


def _on_hold(
    kind: TransactionType, intent: str, transaction: str, amount: Money, settings: StripeSettings
) -> Observation:
    """Of one intent there is one such, but for several captures: found by type and reference, whoever asked for it."""
    return _seen(kind, Verdict(_SUCCEEDED, amount), settings, transaction=transaction, reference=intent, parent=intent)


def _charge(payload: JsonObject, kind: str, settings: StripeSettings) -> Told | None:
    if transaction_of(payload) == "":
        return ()
    charge = read_charge(payload)
    if charge is None:
        return None
    if not charge.intent:
        return ()
    untaken = not charge.is_captured and not charge.captured
    match kind:
        case "charge.succeeded" | "charge.failed" | "charge.pending":
            return _tried(charge, settings)
        case "charge.captured" if charge.captured and charge.is_captured and not settings.several_captures:
            return (_on_hold(CAPTURE, charge.intent, charge.transaction, charge.captured, settings),)
        case "charge.expired" | "charge.refunded" if untaken and (
            kind == "charge.expired" or integer(payload, "amount_refunded") == payload.get("amount")
        ):
            return (_on_hold(REVERSE_AUTH, charge.intent, charge.transaction, charge.amount, settings),)
        case "charge.refunded":
            listed = [_refund(one, kind, settings) for one in nested_list(nested(payload, "refunds"), "data")]
            return None if None in listed else tuple(seen for one in listed if one for seen in one)
        case _:
            return ()


def _tried(charge: Charge, settings: StripeSettings) -> Told:
    """How an attempt to charge went; one that failed is not the end, and one under way does not tell whether it is captured at once."""
    if charge.status == "succeeded":
        kind, amount = (AUTHORIZE_AND_CAPTURE, charge.captured) if charge.is_captured else (AUTHORIZE, charge.amount)
        verdict = Verdict(_SUCCEEDED, amount)
        if amount is None:
            return ()
    elif charge.status == "failed":
        return ()  # the shopper may try another card
    else:
        kind, verdict = None, Verdict(TransactionStatus.AWAITING_RESULT)
    seen = _seen(kind, verdict, settings, transaction=charge.transaction, reference=charge.intent)
    payload = kind is AUTHORIZE and charge.multicapture and settings.several_captures
    return (attrs.evolve(seen, attributes={MULTICAPTURE: charge.multicapture}) if payload else seen,)


def _refund(payload: JsonObject, kind: str, settings: StripeSettings) -> Told | None:  # noqa: ARG001 -- a refund's status says it all
    if _is_foreign(payload):
        return ()
    refund = read_refund(payload)
    if refund is None:
        return None
    verdict = attrs.evolve(refunded(refund), amount=refund.amount)
    released = refund.status == "succeeded" and not refund.moved
    if verdict.status is TransactionStatus.UNKNOWN or (not refund.transaction and (released or not refund.intent)):
        return ()  # what is released of a hold is no refund; what is of no intent is not ours
    return (
        _seen(REFUND, verdict, settings, transaction=refund.transaction, reference=refund.id, parent=refund.intent),
    )


def _is_foreign(payload: JsonObject) -> bool:
    """Tell whether a refund or a dispute is surely none of ours: of no intent, or in a currency in which we take no payments."""
    currency = payload.get("currency")
    uncounted = isinstance(currency, str) and _CODE.fullmatch(currency) and currency.upper() not in DECIMALS
    whole_one = own_id(payload) and payload.get("object") in ("refund", "dispute") and transaction_of(payload) == ""
    return bool(whole_one and (named(payload, "payment_intent") == "" or uncounted))


def _dispute(payload: JsonObject, kind: str, settings: StripeSettings) -> Told | None:
    """A dispute counts once it moved money. Entries in the balance have a currency of their own, so only their sign is read."""
    if _is_foreign(payload):
        return ()
    amount, name = money_of(payload.get("amount"), payload.get("currency")), own_id(payload)
    intent = named(payload, "payment_intent")
    if amount is None or not name or not intent:
        return None
    entries = [integer(one, "amount") or 0 for one in nested_list(payload, "balance_transactions")]
    returned = kind == "charge.dispute.funds_reinstated" or any(units > 0 for units in entries)
    taken = (
        returned
        or kind == "charge.dispute.funds_withdrawn"
        or text(payload, "status") == "lost"
        or min(entries, default=0) < 0
    )
    back = _seen(CHARGEBACK_REVERSAL, Verdict(_SUCCEEDED, amount), settings, reference=name, parent=name)
    gone = _seen(CHARGEBACK, Verdict(_SUCCEEDED, amount), settings, reference=name, parent=intent)
    return ((gone,) if taken else ()) + ((back,) if returned else ())


def _session(payload: JsonObject, kind: str, settings: StripeSettings) -> Told | None:
    """Only that a hosted page lapsed before anybody tried to pay is told here; what was tried on it the intent tells, when it is asked."""
    transaction, intent = transaction_of(payload), named(payload, "payment_intent")
    if transaction is None or intent is None:
        return None
    lapsed = payload.get("status") == "expired" and payload.get("payment_status") in (None, "unpaid") and not intent
    if kind != "checkout.session.expired" or not transaction or not lapsed:
        return ()
    seen = _seen(None, Verdict(TransactionStatus.NOT_EXECUTED), settings, transaction=transaction)
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
