"""A gateway whose ports all raise, with a canary in the message and in the cause."""

from __future__ import annotations

from typing import Any, NoReturn

from payports.domain.capabilities import Capabilities
from payports.ports.gateway import (
    ExternalActions,
    Gateway,
    MethodVault,
    RollbackGateway,
    TransactionGateway,
    WebhookReader,
)
from payports.ports.tokenization import TokenizationBridge
from tests.secret_leaks.canaries import API_KEY, CARD, RAISED


def fail(*given: Any, **named: Any) -> NoReturn:
    try:
        raise KeyError(API_KEY, given, named)
    except KeyError as error:
        raise ValueError(
            f"{RAISED} {CARD} {given} {[argument.method.token for argument in given if hasattr(argument, 'method')]}"
        ) from error


class Raising(TransactionGateway, RollbackGateway, WebhookReader, ExternalActions, MethodVault, TokenizationBridge):
    """All ports at once."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    execute = look_up = roll_back = read = confirm = present = keep = methods_of = forget = open = accept = fail


def raising_gateway() -> Gateway:
    raising = Raising()
    return Gateway(
        transactions=raising, rollback=raising, webhooks=raising, actions=raising, vault=raising, bridge=raising
    )
