"""What a gateway adapter needs, in one import: the ports' types and the frame that all adapters share.

An adapter of a third party imports nothing else of payports, and its tests only ``payports.testing`` beside it. How it is used:
docs/gateways/writing-one.md. ``requests`` is imported when something is sent, ``hypothesis`` when ``check_reader`` is called.
"""

from __future__ import annotations

from returns.result import Failure, Success

from payports.adapters.gateways.kit.codes import DeclineCodes
from payports.adapters.gateways.kit.currencies import CurrencyUnits
from payports.adapters.gateways.kit.fuzz import check_reader, mutated, mutated_body
from payports.adapters.gateways.kit.http_results import Answer, Limits, Lost, NotSent, SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.json_reading import (
    JsonObject,
    integer,
    money,
    nested,
    nested_list,
    read_object,
    text,
)
from payports.adapters.gateways.kit.observations import (
    declined,
    excerpt,
    interpret_execution,
    interpret_inquiry,
    not_executed,
    observation_of,
    succeeded,
    unknown,
)
from payports.adapters.gateways.kit.options import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    TOTAL_TIMEOUT,
    check_account,
    check_base_url,
    limits_of,
)
from payports.adapters.gateways.kit.paging import Page, Search, collect_pages, find_in_pages
from payports.adapters.gateways.kit.refusals import REFUSALS, refusal_of
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets, webhook_secrets_of
from payports.adapters.gateways.kit.webhooks import EventReader, SignedWebhooks
from payports.adapters.option_reading import read_options
from payports.domain.capabilities import (
    FOREVER,
    USUAL_TYPES,
    Capabilities,
    LookUp,
    PartialCapture,
    ReverseAuthorization,
)
from payports.domain.card_data import mask_card_numbers
from payports.domain.cart import Cart
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.input_checks import InvalidInput
from payports.domain.judgement import Judgement, judge
from payports.domain.money import Currency, Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType
from payports.domain.secret import Secret
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.adapter import AdapterContext, ConfigurationError, GatewayFactory
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import (
    MAX_BODY,
    ExternalActions,
    Gateway,
    MethodVault,
    NotFoundYet,
    Notification,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    RollbackGateway,
    TransactionGateway,
    WebhookReader,
    WebhookRefused,
)
from payports.ports.tokenization import BridgeKind, ClientSession, Script, TokenizationBridge

__all__ = [
    "CONNECT_TIMEOUT",
    "FOREVER",
    "MAX_BODY",
    "READ_TIMEOUT",
    "REFUSALS",
    "TOTAL_TIMEOUT",
    "USUAL_TYPES",
    "AdapterContext",
    "Address",
    "Answer",
    "BridgeKind",
    "Capabilities",
    "Cart",
    "Channel",
    "ClientSession",
    "Clock",
    "ConfigurationError",
    "Currency",
    "CurrencyUnits",
    "Customer",
    "DeclineCodes",
    "Declined",
    "EventReader",
    "ExternalActions",
    "Failure",
    "FailureType",
    "Gateway",
    "GatewayFactory",
    "Ids",
    "InvalidInput",
    "JsonObject",
    "Judgement",
    "Limits",
    "LineItem",
    "LookUp",
    "Lost",
    "MethodVault",
    "Money",
    "NextAction",
    "NotExecuted",
    "NotFoundYet",
    "NotSent",
    "Notification",
    "Observation",
    "Outcome",
    "Owner",
    "Page",
    "PartialCapture",
    "PaymentMethod",
    "PaymentRequest",
    "PaymentResponse",
    "PaymentType",
    "PaymentValidator",
    "ResultUnknown",
    "ReverseAuthorization",
    "RollbackGateway",
    "Script",
    "Search",
    "Secret",
    "SendResult",
    "Sender",
    "SignedWebhooks",
    "Success",
    "TokenizationBridge",
    "TransactionGateway",
    "TransactionStatus",
    "TransactionType",
    "WebhookReader",
    "WebhookRefused",
    "WebhookSecrets",
    "check_account",
    "check_base_url",
    "check_reader",
    "collect_pages",
    "declined",
    "excerpt",
    "find_in_pages",
    "integer",
    "interpret_execution",
    "interpret_inquiry",
    "judge",
    "limits_of",
    "mask_card_numbers",
    "money",
    "mutated",
    "mutated_body",
    "nested",
    "nested_list",
    "not_executed",
    "observation_of",
    "read_object",
    "read_options",
    "refusal_of",
    "succeeded",
    "text",
    "unknown",
    "webhook_secrets_of",
]
