"""How somebody pays: a token and gateway inputs that stay secret, attributes that may be shown, never a card number."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs

from payports.domain.frozen_mapping import FrozenMapping, frozen
from payports.domain.input_checks import InvalidInput, check_fields
from payports.domain.secret import Secret


class PaymentType(StrEnum):
    """The kind of tender. Source: Broadleaf's payment types."""

    CREDIT_CARD = "CREDIT_CARD"
    DEBIT_CARD = "DEBIT_CARD"
    GIFT_CARD = "GIFT_CARD"
    STORE_CREDIT = "STORE_CREDIT"
    CUSTOMER_CREDIT = "CUSTOMER_CREDIT"
    BANK_ACCOUNT = "BANK_ACCOUNT"
    BANK_SLIP = "BANK_SLIP"
    CHECK = "CHECK"
    ELECTRONIC_CHECK = "ELECTRONIC_CHECK"
    WIRE = "WIRE"
    MONEY_ORDER = "MONEY_ORDER"
    COD = "COD"
    PURCHASE_ORDER = "PURCHASE_ORDER"
    THIRD_PARTY_ACCOUNT = "THIRD_PARTY_ACCOUNT"
    APPLE_PAY = "APPLE_PAY"
    ADD_TO_BILL = "ADD_TO_BILL"


def _secrets(values: Mapping[str, str | Secret]) -> Mapping[str, Secret]:
    return FrozenMapping(
        {name: value if isinstance(value, Secret) else Secret(value) for name, value in values.items()}
    )


@attrs.frozen
class PaymentMethod:
    """What a gateway needs to charge, and what a person may see of it.

    ``properties``: the token and other inputs of the gateway; secret. ``display``: masked number, brand, expiry and the like.
    """

    properties: Mapping[str, Secret] = attrs.field(converter=_secrets, hash=False)
    display: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)
    single_use: bool = True

    @property
    def token(self) -> str:
        """The token, or nothing. Secret: for gateways only."""
        return self.property("token")

    def property(self, name: str) -> str:
        """One property, or nothing. Secret: for gateways only."""
        value = self.properties.get(name)
        return value.reveal() if value else ""


def check_method(method: object) -> InvalidInput | None:
    """Say why a method cannot be kept: wrong shapes, or a card number or security code in any of its fields."""
    if type(method) is not PaymentMethod:
        return InvalidInput("method", "must be a PaymentMethod")
    revealed = {name: value.reveal() for name, value in method.properties.items()}
    return check_fields("method.properties", revealed, 8_000) or check_fields("method.display", method.display)


@attrs.frozen(kw_only=True)
class Address:
    """A billing or shipping address; ``country`` is two capital letters (ISO 3166-1). Its repr shows no more than that."""

    name: str = attrs.field(default="", repr=False)
    lines: tuple[str, ...] = attrs.field(default=(), repr=False)
    city: str = attrs.field(default="", repr=False)
    region: str = attrs.field(default="", repr=False)
    postal_code: str = attrs.field(default="", repr=False)
    country: str = ""
    email: str = attrs.field(default="", repr=False)
    phone: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class LineItem:
    """One line of what is bought; for the gateway's records, never added up by us."""

    name: str
    quantity: int = 1
    unit_amount_minor: int = 0
    reference: str = ""
