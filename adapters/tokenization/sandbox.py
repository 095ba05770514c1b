"""The sandbox's tokenization bridge, server side: the browser gets publishable data and sends back a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
from returns.result import Failure, Success

from payports.domain.cart import Cart
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_text
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.tokenization import BridgeKind, ClientSession, TokenizationBridge

_TOKEN: Final = re.compile(r"(?:tok|pm)_[a-z0-9_]{1,100}")


@attrs.frozen(kw_only=True)
class SandboxBridge(TokenizationBridge):
    """Tokens of the sandbox bank. ``account`` is publishable: it names the merchant's account to the page."""

    account: str = "sandbox"

    def open(self, gateway: str, cart: Cart, customer: Customer | None) -> ClientSession:  # noqa: ARG002 -- the port asks for it
        """Give the browser what it needs to create a token for this cart; nothing about the customer."""
        return ClientSession(
            gateway=gateway,
            kind=BridgeKind.HOSTED_FIELDS,
            publishable={
                "account": self.account,
                "environment": "sandbox",
                "cart": cart.id,
                "amount": cart.total.text,
                "currency": cart.total.currency.code,
            },
        )

    def accept(self, payload: Mapping[str, object]) -> Outcome[PaymentMethod, InvalidInput]:
        """Read ``{"token": "tok_…", "display": {…}}``; ``display`` may be left out.

        Failures:
            InvalidInput: no token, an unknown field, or anything that looks like card data.
        """
        display = payload.get("display", {})
        problem = _check_field_names(payload) or _check_token(payload.get("token")) or check_fields("display", display)
        if problem:
            return Failure(problem)
        return Success(PaymentMethod({"token": str(payload["token"])}, cast("Mapping[str, str]", display)))


def _check_field_names(payload: Mapping[str, Any]) -> InvalidInput | None:
    for name in payload:
        if name not in ("token", "display"):
            problem = check_identifier("payload (a name)", name)
            return problem or InvalidInput(f"payload.{name}", "is not a field of this bridge")
    return None


def _check_token(token: object) -> InvalidInput | None:
    if type(token) is not str:
        return InvalidInput("token", "must be text")
    problem = check_text("token", token)
    if problem:
        return problem
    return None if _TOKEN.fullmatch(token) else InvalidInput("token", "is not a token of the sandbox")


def connect(context: AdapterContext) -> TokenizationBridge:
    """Build the bridge of a gateway from its option ``account``. Raises ``ConfigurationError`` naming the key."""
    account = context.options.get("account", "sandbox")
    problem = check_identifier("account", account)
    if problem:
        raise ConfigurationError(f"gateways.{context.name}.account", problem.reason)
    return SandboxBridge(account=str(account))
