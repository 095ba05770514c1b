"""The stored-value gateway and its configuration."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.observations import not_executed, unknown
from payports.adapters.gateways.kit.options import check_account
from payports.adapters.gateways.ledger.entries import Entry, EntryState, LedgerRequest, digest
from payports.adapters.gateways.ledger.rules import AccountTerms
from payports.adapters.gateways.ledger.storage import MEMORY, path_of
from payports.adapters.gateways.stored_value.ledger import StoredValueLedger
from payports.adapters.option_reading import read_options
from payports.domain.capabilities import (
    FOREVER,
    USUAL_TYPES,
    Capabilities,
    LookUp,
    PartialCapture,
    ReverseAuthorization,
)
from payports.domain.input_checks import InvalidInput
from payports.domain.lifecycle import DETACHED_CREDIT, OBSERVED_ONLY
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.gateway import (
    Gateway,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    TransactionGateway,
)

DEFAULT_URL: Final = "sqlite:///payports-stored-value.db"

_STATUSES: Final = {
    EntryState.DONE: TransactionStatus.SUCCEEDED,
    EntryState.DECLINED: TransactionStatus.DECLINED,
    EntryState.FENCED: TransactionStatus.NOT_EXECUTED,
}
"""The ledger decides at once, so no other state stands in it."""


@attrs.frozen(kw_only=True)
class StoredValueGateway(TransactionGateway, PaymentValidator):
    """Transactions on stored value. ``ledger``: where the host issues value and reads balances."""

    ledger: StoredValueLedger
    account: str
    terms: AccountTerms

    @property
    def capabilities(self) -> Capabilities:
        """Describe stored value: partial operations, immediate results."""
        return Capabilities(
            types=USUAL_TYPES | {DETACHED_CREDIT},
            partial_capture=PartialCapture.MULTIPLE,
            partial_refund=True,
            reverse_authorization=ReverseAuthorization.PARTIAL,
            void_restores_hold=True,
            detached_credit=self.terms.detached_credit,
            idempotency_window=FOREVER,
            look_up=LookUp.BY_KEY,
            in_flight_bound=timedelta(),
            fences=True,
            authorization_lifetime=self.terms.authorization_lifetime,
        )

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Execute one transaction, once for each key."""
        if not self.capabilities.supports(request.type):
            return PaymentResponse(seen=not_executed(request, Channel.ANSWER, code="not_supported"))
        ledger_request = self._ledger_request(request)
        try:
            entry = self.ledger.execute(ledger_request, self.terms)
        except sqlite3.Error:
            return PaymentResponse(seen=unknown(request, Channel.ANSWER, code="ledger_failed"))
        if entry.state is EntryState.FENCED:
            return PaymentResponse(seen=not_executed(request, Channel.ANSWER, code="key_burnt"))
        if entry.content != ledger_request.content:
            return PaymentResponse(seen=unknown(request, Channel.ANSWER, code="key_reused"))
        return PaymentResponse(seen=_observe(entry, Channel.ANSWER))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look up by our key; with ``fence`` an unknown key becomes unusable."""
        try:
            entry = self.ledger.look_up(self._ledger_request(request), fence_key=fence)
        except sqlite3.Error:
            return unknown(request, Channel.LOOK_UP, code="ledger_failed")
        if entry is None:
            return NotFoundYet("the ledger does not know the transaction")
        fits = entry.type is request.type and (entry.requested_minor, entry.currency) == (
            request.amount.minor,
            request.amount.currency.code,
        )
        return _observe(entry, Channel.LOOK_UP) if fits else unknown(request, Channel.LOOK_UP, code="key_reused")

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:  # noqa: ARG002 -- the port asks for it
        """Require an account number."""
        return None if method.token else InvalidInput("method.properties.token", "is missing")

    def _ledger_request(self, request: PaymentRequest) -> LedgerRequest:
        initiates = not request.parent_reference and request.type not in OBSERVED_ONLY
        content = {
            "type": request.type.value,
            "minor": request.amount.minor,
            "currency": request.amount.currency.code,
            "parent": request.parent_reference,
            "number": request.method.token if initiates else "",
        }
        return LedgerRequest(
            account=self.account,
            key=request.transaction_id,
            type=request.type,
            minor=request.amount.minor,
            currency=request.amount.currency.code,
            parent=request.parent_reference,
            holder=request.method.token,
            content=digest(content),
        )


def _observe(entry: Entry, channel: Channel) -> Observation:
    status = _STATUSES[entry.state]
    done, failed = entry.state is EntryState.DONE, entry.state is EntryState.DECLINED
    return Observation(
        status=status,
        channel=channel,
        transaction_id=entry.key,
        type=entry.type,
        amount=Money(entry.minor, entry.currency) if done else None,
        gateway_reference="" if entry.state is EntryState.FENCED else entry.reference,
        parent_reference=entry.parent,
        account=entry.account,
        code=entry.code,
        failure_type=entry.failure if failed else None,
        hard=entry.hard,
    )


@attrs.frozen(kw_only=True)
class Options:
    """The keys of a stored-value gateway in the configuration.

    ``url``: ``memory:`` or ``sqlite:///gifts.db``; without one, memory if the store is, else a file. ``detached_credit``: value may be put
    on an account without a payment before it, as when a refund goes to store credit.
    """

    url: str = ""
    account: str = "stored_value"
    detached_credit: bool = False


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. ``context.attachments`` may hold a ``StoredValueLedger`` under the gateway's name.

    Raises ``ConfigurationError`` naming the key.
    """
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    check_account(options.account, where)
    ledger = _ledger(options, context, where)
    gateway = StoredValueGateway(
        ledger=ledger,
        account=options.account,
        terms=AccountTerms(detached_credit=options.detached_credit, authorization_lifetime=None),
    )
    attached = context.attachments.get(context.name) is ledger
    return Gateway(
        transactions=gateway,
        validator=gateway,
        account=options.account,
        close=None if attached else ledger.close,
    )


def _ledger(options: Options, context: AdapterContext, where: str) -> StoredValueLedger:
    attached = context.attachments.get(context.name)
    if isinstance(attached, StoredValueLedger):
        attached.adopt_clock(context.clock)
        return attached
    path = path_of(options.url or DEFAULT_URL) if options.url or not context.ephemeral else MEMORY
    if path is None:
        raise ConfigurationError(f"{where}.url", "must be memory: or sqlite:///FILE")
    try:
        return StoredValueLedger(path, context.clock)
    except sqlite3.Error:
        raise ConfigurationError(f"{where}.url", "names a file that cannot be opened as a ledger") from None
