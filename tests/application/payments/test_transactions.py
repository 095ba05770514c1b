"""Facts that the host brings itself: a transaction that its page executed, asked about rather than believed."""

from __future__ import annotations

from returns.result import Failure

import payports
from payports import (
    Capabilities,
    Channel,
    LookUp,
    Money,
    NewPayment,
    NotFoundYet,
    Observation,
    Owner,
    PaymentMethod,
    PaymentRequest,
    PaymentResponse,
    ResultUnknown,
    TransactionGateway,
    TransactionStatus,
    TransactionType,
)
from payports.testing import FixedClock

TEN = Money.of("10.00", "EUR")


class PageGateway(TransactionGateway):
    """Knows one intent that a page confirmed; finds it by reference only."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(look_up=LookUp.BY_REFERENCE)

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        raise AssertionError(f"nothing is executed here: {request.type}")

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002
        if request.gateway_reference != "pi_1":
            return NotFoundYet()
        return Observation(
            status=TransactionStatus.SUCCEEDED, channel=Channel.LOOK_UP, amount=TEN, gateway_reference="pi_1"
        )


def test_what_a_page_executed_is_recorded_and_then_asked_about() -> None:
    config = {"store": {"url": "memory:"}, "gateways": {"page": {"adapter": "sandbox"}}}
    with payports.connect(config, gateways={"page": PageGateway()}, clock=FixedClock()) as shop:
        payment = shop.payments.create(
            NewPayment(owner=Owner("cart", "c-1"), amount=TEN, gateway="page", method=PaymentMethod({"token": "t"}))
        ).unwrap()
        told = Observation(
            status=TransactionStatus.UNKNOWN,
            channel=Channel.RETURN,
            type=TransactionType.AUTHORIZE,
            gateway_reference="pi_1",
        )
        recorded = shop.transactions.record(payment.id, told)
        assert isinstance(recorded, Failure)
        assert isinstance(recorded.failure(), ResultUnknown)
        assert isinstance(shop.transactions.record(payment.id, told), Failure)
        asked = shop.transactions.refresh(payment.id).unwrap()
        assert [one.status for one in asked.payment.transactions] == [TransactionStatus.SUCCEEDED]
        assert shop.payments.summary(payment.id).unwrap().amount_authorized == TEN
