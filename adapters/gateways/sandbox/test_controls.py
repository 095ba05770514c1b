"""The test controls of a bank over HTTP: the methods of ``SandboxBank`` by name, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from payports.adapters.gateways.kit.json_reading import JsonObject, integer, money, read_object, text
from payports.adapters.gateways.ledger.entries import Effect
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.messages import encoded
from payports.adapters.gateways.sandbox.scenarios import Reply
from payports.domain.money import Money
from payports.domain.transaction_types import TransactionType

PREFIX: Final = "/control/"
_PAGE: Final = 1_000


def control(bank: SandboxBank, name: str, body: bytes) -> Reply:
    """Call one method of the bank. A ``ValueError`` comes back with 400 and its text."""
    perform, arguments = _METHODS.get(name), read_object(body)
    if perform is None or arguments is None:
        return Reply(404, encoded({"error": "no such control"}))
    try:
        return Reply(200, encoded({"result": perform(bank, arguments)}))
    except ValueError as error:
        return Reply(400, encoded({"error": str(error)}))


def effect_message(effect: Effect) -> dict[str, Any]:
    """Write an effect as JSON fields."""
    return {
        "transaction_id": effect.transaction_id,
        "type": effect.type.value,
        "amount_minor": effect.amount.minor,
        "currency": effect.amount.currency.code,
        "gateway_reference": effect.gateway_reference,
        "parent_reference": effect.parent_reference,
        "position": effect.position,
    }


def read_effect(payload: JsonObject) -> Effect:
    """Read an effect; ``ValueError`` if that cannot be done."""
    amount = money(payload)
    if amount is None:
        raise ValueError("no amount")
    return Effect(
        transaction_id=text(payload, "transaction_id"),
        type=TransactionType(text(payload, "type")),
        amount=amount,
        gateway_reference=text(payload, "gateway_reference"),
        parent_reference=text(payload, "parent_reference"),
        position=integer(payload, "position") or 0,
    )


def _effects(bank: SandboxBank, arguments: JsonObject) -> object:
    return [
        effect_message(effect)
        for effect in bank.effects_page(integer(arguments, "after") or 0, integer(arguments, "limit") or _PAGE)
    ]


def _totals(bank: SandboxBank, _arguments: JsonObject) -> object:
    return [[kind.value, currency, minor] for (kind, currency), minor in bank.totals().items()]


def _dashboard(bank: SandboxBank, arguments: JsonObject) -> object:
    amount = money(arguments)
    if amount is None:
        raise ValueError("no amount")
    return bank.dashboard(
        text(arguments, "type"), text(arguments, "parent_reference"), Money(amount.minor, amount.currency)
    )


def _webhooks(bank: SandboxBank, arguments: JsonObject) -> object:
    return [[headers, body.decode()] for headers, body in bank.webhooks(integer(arguments, "limit"))]


_METHODS: Final[Mapping[str, Callable[[SandboxBank, JsonObject], object]]] = {
    "effects": _effects,
    "totals": _totals,
    "dashboard": _dashboard,
    "webhooks": _webhooks,
    "settle": lambda bank, _: bank.settle(),
    "fail_next": lambda bank, arguments: bank.fail_next(text(arguments, "type"), text(arguments, "scenario")),
    "revoke": lambda bank, arguments: bank.revoke(text(arguments, "reference")),
    "complete_action": lambda bank, arguments: bank.complete_action(
        text(arguments, "reference"), arguments.get("approve") is True
    ),
    "finish_async": lambda bank, arguments: bank.finish_async(
        text(arguments, "reference"), arguments.get("succeed") is True
    ),
}
