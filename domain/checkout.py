"""Plan a checkout: what each payment of a cart must do, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import attrs

from payports.domain.coverage import awaited_of, secured_of
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction_types import TransactionType


@attrs.frozen(kw_only=True)
class CheckoutStep:
    """What one payment must do: claim what an earlier attempt secured (``claims``), and run ``type`` for what is left (``amount``)."""

    payment_id: str
    type: TransactionType
    claims: Money
    amount: Money


def plan_checkout(
    payments: Iterable[Payment], priority: Sequence[str] = (), captures_at_once: Collection[str] = ()
) -> tuple[CheckoutStep, ...]:
    """Plan the steps of the active payments, the gateways named first in ``priority`` first.

    Put the gateways that are hardest to undo last. What is already secured, or accepted and awaited, is claimed and not done again.
    """
    return tuple(
        CheckoutStep(
            payment_id=payment.id,
            type=AUTHORIZE_AND_CAPTURE if payment.gateway in captures_at_once else AUTHORIZE,
            claims=(claimed := _claimable(payment)),
            amount=payment.amount - claimed if claimed < payment.amount else Money.zero(payment.currency),
        )
        for payment in by_priority(payments, priority)
        if not payment.archived
    )


def by_priority(payments: Iterable[Payment], priority: Sequence[str]) -> list[Payment]:
    """Order payments by their gateways' places in a list; gateways that are not in it come last, older payments first."""
    places = {gateway: place for place, gateway in enumerate(priority)}
    return sorted(
        payments, key=lambda payment: (places.get(payment.gateway, len(places)), payment.created_at, payment.id)
    )


def _claimable(payment: Payment) -> Money:
    return secured_of(payment) + awaited_of(payment)
