"""Canaries: secrets and personal data as unique texts, and where some of them may be stored.

Stored on purpose, because a later call needs it: a method's properties (the token among them), what a person typed about the payer and the
goods, and pass-through fields, in ``details`` of the payment; a saved method's properties in its own ``details``; the callback token of a
checkout in its column (docs/decisions/0013-callback-token-kept-whole.md). None of that is in any other column, log, fact, span or line of
the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

CARD: Final = "4111111111111111"
CARD_IN_GROUPS: Final = "5555 5555 5555 4444"
CARD_IN_DASHES: Final = "3782-822463-10005"
SECURITY_CODE: Final = "7391"

TOKEN: Final = "tok_approved"
STRIPE_TOKEN: Final = "pm_canaryOfTheMethod"
INPUT: Final = "canary-input-of-the-gateway"
NUMBER: Final = "canary-gift-number-881"
API_KEY: Final = "sk_test_canaryOfTheKey"
WEBHOOK_SECRET: Final = "whsec_canary_of_the_webhooks"
FORMER_SECRET: Final = "whsec_canary_of_former_times"
CLIENT_SECRET: Final = "pi_1_secret_canaryOfTheClient"
PASSWORD: Final = "canary-password-of-the-database"
IN_URL: Final = "canary-in-the-address"
RAISED: Final = "canary-in-what-was-raised"
BODY: Final = "canary-in-a-body"
ENVIRONMENT: Final = "canary-of-the-environment"

PAYER: Final = "Ada Canary of Birdcage Walk"
EMAIL: Final = "ada@canary.example"
PHONE: Final = "+49 30 7733991"
PASSED: Final = "canary-passed-through"

CARD_DATA: Final = {"card": CARD, "card in groups": CARD_IN_GROUPS, "card in dashes": CARD_IN_DASHES}
SECRETS: Final[Mapping[str, str]] = {
    **CARD_DATA,
    "security code": SECURITY_CODE,
    "token": TOKEN,
    "token at Stripe": STRIPE_TOKEN,
    "gateway input": INPUT,
    "gift number": NUMBER,
    "API key": API_KEY,
    "webhook secret": WEBHOOK_SECRET,
    "former webhook secret": FORMER_SECRET,
    "client secret": CLIENT_SECRET,
    "password": PASSWORD,
    "address of the gateway": IN_URL,
    "text of an exception": RAISED,
    "body of a webhook": BODY,
    "secret of the environment": ENVIRONMENT,
}
"""Never shown anywhere."""

PERSONAL: Final[Mapping[str, str]] = {"payer": PAYER, "e-mail": EMAIL, "phone": PHONE}
"""In no repr, log, fact, span or command; stored with the payment, and readable from its fields."""

PASSED_THROUGH: Final[Mapping[str, str]] = {"pass-through field": PASSED}
"""The host's own data, stored with the payment and in its repr; in no log, fact, span or command."""

KEPT: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    **{name: frozenset({("payments", "details"), ("saved_methods", "details")}) for name in ("token", "gateway input")},
    **{
        name: frozenset({("payments", "details")})
        for name in ("token at Stripe", "gift number", "payer", "e-mail", "phone", "pass-through field")
    },
}
"""The table and column where a canary may be stored."""


def found_in(text: str, canaries: Mapping[str, str] = SECRETS) -> list[str]:
    """The names of the canaries in a text; the short one only where it stands alone."""
    return [name for name, canary in canaries.items() if _stands(canary, text)]


def _stands(canary: str, text: str) -> bool:
    if canary == SECURITY_CODE:
        return re.search(rf"(?<![0-9A-Za-z.]){canary}(?![0-9A-Za-z]|\.[0-9])", text) is not None
    return canary in text


def without(names: Iterable[str], canaries: Mapping[str, str] = SECRETS) -> dict[str, str]:
    left = set(names)
    return {name: canary for name, canary in canaries.items() if name not in left}
