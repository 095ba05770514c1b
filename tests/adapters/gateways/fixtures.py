"""Contexts and requests for the tests of gateways."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from uuid import uuid4

from payports.domain.judgement import judge
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Owner
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.adapter import AdapterContext
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import Gateway, PaymentRequest
from payports.testing import FixedClock

EUR = Money.of("10.00", "EUR")
_numbers = count(1)


class RandomIds(Ids):
    def new(self) -> str:
        return uuid4().hex

    def token(self) -> str:
        return uuid4().hex


def a_context(
    name: str = "card",
    clock: Clock | None = None,
    attachments: Mapping[str, object] | None = None,
    options: Mapping[str, object] | None = None,
    ephemeral: bool = True,
) -> AdapterContext:
    return AdapterContext(
        name=name,
        options=options or {},
        clock=clock or FixedClock(),
        ids=RandomIds(),
        ephemeral=ephemeral,
        attachments=attachments or {},
    )


def a_request(
    kind: TransactionType,
    amount: Money = EUR,
    *,
    token: str = "tok_approved",
    on: Observation | None = None,
    key: str = "",
    return_url: str = "",
    pass_through: Mapping[str, str] | None = None,
) -> PaymentRequest:
    return PaymentRequest(
        transaction_id=key or f"t-{next(_numbers)}",
        type=kind,
        amount=amount,
        payment_id="p-1",
        owner=Owner("cart", "c-1"),
        method=PaymentMethod({"token": token} if token else {}),
        payment_type=PaymentType.CREDIT_CARD,
        sent_at=FixedClock().now(),
        parent_reference=on.gateway_reference if on else "",
        return_url=return_url,
        pass_through=pass_through or {},
    )


def execute(gateway: Gateway, request: PaymentRequest) -> Observation:
    return gateway.transactions.execute(request).seen


def judged(seen: Observation, request: PaymentRequest, account: str = "sandbox") -> TransactionStatus:
    """The status that the core derives: the adapter reports an amount, the core compares it with the requested one."""
    return judge(request.amount, account, (seen,)).status
