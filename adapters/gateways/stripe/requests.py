"""Requests that execute transactions at Stripe, as data: a pure translation to method, path and form.

Optional parameters are present only if the caller gave their value.
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
"""The metadata with our transaction id: on an intent that of the initiating transaction, on a refund its own."""
PAYMENT: Final = "payports_payment"
OWNER: Final = "payports_owner"
OWN_FIELDS: Final = 3
PAGE: Final = "payports_page"
"""The metadata of an intent that is paid on a page of Stripe's, where a declined card is not the end."""
MULTICAPTURE: Final = "multicapture"
"""The attribute of a hold that says whether it may be captured several times; Stripe decides that card by card."""
CAPTURED: Final = "cap_"
"""Prefix of the metadata in which one of several captures leaves its amount and id."""
_OURS: Final = ("payports_", CAPTURED)

MAX_NAME: Final = 40
"""Characters of a metadata name. Source: docs.stripe.com/metadata."""

MAX_TITLE: Final = 250
"""Characters of a hosted page's title."""

ON_INTENT: Final = frozenset({CAPTURE, REVERSE_AUTH, SETTLED})
"""Transactions on the parent's intent, which are looked up there."""

CONFIRMATION_TOKEN: Final = "ctoken_"  # noqa: S105 -- a prefix

_NAME: Final = re.compile(r"[^\[\]]{1,40}")


class Selection(StrEnum):
    """How an intent chooses its payment methods: unstated (cards, up to version 2022-11-15), by types, or as in the dashboard."""

    NONE = "none"
    TYPES = "types"
    AUTOMATIC = "automatic"


@attrs.frozen(kw_only=True)
class StripeSettings:
    """The part of the configuration that shapes requests and the reading of answers. ``account``: what observations are bound to;
    ``page_title``: what a hosted page says is bought, ``page_expires``: how long it is open."""

    account: str = ""
    livemode: bool = False
    selection: Selection = Selection.NONE
    several_captures: bool = False
    hosted_page: bool = False
    page_title: str = ""
    page_expires: timedelta = timedelta(hours=1)
    publishable_key: str = ""


def execution_of(request: PaymentRequest, settings: StripeSettings) -> Call | Unsendable:
    """Write the request that executes a transaction."""
    call = _execution(request, settings)
    return checked(call) if isinstance(call, Call) else call


def _execution(request: PaymentRequest, settings: StripeSettings) -> Call | Unsendable:
    units = units_of(request.amount)
    if units is None:
        return Unsendable(f"Stripe cannot count {request.amount.currency.code} so finely")
    if not is_key(request.transaction_id):
        return Unsendable("the transaction's id cannot be an idempotency key")
    if request.type in INITIATING:
        return _initiation(request, settings, units)
    problem = _unfit_parent(request)
    if problem:
        return Unsendable(problem)
    if request.type is CAPTURE:
        return Call(
            "POST",
            path("payment_intents", request.parent_reference, "capture"),
            _capture(request, settings, units),
            request.transaction_id,
        )
    if request.type is REVERSE_AUTH:
        form: dict[str, Any] = {"expand": ["latest_charge"]}
        return Call("POST", path("payment_intents", request.parent_reference, "cancel"), form, request.transaction_id)
    if request.type is REFUND:
        form = {
            "payment_intent": request.parent_reference,
            "amount": units,
            "metadata": {TRANSACTION: request.transaction_id},
        }
        return Call("POST", path("refunds"), form, request.transaction_id)
    if request.type is SETTLED:
        return settlement_of(request.parent_reference)
    return Unsendable(f"Stripe has no {request.type.value}")


def _unfit_parent(request: PaymentRequest) -> str:
    """Say why a transaction does not fit its parent. Stripe's capture and cancel carry no currency, and cancel no amount to check."""
    if not is_id(request.parent_reference):
        return "the parent has no id of Stripe's"
    currency, held = request.parent_attributes.get("currency"), request.parent_attributes.get("held")
    if currency not in (None, request.amount.currency.code):
        return "the parent is in another currency"
    if request.type is REVERSE_AUTH and held not in (None, str(request.amount.minor)):
        return "Stripe cancels a hold as a whole"
    return ""


