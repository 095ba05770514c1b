"""The names of the leases under which workers share the work of a merchant."""

from __future__ import annotations

from typing import Final

from payports.domain.payment import Owner

DELIVERY: Final = "delivery"
"""The lease of whoever hands facts to the host."""


def payment_lease(payment_id: str) -> str:
    """Name the lease of whoever looks after a payment."""
    return f"payment {payment_id}"


def gateway_lease(gateway: str) -> str:
    """Name the lease under which a gateway that gives no answers is left alone, by everybody."""
    return f"gateway {gateway}"


def notification_lease(gateway: str, event_id: str) -> str:
    """Name the lease of whoever tries a parked notification again."""
    return f"notification {gateway} {event_id}"


def checkout_lease(owner: Owner) -> str:
    """Name the lease of whoever concludes a checkout that was left."""
    return f"checkout {owner.kind} {owner.id}"
