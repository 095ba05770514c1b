"""Offline tenders: cash on delivery, wire, cheque, purchase order. A person or a bank statement says whether the money came.

The adapter stores nothing. Money that moves outside is awaited until an operator confirms it (``shop.maintenance.resolve`` or
``shop.transactions.record``); giving up a claim needs nobody outside and succeeds at once.
"""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.kit.observations import not_executed
from payports.adapters.gateways.kit.options import check_account
from payports.adapters.option_reading import read_options
from payports.domain.capabilities import FOREVER, Capabilities, LookUp, PartialCapture, ReverseAuthorization
from payports.domain.lifecycle import REVERSE_AUTH, VOID
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import TransactionStatus
from payports.ports.adapter import AdapterContext
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, PaymentResponse, TransactionGateway

IMMEDIATE: Final = frozenset({VOID, REVERSE_AUTH})
"""These only give up a claim."""

CAPABILITIES: Final = Capabilities(
    partial_capture=PartialCapture.MULTIPLE,
    partial_refund=True,
    reverse_authorization=ReverseAuthorization.PARTIAL,
    void_restores_hold=True,
    idempotency_window=FOREVER,
    look_up=LookUp.BY_KEY,
    authorization_lifetime=None,
)


@attrs.frozen
class OfflineGateway(TransactionGateway):
    """Answers each transaction from the request alone, so the answer is the same however often it is asked for."""

    account: str

    @property
    def capabilities(self) -> Capabilities:
        """Describe offline tenders: partial operations, asynchronous results."""
        return CAPABILITIES

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Await the result, or give up a claim."""
        return PaymentResponse(seen=self._observe(request, Channel.ANSWER))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002 -- the port asks for it
        """Repeat the answer: whatever was recorded is awaited."""
        return self._observe(request, Channel.LOOK_UP)

    def _observe(self, request: PaymentRequest, channel: Channel) -> Observation:
        if not CAPABILITIES.supports(request.type):
            return not_executed(request, channel, code="not_supported")
        immediate = request.type in IMMEDIATE
        return Observation(
            status=TransactionStatus.SUCCEEDED if immediate else TransactionStatus.AWAITING_RESULT,
            channel=channel,
            transaction_id=request.transaction_id,
            type=request.type,
            amount=request.amount if immediate else None,
            gateway_reference=f"offline-{request.transaction_id}",
            parent_reference=request.parent_reference,
            account=self.account,
        )


@attrs.frozen(kw_only=True)
class Options:
    """The keys of an offline gateway in the configuration. ``account``: bound to every answer."""

    account: str = "offline"


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. Raises ``ConfigurationError`` naming the key."""
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    check_account(options.account, where)
    return Gateway(transactions=OfflineGateway(options.account), account=options.account)
