"""What a host may be told about every call of a gateway and every commit, as it begins and as it ends.

Only names that are safe to show: who, which gateway, what kind, which ids, how much, how it ended, how long it took. Never a token, a
key, a text of the gateway's or anything of the shopper's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import attrs

Attribute: TypeAlias = str | int | bool


@attrs.frozen(kw_only=True)
class Operation:
    """Something that begins. ``name``: what is called, such as ``payports.gateway.execute`` or ``payports.store.commit``; ``attributes``:
    what is known of it before, such as ``payports.gateway`` and ``payports.transaction.id``."""

    name: str
    attributes: Mapping[str, Attribute]


@attrs.frozen(kw_only=True)
class Ending:
    """How an operation ended.

    ``outcome``: a transaction's status, or one of few other words in capitals. ``failed``: somebody may want to look at it: it raised, or
    its result is unknown. ``duration_s``: seconds on a clock that never jumps. ``attributes``: what is known only now.
    """

    operation: Operation
    outcome: str
    failed: bool
    duration_s: float
    attributes: Mapping[str, Attribute]


class Observer(Protocol):
    """Watches. It is called in the thread that works, so it must be quick; what it raises is swallowed and counted."""

    def began(self, operation: Operation) -> Callable[[Ending], object] | None:
        """Note that something begins; what is given back is called once, in the same thread, when it has ended."""
        ...
