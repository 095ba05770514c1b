"""What the application asks of a payment gateway.

An adapter is a pure part (request to bytes, bytes to response: total functions) and a thin sender. The default of a response is
*unknown*, never success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

import attrs

from payports.domain.capabilities import Capabilities
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.frozen_mapping import frozen
from payports.domain.input_checks import InvalidInput
from payports.domain.money import Money
from payports.domain.observation import NextAction, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionType
from payports.ports.tokenization import TokenizationBridge

MAX_BODY: Final = 1_000_000
"""Bytes of a notification or an answer; more than any gateway sends. The core refuses longer notifications itself."""


@attrs.frozen(kw_only=True)
class PaymentRequest:
    """Everything a gateway may need for one transaction.

    ``transaction_id`` is the idempotency key. ``gateway_reference`` is set when the gateway has named the transaction already (for
    look-ups and returns), ``attributes`` are those that it gave us with it; ``parent_reference`` and ``parent_attributes`` come from the
    parent. ``pass_through`` is to be echoed back.
    ``return_url``: where the browser comes back to after an action, the callback token already in it. ``sent_at``: when the intent was
    recorded.
    """

    transaction_id: str
    type: TransactionType
    amount: Money
    payment_id: str
    owner: Owner
    method: PaymentMethod
    payment_type: PaymentType
    sent_at: datetime
    parent_id: str = ""
    gateway_reference: str = ""
    attributes: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)
    parent_reference: str = ""
    parent_attributes: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)
    customer: Customer | None = None
    billing: Address | None = None
    shipping: Address | None = None
    line_items: tuple[LineItem, ...] = ()
    pass_through: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)
    return_url: str = ""


@attrs.frozen(kw_only=True)
class PaymentResponse:
    """The result of a call to a gateway: the observation (``seen``), a redacted excerpt of the raw answer, and properties that replace
    those of the payment's method from now on (such as a multi-use token).

    ``raw``: for the record of calls that settlement and support will read.
    """

    seen: Observation
    raw: str = attrs.field(default="", repr=False)
    method_properties: Mapping[str, Secret] = attrs.field(factory=dict[str, Secret], hash=False)


@attrs.frozen
class NotFoundYet:
    """The gateway does not know the transaction. This is no proof that it never will.

    A gateway that could not be asked, or whose answer is unusable, is an ``Observation`` of status UNKNOWN instead.
    """

    reason: str = ""


class TransactionGateway(Protocol):
    """Executes transactions. Never raises for an outcome."""

    @property
    def capabilities(self) -> Capabilities:
        """What this gateway can do."""
        ...

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Send one transaction, with ``request.transaction_id`` as the idempotency key. Return success only on proof of it."""
        ...

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Ask what became of a transaction, without making it happen.

        With ``fence``, a gateway whose capabilities say ``fences`` makes sure that a transaction it does not know can never happen any
        more, and answers NOT_EXECUTED; others answer ``NotFoundYet``.
        """
        ...


class PaymentValidator(Protocol):
    """Checks whether a method is sufficient for the initiating transaction."""

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        """Return what is missing or wrong, or ``None``."""
        ...


class RollbackGateway(Protocol):
    """Undoes a transaction by an operation of the gateway's own, where that is better than REVERSE_AUTH, VOID or REFUND.

    For coming gateways: Braintree's ``reverseTransaction`` and the silent-post page.
    """

    def roll_back(self, request: PaymentRequest) -> PaymentResponse:
        """Undo what ``request`` names as its parent; ``request`` is the reversal that was recorded."""
        ...


@attrs.frozen(kw_only=True)
class Notification:
    """One verified item of a webhook. ``event_id``: the gateway's own id of the item, for deduplication."""

    event_id: str
    seen: Observation


@attrs.frozen
class WebhookRefused:
    """A notification that failed verification. ``reason`` names the check that failed, never the content."""

    reason: str
    status_code: int = 400


class WebhookReader(Protocol):
    """Verifies a raw body and its headers, then reads what it tells. Total and fail closed: no secret, no acceptance."""

    def read(
        self, headers: Mapping[str, str], body: bytes, params: Mapping[str, str], now: datetime
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read all items, each verified by itself; an item that fails verification refuses the whole body.

        Failures:
            WebhookRefused: signature, timestamp, account, environment or shape is wrong.
        """
        ...


class ExternalActions(Protocol):
    """Finishes what the shopper did elsewhere (3-D Secure, hosted page, a form that posts itself)."""

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        """Ask the gateway for the outcome of an action; ``params`` is what the browser brought and is never believed by itself."""
        ...

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:  # noqa: ARG002 -- for those that keep back nothing
        """Complete an action for the browser with what must never be stored, such as a client secret."""
        return action

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:  # noqa: ARG002 -- for those that cannot
        """End an action so that no shopper can finish it any more, and return its outcome: DECLINED, or what it came to meanwhile.

        A gateway that cannot end actions returns ``NotFoundYet``; then the action ends by time alone, and a late success is reversed.
        """
        return NotFoundYet("the gateway cannot end an action")


class MethodVault(Protocol):
    """Stores multi-use tokens of customers at the gateway."""

    def keep(
        self, customer: Customer, method: PaymentMethod
    ) -> Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]:
        """Swap a single-use token for one that may be used again."""
        ...

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        """List what the gateway keeps for a customer. For coming vaults that are shared with other systems of the merchant."""
        ...

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        """Remove a token. A token that is gone already counts as removed."""
        ...


@attrs.frozen(kw_only=True)
class Gateway:
    """One configured gateway: the ports that its adapter offers.

    ``account``: ours at the gateway, bound to every answer. ``close``: lets go of what the adapter opened, when the shop is closed.
    """

    transactions: TransactionGateway
    validator: PaymentValidator | None = None
    rollback: RollbackGateway | None = None
    webhooks: WebhookReader | None = None
    actions: ExternalActions | None = None
    vault: MethodVault | None = None
    bridge: TokenizationBridge | None = None
    account: str = ""
    close: Callable[[], None] | None = None