def _initiation(request: PaymentRequest, settings: StripeSettings, units: int) -> Call | Unsendable:
    if any(not _NAME.fullmatch(name) for name in request.pass_through):
        return Unsendable(f"a pass-through name has brackets or more than {MAX_NAME} characters")
    if any(name.startswith(_OURS) for name in request.pass_through):
        return Unsendable(f"a pass-through name begins with {' or '.join(_OURS)}")
    if settings.hosted_page and not request.method.token:
        return _session(request, settings, units)
    customer = request.method.property("customer")
    token = request.method.token
    if not is_id(token):
        return Unsendable("the method has no token of Stripe's")
    form: dict[str, Any] = {
        "amount": units,
        "currency": request.amount.currency.code.lower(),
        "capture_method": _capture_method(request),
        "confirm": True,
        "metadata": own_metadata(request),
        "confirmation_token" if token.startswith(CONFIRMATION_TOKEN) else "payment_method": token,
        "expand": ["latest_charge"],
    }
    if customer:
        form["customer"] = customer
    if request.method.property("off_session") == "true":
        form["off_session"] = True
    elif request.return_url:
        form["return_url"] = request.return_url
    form |= {
        **_several(settings, request),
        **selected(settings, redirects=bool(request.return_url)),
        **_shipping(request),
    }
    return Call("POST", path("payment_intents"), form, request.transaction_id)


def _several(settings: StripeSettings, request: PaymentRequest) -> dict[str, Any]:
    """Ask that the hold may be captured several times."""
    if not settings.several_captures or request.type is not AUTHORIZE:
        return {}
    return {"payment_method_options": {"card": {"request_multicapture": "if_available"}}}


def _capture_method(request: PaymentRequest) -> str:
    return "manual" if request.type is AUTHORIZE else "automatic"


def own_metadata(request: PaymentRequest) -> dict[str, str]:
    """Our metadata on an intent, with the pass-through fields."""
    own = {
        TRANSACTION: request.transaction_id,
        PAYMENT: request.payment_id,
        OWNER: f"{request.owner.kind}/{request.owner.id}"[:500],
    }
    return {**request.pass_through, **own}


def selected(settings: StripeSettings, *, redirects: bool) -> dict[str, Any]:
    """The parameters that choose payment methods; ``redirects``: the shopper has an address to come back to."""
    if settings.selection is Selection.TYPES:
        return {"payment_method_types": ["card"]}
    if settings.selection is Selection.AUTOMATIC:
        never = {} if redirects else {"allow_redirects": "never"}
        return {"automatic_payment_methods": {"enabled": True, **never}}
    return {}


def _shipping(request: PaymentRequest) -> dict[str, Any]:
    address = request.shipping
    if address is None or not address.name or not address.lines:
        return {}
    fields = {
        "line1": address.lines[0],
        "line2": ", ".join(address.lines[1:]),
        "city": address.city,
        "state": address.region,
        "postal_code": address.postal_code,
        "country": address.country,
    }
    return {"shipping": {"name": address.name, "address": {name: value for name, value in fields.items() if value}}}


def _session(request: PaymentRequest, settings: StripeSettings, units: int) -> Call | Unsendable:
    """Open a page of Stripe's for one intent, which Stripe creates with our metadata when the shopper pays."""
    if not request.return_url:
        return Unsendable("a hosted page needs an address to come back to")
    price = {
        "currency": request.amount.currency.code.lower(),
        "unit_amount": units,
        "product_data": {"name": _title(request, settings)},
    }
    intent: dict[str, Any] = {
        "capture_method": _capture_method(request),
        "metadata": {**own_metadata(request), PAGE: "1"},
    }
    form: dict[str, Any] = {
        "mode": "payment",
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": intent,
        "metadata": {TRANSACTION: request.transaction_id},
        "expires_at": int((request.sent_at + settings.page_expires).timestamp()),
        **_several(settings, request),
    }
    if customer := request.method.property("customer"):
        form["customer"] = customer
    if settings.selection is Selection.TYPES:
        form["payment_method_types"] = ["card"]
    return Call("POST", path("checkout", "sessions"), form, request.transaction_id)


def _title(request: PaymentRequest, settings: StripeSettings) -> str:
    """The title of a hosted page: as configured, else the line items, else the owner."""
    lines = ", ".join(
        f"{line.quantity} x {line.name}" if line.quantity > 1 else line.name for line in request.line_items
    )
    return (settings.page_title or lines or f"{request.owner.kind} {request.owner.id}")[:MAX_TITLE]


def _capture(request: PaymentRequest, settings: StripeSettings, units: int) -> dict[str, Any]:
    """The form of a capture: the final one, if the hold's card can be captured once only."""
    form: dict[str, Any] = {"amount_to_capture": units, "expand": ["latest_charge"]}
    if not settings.several_captures:
        return form
    more = {"final_capture": False} if request.parent_attributes.get(MULTICAPTURE) == "available" else {}
    left = {capture_name(request.transaction_id): f"{units} {request.transaction_id}"}
    return {**form, **more, "metadata": left}


def capture_name(transaction_id: str) -> str:
    """The metadata name of one of several captures: a hash of fixed length; its value holds the id."""
    return CAPTURED + blake2s(transaction_id.encode(errors="replace"), digest_size=16).hexdigest()
