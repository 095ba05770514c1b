"""Stripe's tokenization bridge, server side: what Stripe.js needs in the browser, and the token that it sends back.

Source: docs.stripe.com/js, docs.stripe.com/security/guide (content security policy; Stripe.js must come from Stripe and has no fixed hash).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.stripe.currencies import units_of
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.domain.cart import Cart
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_text
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.ports.adapter import AdapterContext
from payports.ports.tokenization import BridgeKind, ClientSession, Script, TokenizationBridge

SCRIPT: Final = Script(url="https://js.stripe.com/v3/", purpose="card fields that are Stripe's, and 3-D Secure")
POLICY: Final = {
    "script-src": "https://js.stripe.com https://*.js.stripe.com",
    "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    "connect-src": "https://api.stripe.com",
}
PUBLISHABLE_KEY: Final = re.compile(r"pk_(test|live)_[!-~]{1,250}")
_ACCOUNT: Final = re.compile(r"(?:(acct_\w+)/)?(test|live)")
"""How the account of a Stripe gateway is written."""
_FIELDS: Final = {"payment_method": "pm_", "confirmation_token": "ctoken_"}
_TOKEN: Final = re.compile(r"(?:pm|ctoken)_[A-Za-z0-9_]{1,200}")


@attrs.frozen(kw_only=True)
class StripeBridge(TokenizationBridge):
    """Elements of Stripe.js. ``account``: a connected account, which the script must name as well."""

    publishable_key: str
    account: str = ""
    locale: str = "auto"

    def open(self, gateway: str, cart: Cart, customer: Customer | None) -> ClientSession:  # noqa: ARG002 -- the port asks for it
        """Give the browser what Stripe.js needs; ``amount`` is in Stripe's units, and absent where Stripe cannot count it exactly."""
        units = units_of(cart.total)
        return ClientSession(
            gateway=gateway,
            kind=BridgeKind.HOSTED_FIELDS,
            publishable={
                "publishable_key": self.publishable_key,
                "mode": "payment",
                "currency": cart.total.currency.code.lower(),
                "locale": self.locale,
                "cart": cart.id,
                **({"account": self.account} if self.account else {}),
                **({"amount": str(units)} if units is not None else {}),
            },
            scripts=(SCRIPT,),
            content_security_policy=POLICY,
        )

    def accept(self, payload: Mapping[str, object]) -> Outcome[PaymentMethod, InvalidInput]:
        """Read ``{"payment_method": "pm_…"}``, ``{"confirmation_token": "ctoken_…"}`` or ``{"token": either}``; ``display`` may be added.

        Failures:
            InvalidInput: no token or two, an unknown field, or anything that looks like card data.
        """
        if not isinstance(payload, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- it comes from a browser
            return Failure(InvalidInput("payload", "must be an object"))
        display = payload.get("display", {})
        token_fields = [name for name in payload if name in ("token", *_FIELDS)]
        problem = _check_field_names(payload) or _check_token(payload, token_fields) or check_fields("display", display)
        if problem:
            return Failure(problem)
        return Success(PaymentMethod({"token": str(payload[token_fields[0]])}, cast("Mapping[str, str]", display)))


def _check_field_names(payload: Mapping[str, Any]) -> InvalidInput | None:
    for name in payload:
        if name not in ("token", "display", *_FIELDS):
            problem = check_identifier("payload (a name)", name)
            return problem or InvalidInput(f"payload.{name}", "is not a field of this bridge")
    return None


def _check_token(payload: Mapping[str, object], token_fields: list[str]) -> InvalidInput | None:
    if len(token_fields) != 1:
        return InvalidInput("token", "must be given once")
    name = token_fields[0]
    token = payload[name]
    problem = check_text(name, token)
    if problem:
        return problem
    fits = _TOKEN.fullmatch(str(token)) and str(token).startswith(_FIELDS.get(name, ""))
    return None if fits else InvalidInput(name, "is not a token of Stripe")


@attrs.frozen(kw_only=True)
class Options:
    """The keys of this bridge in the configuration."""

    publishable_key: str
    account: str = ""
    locale: str = "auto"


def connect(context: AdapterContext) -> TokenizationBridge:
    """Build the bridge. Raises ``ConfigurationError`` naming the key."""
    where = f"gateways.{context.name}.bridge_options"
    options = read_options(Options, context.options, where)
    key, account = PUBLISHABLE_KEY.fullmatch(options.publishable_key), _ACCOUNT.fullmatch(context.account)
    if key is None:
        raise ConfigurationError(f"{where}.publishable_key", "must begin with pk_test_ or pk_live_")
    if account and account[2] != key[1]:
        raise ConfigurationError(f"{where}.publishable_key", f"is a {key[1]} key, the secret key a {account[2]} key")
    if account and (account[1] or "") != options.account:
        raise ConfigurationError(f"{where}.account", "is not the account of the gateway")
    return StripeBridge(publishable_key=options.publishable_key, account=options.account, locale=options.locale)
