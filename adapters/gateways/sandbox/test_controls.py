"""What a tester may ask of a bank over HTTP: the methods of ``SandboxBank`` by name, as JSON."""

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
    """Do one thing to the bank. What it refuses comes back with 400 and the reason."""
    perform, asked = _METHODS.get(name), read_object(body)
    if perform is None or asked is None:
        return Reply(404, encoded({"error": "no such control"}))
    try:
        return Reply(200, encoded({"result": perform(bank, asked)}))
    except ValueError as error:
        return Reply(400, encoded({"error": str(error)}))


def effect_shown(effect: Effect) -> dict[str, Any]:
    """Write an effect."""
    return {
        "transaction_id": effect.transaction_id,
        "type": effect.type.value,
        "amount_minor": effect.amount.minor,
        "currency": effect.amount.currency.code,
        "gateway_reference": effect.gateway_reference,
        "parent_reference": effect.parent_reference,
        "position": effect.position,
    }


def effect_read(told: JsonObject) -> Effect:
    """Read an effect; ``ValueError`` if it is none."""
    amount = money(told)
    if amount is None:
        raise ValueError("no amount")
    return Effect(
        transaction_id=text(told, "transaction_id"),
        type=TransactionType(text(told, "type")),
        amount=amount,
        gateway_reference=text(told, "gateway_reference"),
        parent_reference=text(told, "parent_reference"),
        position=integer(told, "position") or 0,
    )


def _effects(bank: SandboxBank, asked: JsonObject) -> object:
    return [
        effect_shown(one) for one in bank.effects_page(integer(asked, "after") or 0, integer(asked, "limit") or _PAGE)
    ]


def _totals(bank: SandboxBank, _asked: JsonObject) -> object:
    return [[kind.value, currency, minor] for (kind, currency), minor in bank.totals().items()]


def _dashboard(bank: SandboxBank, asked: JsonObject) -> object:
    amount = money(asked)
    if amount is None:
        raise ValueError("no amount")
    return bank.dashboard(text(asked, "type"), text(asked, "parent_reference"), Money(amount.minor, amount.currency))


def _webhooks(bank: SandboxBank, asked: JsonObject) -> object:
    return [[headers, body.decode()] for headers, body in bank.webhooks(integer(asked, "limit"))]


_METHODS: Final[Mapping[str, Callable[[SandboxBank, JsonObject], object]]] = {
    "effects": _effects,
    "totals": _totals,
    "dashboard": _dashboard,
    "webhooks": _webhooks,
    "settle": lambda bank, _: bank.settle(),
    "fail_next": lambda bank, asked: bank.fail_next(text(asked, "type"), text(asked, "mood")),
    "revoke": lambda bank, asked: bank.revoke(text(asked, "reference")),
    "complete_action": lambda bank, asked: bank.complete_action(text(asked, "reference"), asked.get("approve") is True),
    "finish_async": lambda bank, asked: bank.finish_async(text(asked, "reference"), asked.get("succeed") is True),
}
