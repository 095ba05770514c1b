"""A saved payment method: a multi-use token that belongs to one customer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod, PaymentType


class SavedMethodStatus(StrEnum):
    """Only an available method may be used."""

    AVAILABLE_TO_USE = "AVAILABLE_TO_USE"
    ARCHIVED = "ARCHIVED"


@attrs.frozen(kw_only=True)
class SavedMethod:
    """A token that its customer may use again, with the properties that may be shown."""

    id: str
    customer: Customer
    gateway: str
    method: PaymentMethod
    created_at: datetime
    type: PaymentType = PaymentType.CREDIT_CARD
    name: str = ""
    status: SavedMethodStatus = SavedMethodStatus.AVAILABLE_TO_USE
    version: int = 0


def may_use(saved: SavedMethod | None, customer: Customer | None) -> bool:
    """Tell whether a customer may use a saved method: it belongs to them and is available. Without a customer nobody may."""
    if saved is None or customer is None:
        return False
    return saved.customer == customer and saved.status is SavedMethodStatus.AVAILABLE_TO_USE


def archive(saved: SavedMethod) -> SavedMethod:
    """Take a saved method out of use; what was paid with it stays readable and refundable."""
    return attrs.evolve(saved, status=SavedMethodStatus.ARCHIVED)
