"""Observations in Stripe's events: a pure table from event types to readers.

One event may hold several observations: a captured intent is about its hold too. An event about no transaction of ours holds none. What was
done in Stripe's dashboard to a transaction of ours is reported by reference, and the core records it as observed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, nested_list, text
from payports.adapters.gateways.stripe.currencies import DECIMALS, money_of
from payports.adapters.gateways.stripe.interpretation import (
    Verdict,
    interpret_initiation,
    interpret_refund,
    with_verdict,
)
from payports.adapters.gateways.stripe.json_objects import own_id, reference_of
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

Observations: TypeAlias = tuple[Observation, ...]
_Reader: TypeAlias = Callable[[JsonObject, str, StripeSettings], "Observations | None"]
_SUCCEEDED: Final = TransactionStatus.SUCCEEDED
_CODE: Final = re.compile(r"[a-z]{3,4}")


def read_event(kind: str, payload: JsonObject, settings: StripeSettings) -> Observations | None:
    """Read the observations in an event's object; ``None`` if it should hold some and cannot be read."""
    reader = next((read for prefix, read in _READERS.items() if f"{kind}.".startswith(f"{prefix}.")), None)
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
    return with_verdict(verdict if moved else attrs.evolve(verdict, amount=None), seen)


def _intent(payload: JsonObject, kind: str, settings: StripeSettings) -> Observations | None:  # noqa: ARG001 -- an intent's status says it all
    if transaction_of(payload) == "":
        return ()  # somebody else's, of whatever shape
    intent = read_intent(payload)
    if intent is None or intent.livemode is not settings.livemode:
        return None
    if intent.method != MANUAL:
        return _begun(intent, settings, manual=False)
    followed = _followed(intent, settings)
    return None if followed is None else (*_begun(intent, settings, manual=True), *followed)


def _begun(intent: Intent, settings: StripeSettings, *, manual: bool) -> Observations:
    verdict = interpret_initiation(intent, manual=manual)
    if manual and intent.status == "canceled" and (intent.authorized or intent.received):
        verdict = Verdict(_SUCCEEDED, intent.amount)  # its reversal says that the hold is gone
    refused = verdict.status is TransactionStatus.DECLINED and intent.status != "canceled"
    waits = verdict.status is TransactionStatus.REQUIRES_ACTION
    if verdict.status is TransactionStatus.UNKNOWN or refused or (intent.on_page and waits):
        return ()  # the shopper may try again: a look-up cancels it first
    kind = AUTHORIZE if manual else AUTHORIZE_AND_CAPTURE
    seen = _seen(kind, verdict, settings, transaction=intent.transaction, reference=intent.id)
    attributes = attributes_of(intent.amount, intent.charge, settings, manual=manual)
    return (attrs.evolve(seen, attributes=attributes, next_action=next_action_of(intent, settings) if waits else None),)


def _followed(intent: Intent, settings: StripeSettings) -> Observations | None:
    """Read what was done to a hold: captures, and the release of the rest. ``None``: what several captures left makes no sense.

    The rest of a hold that may be captured several times counts as released only here, once the hold has ended.
    """
    made: Observations | None = ()
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


def _several(intent: Intent, settings: StripeSettings) -> Observations | None:
    """Read each of several captures, if together they are no more than what was received.

    If they are less, somebody else captured too: then a capture of all that was received is reported under the intent's id. Without a
    capture of ours the core records it as observed; beside one of ours it contradicts that, and beside several a person must look at it.
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
    """Report a capture or reversal of an intent, which the core finds by type and reference, whoever asked for it."""
    return _seen(kind, Verdict(_SUCCEEDED, amount), settings, transaction=transaction, reference=intent, parent=intent)


def _charge(payload: JsonObject, kind: str, settings: StripeSettings) -> Observations | None:
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
            listed = [_refund(item, kind, settings) for item in nested_list(nested(payload, "refunds"), "data")]
            return None if None in listed else tuple(seen for refund in listed for seen in refund or ())
        case _:
            return ()


def _tried(charge: Charge, settings: StripeSettings) -> Observations:
    """Read an attempt to charge. A failed one is not the end, and a pending one does not say whether it is captured at once."""
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


def _refund(payload: JsonObject, kind: str, settings: StripeSettings) -> Observations | None:  # noqa: ARG001 -- a refund's status says it all
    if _is_foreign(payload):
        return ()
    refund = read_refund(payload)
    if refund is None:
        return None
    verdict = attrs.evolve(interpret_refund(refund), amount=refund.amount)
    released = refund.status == "succeeded" and not refund.moved
    if verdict.status is TransactionStatus.UNKNOWN or (not refund.transaction and (released or not refund.intent)):
        return ()  # a released hold is no refund, and without an intent it is not ours
    return (
        _seen(REFUND, verdict, settings, transaction=refund.transaction, reference=refund.id, parent=refund.intent),
    )


def _is_foreign(payload: JsonObject) -> bool:
    """Tell whether a refund or a dispute is surely not ours: without an intent, or in a currency in which we take no payments."""
    currency = payload.get("currency")
    uncounted = isinstance(currency, str) and _CODE.fullmatch(currency) and currency.upper() not in DECIMALS
    complete = own_id(payload) and payload.get("object") in ("refund", "dispute") and transaction_of(payload) == ""
    return bool(complete and (reference_of(payload, "payment_intent") == "" or uncounted))


def _dispute(payload: JsonObject, kind: str, settings: StripeSettings) -> Observations | None:
    """Read a dispute, which counts once it moved money. Entries in the balance have their own currency, so only their sign is read."""
    if _is_foreign(payload):
        return ()
    amount, name = money_of(payload.get("amount"), payload.get("currency")), own_id(payload)
    intent = reference_of(payload, "payment_intent")
    if amount is None or not name or not intent:
        return None
    entries = [integer(entry, "amount") or 0 for entry in nested_list(payload, "balance_transactions")]
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


def _session(payload: JsonObject, kind: str, settings: StripeSettings) -> Observations | None:
    """Read a hosted page that expired before anybody tried to pay; attempts to pay are read from its intent, by look-up."""
    transaction, intent = transaction_of(payload), reference_of(payload, "payment_intent")
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
"""By the beginning of the event's type; longer ones first."""
