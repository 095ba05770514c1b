"""A shop with a gateway that approves everything at once, and the four steps of a sale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from payports import (
    Capabilities,
    Channel,
    LookUp,
    Money,
    NewPayment,
    Observation,
    Owner,
    PaymentMethod,
    PaymentRequest,
    PaymentResponse,
    Payports,
    TransactionGateway,
    TransactionStatus,
    TransactionType,
    connect,
)
from payports.ports.clock import Clock

AMOUNT: Final = Money.of("59.90", "EUR")
_TYPES: Final = frozenset(
    {
        TransactionType.AUTHORIZE,
        TransactionType.CAPTURE,
        TransactionType.AUTHORIZE_AND_CAPTURE,
        TransactionType.REFUND,
    }
)


class Dummy(TransactionGateway):
    """Approves everything, as cheaply as a gateway can."""

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return PaymentResponse(seen=approved(request, Channel.ANSWER))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation:  # noqa: ARG002 -- it knows everything
        return approved(request, Channel.LOOK_UP)


_CAPABILITIES: Final = Capabilities(types=_TYPES, partial_refund=True, look_up=LookUp.BY_KEY)


def approved(request: PaymentRequest, channel: Channel) -> Observation:
    """The dummy's observation of a transaction."""
    return Observation(
        status=TransactionStatus.SUCCEEDED,
        channel=channel,
        transaction_id=request.transaction_id,
        amount=request.amount,
        gateway_reference=f"ref-{request.transaction_id}",
    )


def open_shop(url: str, options: Mapping[str, object] | None = None, clock: Clock | None = None) -> Payports:
    """Open a shop on a store, with the dummy as its only gateway."""
    store: dict[str, object] = {"url": url}
    store.update(options or {})
    return connect({"store": store}, gateways={"dummy": Dummy()}, clock=clock)


def new_payment(number: int) -> NewPayment:
    """A new payment for the cart of that number."""
    return NewPayment(
        owner=Owner("cart", f"c-{number}"),
        amount=AMOUNT,
        gateway="dummy",
        method=PaymentMethod({"token": "tok_of_the_benchmark"}, {"brand": "visa", "last4": "4242"}),
    )


def fresh(shop: Payports) -> str:
    """Create a payment without transactions."""
    return shop.payments.create(new_payment(0)).unwrap().id


def authorized(shop: Payports) -> str:
    """Create a payment with one authorization."""
    payment_id = fresh(shop)
    shop.transactions.authorize(payment_id).unwrap()
    return payment_id


def sell(shop: Payports, number: int) -> None:
    """The whole sale: create, authorize, capture, refund."""
    payment = shop.payments.create(new_payment(number)).unwrap()
    shop.transactions.authorize(payment.id).unwrap()
    shop.transactions.capture(payment.id).unwrap()
    shop.transactions.refund(payment.id).unwrap()
