"""Stripe's objects as far as they matter here: lenient where the contract is, strict where money is.

An object may stand where its id may; unknown fields are not looked at. An amount, a currency, an id or a status that cannot be read makes
the whole object unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from payports.adapters.gateways.reading import Table, table, tables, text, whole
from payports.adapters.gateways.stripe.calls import CAPTURED, TRANSACTION
from payports.adapters.gateways.stripe.currencies import money_of
from payports.adapters.gateways.stripe.declines import meaning_of
from payports.adapters.gateways.stripe.form import is_id
from payports.domain.money import Money
from payports.domain.transaction import FailureType

MANUAL: Final = "manual"


@attrs.frozen(kw_only=True)
class Problem:
    """Why a payment was refused. ``code`` is the issuer's word if there is one."""

    code: str
    failure: FailureType
    hard: bool


@attrs.frozen(kw_only=True)
class Charge:
    """One attempt to charge. ``captured``: how much; ``None`` if that is not told. ``balance``: the entry there, if it was asked for."""

    id: str
    intent: str
    status: str
    amount: Money
    is_captured: bool
    captured: Money | None
    transaction: str
    problem: Problem | None
    balance: Table = attrs.field(hash=False)


@attrs.frozen(kw_only=True)
class Intent:
    """A payment intent. ``received``: what was captured, if that is told; ``authorized``: whether a charge was ever approved, if that is
    certain; ``captures``: what several captures left, by our transaction ids, in Stripe's units."""

    id: str
    status: str
    amount: Money
    capturable: Money | None
    received: Money | None
    method: str
    livemode: bool | None
    transaction: str
    metadata: Mapping[str, str] = attrs.field(hash=False)
    charge_id: str
    charge: Charge | None
    authorized: bool | None
    problem: Problem | None
    reason: str
    action: Table = attrs.field(hash=False)
    secret: str = attrs.field(repr=False)

    @property
    def captures(self) -> dict[str, str]:
        """The entries of several captures."""
        return {
            name.removeprefix(CAPTURED): units for name, units in self.metadata.items() if name.startswith(CAPTURED)
        }


@attrs.frozen(kw_only=True)
class Refund:
    """A refund. ``moved``: it has an entry in the balance; releasing what was only held has none."""

    id: str
    status: str
    amount: Money
    intent: str
    transaction: str
    moved: bool
    code: str


def id_of(value: object) -> str:
    """The id that a field names, by itself or expanded; nothing if it is none.

    >>> id_of("ch_1"), id_of({"id": "ch_1", "amount": 1}), id_of("../ch_1"), id_of(None)
    ('ch_1', 'ch_1', '', '')
    """
    found: object = cast("Table", value).get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and is_id(found) else ""


def own_id(told: Table) -> str:
    """The id of an object itself, which is never an object."""
    found = told.get("id")
    return found if isinstance(found, str) and is_id(found) else ""


def read_problem(told: Table) -> Problem | None:
    """Read an error, ``last_payment_error`` or the failure of a charge."""
    code, decline = text(told, "code", 100), text(told, "decline_code", 100)
    if not (code or decline or text(told, "type", 100)):
        return None
    failure, hard = meaning_of(code, decline, text(told, "advice_code", 100))
    return Problem(code=decline or code or text(told, "type", 100), failure=failure, hard=hard)


def read_charge(told: Table) -> Charge | None:
    """Read a charge, or nothing."""
    amount, charge_id = money_of(told.get("amount"), told.get("currency")), own_id(told)
    if amount is None or not charge_id:
        return None
    status = text(told, "status", 100)
    failed = {"code": told.get("failure_code"), "decline_code": table(told, "outcome").get("reason")}
    return Charge(
        id=charge_id,
        intent=id_of(told.get("payment_intent")),
        status=status,
        amount=amount,
        is_captured=told.get("captured") is True,
        captured=_captured(told),
        transaction=text(table(told, "metadata"), TRANSACTION, 255),
        problem=read_problem(failed) if status == "failed" else None,
        balance=table(told, "balance_transaction"),
    )


def _captured(told: Table) -> Money | None:
    """How much of a charge was captured. Without ``amount_captured`` (before 2020) what was released counts as refunded."""
    units, refunded = whole(told, "amount_captured"), whole(told, "amount_refunded")
    if units is None and told.get("captured") is False:
        units = 0
    if units is None and told.get("captured") is True and refunded is not None:
        units = (whole(told, "amount") or 0) - refunded
    return money_of(units, told.get("currency"))


def read_intent(told: Table) -> Intent | None:
    """Read a payment intent, or nothing."""
    status, intent_id = text(told, "status", 100), own_id(told)
    amount = money_of(told.get("amount"), told.get("currency"))
    if amount is None or not (status and intent_id) or told.get("object", "payment_intent") != "payment_intent":
        return None
    amounts = {name: money_of(told[name], told.get("currency")) for name in _AMOUNTS if told.get(name) is not None}
    if None in amounts.values():
        return None
    latest, expanded = _latest_charge(told)
    charge = read_charge({"currency": told.get("currency"), **expanded})
    received = amounts.get("amount_received")
    livemode = told.get("livemode")
    metadata = _texts(table(told, "metadata"))
    return Intent(
        id=intent_id,
        status=status,
        amount=amount,
        capturable=amounts.get("amount_capturable"),
        received=charge.captured if received is None and charge else received,
        method=text(told, "capture_method", 100),
        livemode=livemode if isinstance(livemode, bool) else None,
        transaction=metadata.get(TRANSACTION, ""),
        metadata=metadata,
        charge_id=latest,
        charge=charge,
        authorized=_authorized(charge, latest),
        problem=read_problem(table(told, "last_payment_error")),
        reason=text(told, "cancellation_reason", 100),
        action=table(told, "next_action"),
        secret=text(told, "client_secret"),
    )


def _latest_charge(told: Table) -> tuple[str, Table]:
    """The id of the latest charge, and the charge itself where it is expanded; a list of charges before version 2022-11-15."""
    listed = tables(table(told, "charges"), "data")
    expanded = table(told, "latest_charge") or (listed[0] if listed else {})
    return id_of(told.get("latest_charge")) or id_of(expanded), expanded


_AMOUNTS: Final = ("amount_capturable", "amount_received")


def _authorized(charge: Charge | None, charge_id: str) -> bool | None:
    if charge and charge.status in ("succeeded", "failed"):
        return charge.status == "succeeded"
    return None if charge_id else False


def _texts(told: Table) -> dict[str, str]:
    found: dict[str, Any] = told
    return {name: value for name, value in found.items() if isinstance(value, str)}


def read_refund(told: Table) -> Refund | None:
    """Read a refund, or nothing."""
    amount, refund_id = money_of(told.get("amount"), told.get("currency")), own_id(told)
    if amount is None or not refund_id or told.get("object", "refund") != "refund":
        return None
    return Refund(
        id=refund_id,
        status=text(told, "status", 100),
        amount=amount,
        intent=id_of(told.get("payment_intent")),
        transaction=text(table(told, "metadata"), TRANSACTION, 255),
        moved=bool(id_of(told.get("balance_transaction"))),
        code=text(told, "failure_reason", 100),
    )
