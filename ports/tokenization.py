"""The frontend tokenization bridge: what the browser needs to turn card data into a token without us seeing it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import attrs

from payports.domain.cart import Cart
from payports.domain.frozen_mapping import frozen
from payports.domain.input_checks import InvalidInput
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod


class BridgeKind(StrEnum):
    """How card data reaches the gateway. The first two keep a host within PCI DSS SAQ A; a direct post needs SAQ A-EP."""

    REDIRECT = "REDIRECT"
    HOSTED_FIELDS = "HOSTED_FIELDS"
    DIRECT_POST = "DIRECT_POST"


@attrs.frozen(kw_only=True)
class Script:
    """A script that the payment page must load, with why it is needed and its integrity, for the page's inventory (PCI DSS 6.4.3)."""

    url: str
    purpose: str
    integrity: str = ""


@attrs.frozen(kw_only=True)
class ClientSession:
    """What a page needs to tokenize with one gateway: publishable data only, and what its content security policy must allow."""

    gateway: str
    kind: BridgeKind
    publishable: Mapping[str, str] = attrs.field(converter=frozen, hash=False)
    scripts: tuple[Script, ...] = ()
    content_security_policy: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)

    def for_browser(self) -> dict[str, object]:
        """Give plain data for the page: JSON can hold it, and nothing in it is secret."""
        return {
            "gateway": self.gateway,
            "kind": self.kind.value,
            **self.publishable,
            "scripts": [attrs.asdict(script) for script in self.scripts],
            "content_security_policy": dict(self.content_security_policy),
        }


class TokenizationBridge(Protocol):
    """Opens a client session for the browser and accepts its payload."""

    def open(self, gateway: str, cart: Cart, customer: Customer | None) -> ClientSession:
        """Open the session in which the browser tokenizes for this cart."""
        ...

    def accept(self, payload: Mapping[str, object]) -> Outcome[PaymentMethod, InvalidInput]:
        """Read the token from the browser's payload; anything that looks like card data is refused and not stored.

        Failures:
            InvalidInput: no token, unknown fields, or card data.
        """
        ...
