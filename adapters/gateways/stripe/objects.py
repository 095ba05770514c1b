"""Stripe's objects as far as they matter here: lenient where the contract is, strict where money is.

An object may stand in the place of its id; unknown fields are ignored. An amount, a currency, an id, a status, a mode or metadata that
cannot be read makes the whole object unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, nested_list, text
from payports.adapters.gateways.stripe.currencies import money_of
from payports.adapters.gateways.stripe.decline_codes import meaning_of
from payports.adapters.gateways.stripe.form import is_key
from payports.adapters.gateways.stripe.json_objects import id_of, metadata_of, own_id, reference_of
from payports.adapters.gateways.stripe.requests import CAPTURED, PAGE, TRANSACTION, capture_name
from payports.domain.money import Money
from payports.domain.transaction_types import FailureType

MANUAL: Final = "manual"

_AMOUNTS: Final = ("amount_capturable", "amount_received")
_CAPTURE_NAME: Final = re.compile(CAPTURED + "[0-9a-f]{32}")
_UNITS: Final = re.compile(r"[1-9][0-9]{0,15}")


@attrs.frozen(kw_only=True)
class Problem:
    """Why a payment was refused. ``code`` is the issuer's if it gives one."""

    code: str
    failure: FailureType
    hard: bool


@attrs.frozen(kw_only=True)
class Charge:
    """One attempt to charge. ``captured``: how much, if known, and ``exact`` if Stripe gave it as such; ``multicapture``: whether its card
    may be captured several times, if known; ``balance``: its entry in the balance, if that was expanded."""

    id: str
    intent: str
    status: str
    amount: Money
    is_captured: bool
    captured: Money | None
    exact: bool
    livemode: bool | None
    transaction: str
    on_page: bool
    problem: Problem | None
    multicapture: str
    balance: JsonObject = attrs.field(hash=False, repr=False)


@attrs.frozen(kw_only=True)
class Intent:
    """A payment intent. ``received``: what was captured, if known; ``authorized``: whether a charge was ever approved, if certain;
    ``captures``: amounts of several captures by our transaction ids, in Stripe's units, if they can be read."""

    id: str
    status: str
    amount: Money
    capturable: Money | None
    received: Money | None
    method: str
    livemode: bool
    transaction: str
    metadata: Mapping[str, str] = attrs.field(hash=False)
    captures: Mapping[str, int] | None = attrs.field(hash=False)
    charge: Charge | None
    authorized: bool | None
    problem: Problem | None
    reason: str
    action: JsonObject = attrs.field(hash=False, repr=False)  # an address in it may carry the client secret
    secret: str = attrs.field(repr=False)

    @property
    def on_page(self) -> bool:
        """Whether it is paid on a page of Stripe's."""
        return PAGE in self.metadata


@attrs.frozen(kw_only=True)
class Refund:
    """A refund. ``moved``: it has an entry in the balance; the release of a hold has none."""

    id: str
    status: str
    amount: Money
    intent: str
    transaction: str
    moved: bool
    code: str


def read_problem(payload: JsonObject) -> Problem | None:
    """Read an error, ``last_payment_error`` or the failure of a charge."""
    code, decline = text(payload, "code", 100), text(payload, "decline_code", 100)
    if not (code or decline or text(payload, "type", 100)):
        return None
    failure, hard = meaning_of(code, decline, text(payload, "advice_code", 100))
    return Problem(code=decline or code or text(payload, "type", 100), failure=failure, hard=hard)


def read_charge(payload: JsonObject) -> Charge | None:
    """Read a charge, or nothing."""
    amount, charge_id, status = (
        money_of(payload.get("amount"), payload.get("currency")),
        own_id(payload),
        text(payload, "status", 100),
    )
    intent, transaction, metadata = (
        reference_of(payload, "payment_intent"),
        transaction_of(payload),
        metadata_of(payload) or {},
    )
    is_captured, livemode = payload.get("captured"), payload.get("livemode")
    odd = (
        not isinstance(is_captured, bool)
        or not isinstance(livemode, bool | None)
        or text(payload, "object") not in ("", "charge")
    )
    if amount is None or not (charge_id and status) or intent is None or transaction is None or odd:
        return None
    captured, exact = _captured(payload), payload.get("amount_captured") is not None
    if (captured is None and exact) or (captured and (captured > amount or status != "succeeded")):
        return None
    failed = {"code": payload.get("failure_code"), "decline_code": nested(payload, "outcome").get("reason")}
    return Charge(
        id=charge_id,
        intent=intent,
        status=status,
        amount=amount,
        is_captured=is_captured is True,
        captured=captured,
        exact=exact,
        livemode=livemode if isinstance(livemode, bool) else None,
        transaction=transaction,
        on_page=PAGE in metadata,
        problem=read_problem(failed) if status == "failed" else None,
        multicapture=_multicapture(payload),
        balance=nested(payload, "balance_transaction"),
    )


def _multicapture(payload: JsonObject) -> str:
    card = nested(nested(payload, "payment_method_details"), "card")
    return text(nested(card, "multicapture"), "status", 20)


