"""The settings: what a configuration says, as values with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import attrs

from payports.domain.fulfilment import Split
from payports.domain.options import PaymentOption

DEFAULT_STORE: Final = "sqlite:///payports.db"
DEFAULT_GATEWAY: Final = "sandbox"

Table = Mapping[str, Any]


class Rollback(StrEnum):
    """When a failed checkout is undone: by maintenance, so that a new attempt may take over, or at once."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"


@attrs.frozen(kw_only=True)
class CheckoutSettings:
    """Table ``[checkout]``."""

    priority: tuple[str, ...] = ()
    rollback: Rollback = Rollback.DEFERRED
    reversal_after: timedelta = timedelta(hours=2)
    action_expires: timedelta = timedelta(hours=1)
    abandoned_after: timedelta = timedelta(days=1)
    lease: timedelta = timedelta(minutes=5)


@attrs.frozen(kw_only=True)
class OrderSettings:
    """Table ``[orders]``."""

    split: Split = Split.PRIORITY
    capture_priority: tuple[str, ...] = ()
    refund_priority: tuple[str, ...] = ()
    cancel_priority: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RecoverySettings:
    """Table ``[recovery]``."""

    first_look_up: timedelta = timedelta(seconds=60)
    first_poll: timedelta = timedelta(minutes=15)
    longest_wait: timedelta = timedelta(hours=6)
    expiry_warning: timedelta = timedelta(days=1)


@attrs.frozen(kw_only=True)
class TelemetrySettings:
    """Table ``[telemetry]``: which observers every gateway call and commit is reported to, beside the host's own."""

    logs: bool = False
    opentelemetry: bool = False


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """The keys of ``[gateways.NAME]`` that are the same for all; the rest are the adapter's own ``options``."""

    adapter: str
    perform_authorize_and_capture: bool = False
    awaiting_covers: bool = False
    bridge: str = ""
    bridge_options: dict[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen(kw_only=True)
class Settings:
    """A whole configuration, read and checked, for one merchant."""

    merchant: str
    store_url: str = attrs.field(repr=False)
    store_options: Mapping[str, object] = attrs.field(repr=False)
    gateways: Mapping[str, tuple[GatewaySettings, Mapping[str, object]]] = attrs.field(repr=False)
    options: tuple[PaymentOption, ...]
    checkout: CheckoutSettings
    orders: OrderSettings
    recovery: RecoverySettings
    telemetry: TelemetrySettings
