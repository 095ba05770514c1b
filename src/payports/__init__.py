"""payports: take money for a cart and move it afterwards, through any payment gateway; never twice, never lost.

``connect`` opens a shop. What its services give is an ``Outcome[Value, Error]``: either ``Success(value)`` or ``Failure(error)``, and
``match`` over both is exhaustive for mypy and pyright. Errors are values of closed unions; nothing is raised for what happens in business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from returns.result import Failure, Success

from payports.application.audit.service import AuditPage
from payports.application.events import Delivery
from payports.application.maintenance.service import MaintenanceReport
from payports.application.orders import OrderReport
from payports.application.shop import Payports
from payports.application.webhooks.service import WebhookReceipt
from payports.domain.attention import AttentionItem, AttentionKind
from payports.domain.audit.findings import Finding, FindingKind
from payports.domain.capabilities import Capabilities, LookUp, PartialCapture, ReverseAuthorization
from payports.domain.cart import Cart
from payports.domain.checkout import ActionRequired, AwaitingResults, CheckedOut, Receipt
from payports.domain.coverage import Coverage, CoverageState
from payports.domain.failures import (
    AmountNotAvailable,
    Busy,
    CheckoutProblem,
    Conflict,
    CurrencyMismatch,
    Declined,
    FailedPayment,
    GatewayUnsupported,
    NotCovered,
    NotExecuted,
    OperationNotAllowed,
    OrderProblem,
    PaymentNotFound,
    PaymentProblem,
    PaymentsFailed,
    ResultUnknown,
    SavedMethodNotFound,
    SavedMethodProblem,
    StoreUnavailable,
    TransactionProblem,
)
from payports.domain.history import Fact
from payports.domain.input_checks import InvalidInput
from payports.domain.judgement import Contradiction, ContradictionKind
from payports.domain.money import Currency, Money, allocate
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.options import Fee, OfferedOption, PaymentOption
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, NewPayment, Owner, Payment, Restriction
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.domain.secret import Secret
from payports.domain.summary import PaymentSummary
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import FailureType, ReversalState, TransactionStatus, TransactionType
from payports.ports.adapter import AdapterContext, ConfigurationError, Unreachable
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import (
    Gateway,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    TransactionGateway,
)
from payports.ports.store import RecordedFact
from payports.ports.telemetry import Ending, Observer, Operation
from payports.ports.tokenization import ClientSession

__all__ = [
    "ActionRequired",
    "AdapterContext",
    "Address",
    "AmountNotAvailable",
    "AttentionItem",
    "AttentionKind",
    "AuditPage",
    "AwaitingResults",
    "Busy",
    "Capabilities",
    "Cart",
    "Channel",
    "CheckedOut",
    "CheckoutProblem",
    "ClientSession",
    "Clock",
    "ConfigurationError",
    "Conflict",
    "Contradiction",
    "ContradictionKind",
    "Coverage",
    "CoverageState",
    "Currency",
    "CurrencyMismatch",
    "Customer",
    "Declined",
    "Delivery",
    "Ending",
    "Fact",
    "FailedPayment",
    "Failure",
    "FailureType",
    "Fee",
    "Finding",
    "FindingKind",
    "Gateway",
    "GatewayUnsupported",
    "Ids",
    "InvalidInput",
    "LineItem",
    "LookUp",
    "MaintenanceReport",
    "Money",
    "NewPayment",
    "NextAction",
    "NotCovered",
    "NotExecuted",
    "NotFoundYet",
    "Observation",
    "Observer",
    "OfferedOption",
    "Operation",
    "OperationNotAllowed",
    "OrderProblem",
    "OrderReport",
    "Outcome",
    "Owner",
    "PartialCapture",
    "Payment",
    "PaymentMethod",
    "PaymentNotFound",
    "PaymentOption",
    "PaymentProblem",
    "PaymentRequest",
    "PaymentResponse",
    "PaymentSummary",
    "PaymentType",
    "PaymentsFailed",
    "Payports",
    "Receipt",
    "RecordedFact",
    "Restriction",
    "ResultUnknown",
    "ReversalState",
    "ReverseAuthorization",
    "SavedMethod",
    "SavedMethodNotFound",
    "SavedMethodProblem",
    "SavedMethodStatus",
    "Secret",
    "Source",
    "StoreUnavailable",
    "Success",
    "Transaction",
    "TransactionGateway",
    "TransactionProblem",
    "TransactionReport",
    "TransactionStatus",
    "TransactionType",
    "Unreachable",
    "WebhookReceipt",
    "allocate",
    "connect",
]


def connect(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    bank: object | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    gateways: Mapping[str, Gateway | TransactionGateway] | None = None,
    observer: Observer | None = None,
) -> Payports:
    """Connect a shop: a TOML file, a mapping, or nothing (a SQLite file and the sandbox gateway, both in the working directory).

    ``bank`` serves every sandbox gateway, ``gateways`` are added to those configured or replace them; ``clock`` and ``ids`` are for tests.
    Every gateway call and every commit is reported to ``observer``, beside what the table ``[telemetry]`` asks for.
    Raises ``ConfigurationError`` naming the key or the argument, never the value; its kind ``Unreachable`` if the store is not there now.
    """
    from payports.adapters.configuration.wiring import connect as wire

    try:
        return wire(config, bank=bank, clock=clock, ids=ids, gateways=gateways, observer=observer)
    except ConfigurationError as error:
        kind, key, reason = (
            Unreachable if isinstance(error, Unreachable) else ConfigurationError,
            error.key,
            error.reason,
        )
    config = None  # a traceback may show the variables of its frames: none of them is to hold a secret
    raise kind(key, reason)
