"""Requests to Stripe as data. Pure: what is asked goes in, method, path and form come out; nothing is sent here.

Optional parameters are there only where the caller gave what they say.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from hashlib import blake2s
from typing import Any, Final

import attrs

from payports.adapters.gateways.stripe.currencies import units_of
from payports.adapters.gateways.stripe.form import Call, Unsendable, checked, is_id, is_key, path
from payports.adapters.gateways.stripe.queries import settlement_of
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, INITIATING, REFUND, REVERSE_AUTH, SETTLED
from payports.ports.gateway import PaymentRequest

TRANSACTION: Final = "payports_transaction"
"""The metadata that names our transaction: of an intent the one that initiated it, of a refund itself."""
PAYMENT: Final = "payports_payment"
OWNER: Final = "payports_owner"
OWN_FIELDS: Final = 3
PAGE: Final = "payports_page"
"""The metadata of an intent that is paid on a page of Stripe's, where a declined card is not the end."""
MULTICAPTURE: Final = "multicapture"
"""The attribute of a hold that says whether it may be captured several times; Stripe decides that card by card."""
CAPTURED: Final = "cap_"
"""Begins the metadata in which one of several captures leaves its amount and id."""
_OURS: Final = ("payports_", CAPTURED)

MAX_NAME: Final = 40
"""Characters of a metadata name. Source: docs.stripe.com/metadata."""

MAX_TITLE: Final = 250
"""Characters of what a hosted page says is bought."""

ON_INTENT: Final = frozenset({CAPTURE, REVERSE_AUTH, SETTLED})
"""What is done to the parent's intent and so found by asking for that."""

CONFIRMATION_TOKEN: Final = "ctoken_"  # noqa: S105 -- a prefix

_NAME: Final = re.compile(r"[^\[\]]{1,40}")


class Selection(StrEnum):
    """How an intent says with what it may be paid: nothing said (cards, up to version 2022-11-15), by types, or as the dashboard says."""

    NONE = "none"
    TYPES = "types"
    AUTOMATIC = "automatic"


@attrs.frozen(kw_only=True)
class Terms:
    """What of the configuration shapes requests and how answers are judged. ``account``: what answers must be about; ``page_title``: what
    is bought on a hosted page, ``page_expires``: how long it is open."""

    account: str = ""
    livemode: bool = False
    selection: Selection = Selection.NONE
    several_captures: bool = False
    hosted_page: bool = False
    page_title: str = ""
    page_expires: timedelta = timedelta(hours=1)
    publishable_key: str = ""


def execution_of(asked: PaymentRequest, terms: Terms) -> Call | Unsendable:
    """Write the request that executes a transaction."""
    call = _execution(asked, terms)
    return checked(call) if isinstance(call, Call) else call


def _execution(asked: PaymentRequest, terms: Terms) -> Call | Unsendable:
    units = units_of(asked.amount)
    if units is None:
        return Unsendable(f"Stripe cannot count {asked.amount.currency.code} so finely")
    if not is_key(asked.transaction_id):
        return Unsendable("the transaction's id cannot be an idempotency key")
    if asked.type in INITIATING:
        return _initiation(asked, terms, units)
    problem = _unfit_parent(asked)
    if problem:
        return Unsendable(problem)
    if asked.type is CAPTURE:
        return Call(
            "POST",
            path("payment_intents", asked.parent_reference, "capture"),
            _capture(asked, terms, units),
            asked.transaction_id,
        )
    if asked.type is REVERSE_AUTH:
        form: dict[str, Any] = {"expand": ["latest_charge"]}
        return Call("POST", path("payment_intents", asked.parent_reference, "cancel"), form, asked.transaction_id)
    if asked.type is REFUND:
        form = {
            "payment_intent": asked.parent_reference,
            "amount": units,
            "metadata": {TRANSACTION: asked.transaction_id},
        }
        return Call("POST", path("refunds"), form, asked.transaction_id)
    if asked.type is SETTLED:
        return settlement_of(asked.parent_reference)
    return Unsendable(f"Stripe has no {asked.type.value}")


def _unfit_parent(asked: PaymentRequest) -> str:
    """Stripe's capture and cancel name neither currency nor, for cancel, an amount: what would not fit must not be sent."""
    if not is_id(asked.parent_reference):
        return "the parent has no id of Stripe's"
    currency, held = asked.parent_attributes.get("currency"), asked.parent_attributes.get("held")
    if currency not in (None, asked.amount.currency.code):
        return "the parent is in another currency"
    if asked.type is REVERSE_AUTH and held not in (None, str(asked.amount.minor)):
        return "Stripe cancels a hold as a whole"
    return ""


