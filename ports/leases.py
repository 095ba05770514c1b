"""The names of the leases under which workers share the work of a merchant."""

from __future__ import annotations

from typing import Final

from payports.domain.payment import Owner

DELIVERY: Final = "delivery"
"""The lease of the worker that delivers facts to the host."""


def payment_lease(payment_id: str) -> str:
    """Name the lease of the worker that recovers a payment."""
    return f"payment {payment_id}"


def gateway_lease(gateway: str) -> str:
    """Name the lease that keeps all workers from calling a gateway that does not answer."""
    return f"gateway {gateway}"


def notification_lease(gateway: str, event_id: str) -> str:
    """Name the lease of the worker that retries a parked notification."""
    return f"notification {gateway} {event_id}"


def checkout_lease(owner: Owner) -> str:
    """Name the lease of the worker that concludes an abandoned checkout."""
    return f"checkout {owner.kind} {owner.id}"
