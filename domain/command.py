"""A command: what a host wants to move on a payment."""

from __future__ import annotations

from typing import TypedDict, Unpack

import attrs

from payports.domain.money import Money
from payports.domain.replacing import replaced
from payports.domain.transaction import Source
from payports.domain.transaction_types import TransactionType


@attrs.frozen
class SourceGuard:
    """What a source had moved on all payments of an owner when an order decided on a movement.

    ``own_keys``: the prefix of the keys of that decision. ``elsewhere_minor``: what others have moved on the owner's other payments by now.
    """

    own_keys: str
    moved_minor: int
    elsewhere_minor: int = 0


class CommandChange(TypedDict, total=False):
    """What may change about a command between the host's request and the decision."""

    amount: Money
    account: str
    guard: SourceGuard


@attrs.frozen(kw_only=True, slots=False)
class Command:
    """A request to move money: without ``amount`` all that is left, without ``parent_id`` on every parent."""

    type: TransactionType
    amount: Money | None = None
    parent_id: str | None = None
    source: Source | None = None
    key: str = ""
    attempt: str = ""
    account: str = ""
    reverses: bool = False
    guard: SourceGuard | None = None

    def evolve(self, **changes: Unpack[CommandChange]) -> Command:
        """Copy the command with some fields replaced."""
        return replaced(self, changes)
