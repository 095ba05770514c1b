"""Offline tenders: cash on delivery, wire, cheque, purchase order. A person or a bank statement says what came of them.

The adapter keeps nothing. Money that comes or goes outside is awaited until an operator confirms it (``shop.maintenance.resolve`` or
``shop.transactions.record``); giving up a claim needs nobody outside and succeeds at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.option_reading import read_options
from payports.domain.capabilities import Capabilities, LookUp, PartialCapture, ReverseAuthorization
from payports.domain.input_checks import check_identifier
from payports.domain.lifecycle import REVERSE_AUTH, VOID
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, PaymentResponse, TransactionGateway

AT_ONCE: Final = frozenset({VOID, REVERSE_AUTH})
"""These only give up a claim."""

_FOR_EVER: Final = timedelta(days=36_500)

CAPABILITIES: Final = Capabilities(
    partial_capture=PartialCapture.MULTIPLE,
    partial_refund=True,
    reverse_authorization=ReverseAuthorization.PARTIAL,
    void_restores_hold=True,
    idempotency_window=_FOR_EVER,
    look_up=LookUp.BY_KEY,
    authorization_lifetime=None,
)


@attrs.frozen
class OfflineGateway(TransactionGateway):
    """Says of each transaction what can be said without asking anybody: the same whenever it is asked."""

    account: str

    @property
    def capabilities(self) -> Capabilities:
        """Everything partial, nothing at once."""
        return CAPABILITIES

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Await the result, or give up a claim."""
        return PaymentResponse(seen=self._seen(request, Channel.ANSWER))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002 -- the port asks for it
        """Say the same again: whatever was recorded is awaited."""
        return self._seen(request, Channel.LOOK_UP)

    def _seen(self, request: PaymentRequest, channel: Channel) -> Observation:
        supported = CAPABILITIES.supports(request.type)
        at_once = request.type in AT_ONCE
        seen = Observation(
            status=TransactionStatus.SUCCEEDED if at_once else TransactionStatus.AWAITING_RESULT,
            channel=channel,
            transaction_id=request.transaction_id,
            type=request.type,
            amount=request.amount if at_once else None,
            gateway_reference=f"offline-{request.transaction_id}",
            parent_reference=request.parent_reference,
            account=self.account,
        )
        if supported:
            return seen
        return Observation(
            status=TransactionStatus.NOT_EXECUTED,
            channel=channel,
            transaction_id=request.transaction_id,
            failure_type=FailureType.NOT_POSSIBLE,
            code="not_supported",
        )


@attrs.frozen(kw_only=True)
class Options:
    """The keys of an offline gateway in the configuration. ``account``: bound to every answer."""

    account: str = "offline"


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. Raises ``ConfigurationError`` naming the key."""
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    problem = check_identifier("account", options.account)
    if problem:
        raise ConfigurationError(f"{where}.account", problem.reason)
    return Gateway(transactions=OfflineGateway(options.account), account=options.account)