def _captured(payload: JsonObject) -> Money | None:
    """How much of a charge was captured. Without ``amount_captured`` (before 2020) a released amount counts as refunded."""
    units, refunded = integer(payload, "amount_captured"), integer(payload, "amount_refunded")
    if payload.get("amount_captured") is None and payload.get("captured") is False:
        units = 0
    if payload.get("amount_captured") is None and payload.get("captured") is True and refunded is not None:
        units = (integer(payload, "amount") or 0) - refunded
    return money_of(units, payload.get("currency"))


def transaction_of(payload: JsonObject) -> str | None:
    """Our transaction id in the metadata, empty if there is none; ``None`` if the metadata cannot be read."""
    metadata = metadata_of(payload)
    found = "" if metadata is None else metadata.get(TRANSACTION, "")
    return None if metadata is None or (found and not is_key(found)) else found


def read_intent(payload: JsonObject) -> Intent | None:
    """Read a payment intent; nothing if it cannot be read, or its amounts or its charge contradict it."""
    status, intent_id, livemode = text(payload, "status", 100), own_id(payload), payload.get("livemode")
    amount, transaction = money_of(payload.get("amount"), payload.get("currency")), transaction_of(payload)
    amounts = {name: money_of(payload[name], payload.get("currency")) for name in _AMOUNTS if name in payload}
    charge_id, charge = _latest_charge(payload)
    odd = payload.get("object") != "payment_intent" or not isinstance(livemode, bool) or None in amounts.values()
    if odd or amount is None or transaction is None or charge_id is None or not (status and intent_id):
        return None
    metadata = metadata_of(payload) or {}
    received = amounts.get("amount_received")
    intent = Intent(
        id=intent_id,
        status=status,
        amount=amount,
        capturable=amounts.get("amount_capturable"),
        received=charge.captured if received is None and charge else received,
        method=text(payload, "capture_method", 100),
        livemode=livemode is True,
        transaction=transaction,
        metadata=metadata,
        captures=_captures(metadata),
        charge=charge,
        authorized=_authorized(charge, charge_id, payload),
        problem=read_problem(nested(payload, "last_payment_error")),
        reason=text(payload, "cancellation_reason", 100),
        action=nested(payload, "next_action"),
        secret=text(payload, "client_secret"),
    )
    whole_amount = (intent.capturable or _zero(amount)) + (intent.received or _zero(amount)) <= amount
    return intent if whole_amount and (charge is None or _fits(charge, intent, received)) else None


def _zero(amount: Money) -> Money:
    return Money(0, amount.currency)


def _fits(charge: Charge, intent: Intent, received: Money | None) -> bool:
    """Tell whether the latest charge has the intent's id, amount and mode, and agrees on what was approved and captured.

    ``received``: what the intent itself gives as captured.
    """
    approved = charge.status == "succeeded" or intent.status not in ("requires_capture", "succeeded")
    taken = charge.is_captured or intent.status != "succeeded"
    same = charge.captured == received if charge.exact else bool(received) or not charge.is_captured
    return (
        charge.intent in ("", intent.id)
        and (not charge.transaction or intent.transaction in ("", charge.transaction))
        and charge.amount == intent.amount
        and charge.livemode in (None, intent.livemode)
        and approved
        and taken
        and (received is None or same)
    )


def _captures(metadata: Mapping[str, str]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for name, value in metadata.items():
        if not _CAPTURE_NAME.fullmatch(name):
            continue
        units, _, transaction_id = value.partition(" ")
        if not (_UNITS.fullmatch(units) and is_key(transaction_id) and name == capture_name(transaction_id)):
            return None
        found[transaction_id] = int(units)
    return found


def _latest_charge(payload: JsonObject) -> tuple[str | None, Charge | None]:
    """The id of the latest charge (``None`` if it cannot be read), and the charge itself where it is expanded.

    Before version 2022-11-15 it is the first in a list of charges.
    """
    listed = nested_list(nested(payload, "charges"), "data")
    name = reference_of(payload, "latest_charge")
    expanded = nested(payload, "latest_charge") or (listed[0] if listed else None)
    if expanded is None or name is None:
        return name, None
    charge = read_charge(expanded)
    return (charge.id, charge) if charge and name in ("", charge.id) else (None, None)


def _authorized(charge: Charge | None, charge_id: str, payload: JsonObject) -> bool | None:
    if charge and charge.status in ("succeeded", "failed"):
        return charge.status == "succeeded"
    unstated = "latest_charge" not in payload and "charges" not in payload
    return None if charge_id or unstated else False


def read_refund(payload: JsonObject) -> Refund | None:
    """Read a refund, or nothing."""
    amount, refund_id, status = (
        money_of(payload.get("amount"), payload.get("currency")),
        own_id(payload),
        text(payload, "status", 100),
    )
    intent, transaction = reference_of(payload, "payment_intent"), transaction_of(payload)
    if amount is None or not refund_id or payload.get("object") != "refund" or intent is None or transaction is None:
        return None
    return Refund(
        id=refund_id,
        status=status,
        amount=amount,
        intent=intent,
        transaction=transaction,
        moved=bool(id_of(payload.get("balance_transaction"))),
        code=text(payload, "failure_reason", 100),
    )