def _initiation(asked: PaymentRequest, terms: Terms, units: int) -> Call | Unsendable:
    if any(not _NAME.fullmatch(name) for name in asked.pass_through):
        return Unsendable(f"a pass-through name has brackets or more than {MAX_NAME} characters")
    if any(name.startswith(_OURS) for name in asked.pass_through):
        return Unsendable(f"a pass-through name begins with {' or '.join(_OURS)}")
    if terms.hosted_page and not asked.method.token:
        return _session(asked, terms, units)
    customer = asked.method.property("customer")
    token = asked.method.token
    if not is_id(token):
        return Unsendable("the method has no token of Stripe's")
    form: dict[str, Any] = {
        "amount": units,
        "currency": asked.amount.currency.code.lower(),
        "capture_method": _capture_method(asked),
        "confirm": True,
        "metadata": own_metadata(asked),
        "confirmation_token" if token.startswith(CONFIRMATION_TOKEN) else "payment_method": token,
        "expand": ["latest_charge"],
    }
    if customer:
        form["customer"] = customer
    if asked.method.property("off_session") == "true":
        form["off_session"] = True
    elif asked.return_url:
        form["return_url"] = asked.return_url
    form |= {**_several(terms, asked), **selected(terms, redirects=bool(asked.return_url)), **_shipping(asked)}
    return Call("POST", path("payment_intents"), form, asked.transaction_id)


def _several(terms: Terms, asked: PaymentRequest) -> dict[str, Any]:
    """Ask that the hold may be captured several times."""
    if not terms.several_captures or asked.type is not AUTHORIZE:
        return {}
    return {"payment_method_options": {"card": {"request_multicapture": "if_available"}}}


def _capture_method(asked: PaymentRequest) -> str:
    return "manual" if asked.type is AUTHORIZE else "automatic"


def own_metadata(asked: PaymentRequest) -> dict[str, str]:
    """What an intent carries of ours, the pass-through fields among it."""
    own = {
        TRANSACTION: asked.transaction_id,
        PAYMENT: asked.payment_id,
        OWNER: f"{asked.owner.kind}/{asked.owner.id}"[:500],
    }
    return {**asked.pass_through, **own}


def selected(terms: Terms, *, redirects: bool) -> dict[str, Any]:
    """How an intent to pay, or to be kept, says with what; ``redirects``: the shopper has an address to come back to."""
    if terms.selection is Selection.TYPES:
        return {"payment_method_types": ["card"]}
    if terms.selection is Selection.AUTOMATIC:
        never = {} if redirects else {"allow_redirects": "never"}
        return {"automatic_payment_methods": {"enabled": True, **never}}
    return {}


def _shipping(asked: PaymentRequest) -> dict[str, Any]:
    address = asked.shipping
    if address is None or not address.name or not address.lines:
        return {}
    told = {
        "line1": address.lines[0],
        "line2": ", ".join(address.lines[1:]),
        "city": address.city,
        "state": address.region,
        "postal_code": address.postal_code,
        "country": address.country,
    }
    return {"shipping": {"name": address.name, "address": {name: value for name, value in told.items() if value}}}


def _session(asked: PaymentRequest, terms: Terms, units: int) -> Call | Unsendable:
    """A page of Stripe's for one intent, which Stripe makes when the shopper pays; its metadata is given along."""
    if not asked.return_url:
        return Unsendable("a hosted page needs an address to come back to")
    price = {
        "currency": asked.amount.currency.code.lower(),
        "unit_amount": units,
        "product_data": {"name": _title(asked, terms)},
    }
    intent: dict[str, Any] = {"capture_method": _capture_method(asked), "metadata": {**own_metadata(asked), PAGE: "1"}}
    form: dict[str, Any] = {
        "mode": "payment",
        "success_url": asked.return_url,
        "cancel_url": asked.return_url,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": intent,
        "metadata": {TRANSACTION: asked.transaction_id},
        "expires_at": int((asked.sent_at + terms.page_expires).timestamp()),
        **_several(terms, asked),
    }
    if customer := asked.method.property("customer"):
        form["customer"] = customer
    if terms.selection is Selection.TYPES:
        form["payment_method_types"] = ["card"]
    return Call("POST", path("checkout", "sessions"), form, asked.transaction_id)


def _title(asked: PaymentRequest, terms: Terms) -> str:
    """What the page says is bought: as configured, else the lines of what is bought, else the owner."""
    lines = ", ".join(f"{line.quantity} x {line.name}" if line.quantity > 1 else line.name for line in asked.line_items)
    return (terms.page_title or lines or f"{asked.owner.kind} {asked.owner.id}")[:MAX_TITLE]


def _capture(asked: PaymentRequest, terms: Terms, units: int) -> dict[str, Any]:
    """Where the hold can be captured once only, this is that capture, whatever the configuration says of others."""
    form: dict[str, Any] = {"amount_to_capture": units, "expand": ["latest_charge"]}
    if not terms.several_captures:
        return form
    more = {"final_capture": False} if asked.parent_attributes.get(MULTICAPTURE) == "available" else {}
    left = {capture_name(asked.transaction_id): f"{units} {asked.transaction_id}"}
    return {**form, **more, "metadata": left}


def capture_name(transaction_id: str) -> str:
    """The metadata name under which one of several captures is found again: of a fixed length, whatever the id's; its value has the id."""
    return CAPTURED + blake2s(transaction_id.encode(errors="replace"), digest_size=16).hexdigest()
