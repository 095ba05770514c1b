"""Plan a checkout: in which order the payments of a cart are secured, and what each of them must do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import attrs

from payports.domain.coverage import awaited_amount, secured_amount
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.transaction_types import TransactionType


@attrs.frozen(kw_only=True)
class CheckoutStep:
    """What one payment must do: claim what an earlier attempt secured (``claims``), and run ``type`` for what is left (``amount``)."""

    type: TransactionType
    claims: Money
    amount: Money


def plan_step(payment: Payment, captures_at_once: Collection[str] = ()) -> CheckoutStep:
    """Plan what an active payment must do. What is already secured, or accepted and awaited, is claimed and not done again."""
    claims = secured_amount(payment) + awaited_amount(payment)
    return CheckoutStep(
        type=AUTHORIZE_AND_CAPTURE if payment.gateway in captures_at_once else AUTHORIZE,
        claims=claims,
        amount=payment.amount - claims if claims < payment.amount else Money.zero(payment.currency),
    )


def by_priority(payments: Iterable[Payment], priority: Sequence[str]) -> list[Payment]:
    """Order payments by the places of their gateways in ``priority``; gateways that are not in it come last, older payments first.

    Put the gateways that are hardest to undo last.
    """
    places = {gateway: place for place, gateway in enumerate(priority)}
    return sorted(
        payments, key=lambda payment: (places.get(payment.gateway, len(places)), payment.created_at, payment.id)
    )
