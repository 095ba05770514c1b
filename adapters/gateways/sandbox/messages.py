"""The messages between the bank and its adapter: JSON, the same over every transport."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, money, nested, text
from payports.adapters.gateways.ledger.entries import Entry, EntryState, LedgerRequest, digest
from payports.adapters.gateways.ledger.rules import AccountTerms
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import OBSERVED_ONLY
from payports.domain.transaction_types import TransactionType

EXECUTE: Final = "/v1/execute"
LOOK_UP: Final = "/v1/look-up"
KEEP: Final = "/v1/methods/keep"
METHODS: Final = "/v1/methods/list"
FORGET: Final = "/v1/methods/forget"

ENVIRONMENT: Final = "sandbox"
"""Part of every answer and notification, so that nobody takes test money for real."""

STATUSES: Final = {
    EntryState.DONE: "approved",
    EntryState.DECLINED: "declined",
    EntryState.ACTION: "action_required",
    EntryState.PENDING: "pending",
    EntryState.FENCED: "fenced",
    EntryState.REVOKED: "revoked",
}

_MAX_PASS_THROUGH: Final = 50_000


@attrs.frozen
class Malformed:
    """A message that the bank cannot read; ``field`` names what is wrong."""

    field: str


@attrs.frozen(kw_only=True)
class Execution:
    """A message that executes one transaction, as the bank reads it."""

    request: LedgerRequest
    token: str
    terms: AccountTerms


def encoded(message: Mapping[str, Any]) -> bytes:
    """Encode a message as JSON."""
    return json.dumps(message).encode()


def read_execution(message: JsonObject) -> Execution | Malformed:
    """Read a message that executes one transaction."""
    request = read_request(message)
    if isinstance(request, Malformed):
        return request
    if request.type in OBSERVED_ONLY:
        return Malformed("type")
    return Execution(request=request, token=text(message, "token"), terms=_terms(nested(message, "terms")))


def read_request(message: JsonObject) -> LedgerRequest | Malformed:
    """Read a message's key, account, type and amount."""
    key, account, kind = text(message, "key", 255), text(message, "account", 255), text(message, "type")
    amount = money(message)
    if not key or not account:
        return Malformed("key" if account else "account")
    if kind not in TransactionType.__members__:
        return Malformed("type")
    if amount is None or not amount:
        return Malformed("amount_minor")
    pass_through = json.dumps(nested(message, "pass_through"))
    content = {name: message.get(name, "") for name in ("type", "amount_minor", "currency", "parent", "token")}
    return LedgerRequest(
        account=account,
        key=key,
        type=TransactionType(kind),
        minor=amount.minor,
        currency=amount.currency.code,
        parent=text(message, "parent", 255),
        content=digest(content),
        return_url=text(message, "return_url", 4_000),
        pass_through=pass_through if len(pass_through) <= _MAX_PASS_THROUGH else "{}",
    )


def entry_message(entry: Entry, pages: str) -> dict[str, Any]:
    """Write an entry as a message to its account; ``pages`` is the URL of the bank's pages for shoppers."""
    message: dict[str, Any] = {
        "reference": entry.reference,
        "key": entry.key,
        "account": entry.account,
        "environment": ENVIRONMENT,
        "type": entry.type.value,
        "status": STATUSES[entry.state],
        "amount_minor": entry.minor,
        "currency": entry.currency,
        "partial": entry.partial,
        "parent": entry.parent,
        "pass_through": json.loads(entry.pass_through),
    }
    if entry.state is EntryState.ACTION:
        url = f"{pages}/actions/{entry.reference}"
        message["action"] = {"type": entry.waits_for, "url": url, "reference": entry.reference}
    if entry.code or entry.failure:
        message |= {"code": entry.code, "failure": entry.failure and entry.failure.value, "hard": entry.hard}
    return message


def _terms(message: JsonObject) -> AccountTerms:
    partial = text(message, "partial_capture")
    return AccountTerms(
        partial_capture=PartialCapture(partial) if partial in PartialCapture.__members__ else PartialCapture.MULTIPLE,
        detached_credit=message.get("detached_credit") is True,
        refund_requires_settlement=message.get("refund_requires_settlement") is True,
    )
