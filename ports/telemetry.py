"""The port of telemetry: every call of a gateway and every commit, when it begins and when it ends.

Attributes are safe to show: the merchant, gateway, kind, ids, amount, outcome and duration; never a token, a key, a text of the gateway
or data of the shopper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import attrs

Attribute: TypeAlias = str | int | bool


@attrs.frozen(kw_only=True)
class Operation:
    """An operation that begins.

    ``name``: such as ``payports.gateway.execute`` or ``payports.store.commit``. ``attributes``: what is known before it runs, such as
    ``payports.gateway`` and ``payports.transaction.id``.
    """

    name: str
    attributes: Mapping[str, Attribute]


@attrs.frozen(kw_only=True)
class Ending:
    """How an operation ended.

    ``outcome``: a transaction's status, or one of a few other words in capitals. ``failed``: it raised, or its result is unknown.
    ``duration_s``: seconds on a monotonic clock. ``attributes``: what is known only now.
    """

    operation: Operation
    outcome: str
    failed: bool
    duration_s: float
    attributes: Mapping[str, Attribute]


class Observer(Protocol):
    """Observes operations. It runs in the thread that works, so it must be quick; exceptions are swallowed and counted."""

    def began(self, operation: Operation) -> Callable[[Ending], object] | None:
        """Record that an operation begins. The returned function is called once, in the same thread, when it has ended."""
        ...
