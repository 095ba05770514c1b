"""The factories of adapters, which entry points name, and the context that they receive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs

from payports.domain.card_data import mask_card_numbers
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import Gateway
from payports.ports.store import Store


@attrs.frozen(kw_only=True)
class AdapterContext:
    """The context of an adapter.

    ``name``: the gateway's name in the configuration. ``options``: its own keys of the configuration, secrets resolved to ``Secret``;
    the factory must refuse keys that it does not know. ``ephemeral``: the store keeps nothing on disk, so the adapter must not either.
    ``attachments``: objects that the host gave at connection, such as ``bank`` for the sandbox. ``account``: for a bridge of its own, the
    account of the gateway that it serves.
    """

    name: str
    options: Mapping[str, object] = attrs.field(repr=False)
    clock: Clock
    ids: Ids
    ephemeral: bool = False
    attachments: Mapping[str, object] = attrs.field(factory=dict[str, object])
    account: str = ""


class ConfigurationError(ValueError):
    """A key of the configuration is wrong; ``key`` is its path, ``reason`` says why. The value is never shown, nor card data in a name."""

    def __init__(self, key: str, reason: str) -> None:
        key, reason = mask_card_numbers(key), mask_card_numbers(reason)
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class Unreachable(ConfigurationError):
    """The service that a key names cannot be reached now. The key may be right: trying again later may help.

    Raised by ``connect`` for a store whose factory raised ``StoreUnreachable``.
    """


class GatewayFactory(Protocol):
    """Builds a gateway; entry point group ``payports.gateways``."""

    def __call__(self, context: AdapterContext) -> Gateway:
        """Build it, or raise ``ConfigurationError`` naming the key."""
        ...


class StoreFactory(Protocol):
    """Opens a store; entry point group ``payports.stores``, by the scheme of the URL."""

    def __call__(self, url: str, options: Mapping[str, object], clock: Clock) -> Store:
        """Open it, or raise ``ConfigurationError`` naming the key, or ``StoreFailed``; ``StoreUnreachable``, which ``connect`` makes
        ``Unreachable`` of, only if waiting alone may help."""
        ...
