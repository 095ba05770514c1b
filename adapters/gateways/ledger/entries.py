"""What stands in a book: an entry for everything that was asked, whatever became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

import attrs

from payports.domain.money import Money
from payports.domain.transaction_types import FailureType, TransactionType


class EntryState(StrEnum):
    """What became of what was asked. Only what is ``DONE`` moved or holds money; what is ``PENDING`` may yet."""

    DONE = "DONE"
    DECLINED = "DECLINED"
    ACTION = "ACTION"
    PENDING = "PENDING"
    FENCED = "FENCED"
    REVOKED = "REVOKED"


@attrs.frozen(kw_only=True)
class LedgerRequest:
    """What is asked of a book, under a key that may be used for nothing else.

    ``parent`` is the reference of an entry, ``holder`` whose money it is about, where the book keeps balances.
    """

    account: str
    key: str
    type: TransactionType
    minor: int
    currency: str
    parent: str = ""
    holder: str = ""
    content: str = ""
    return_url: str = ""
    pass_through: str = "{}"  # noqa: S105 -- JSON


@attrs.frozen(kw_only=True)
class Entry:
    """One entry. ``key`` is empty if nobody asked for it through us; ``root`` is the reference of the first entry of its family.

    ``asked_minor`` is what was asked, ``minor`` what moved or would. ``made_at``: seconds since 1970, UTC. ``content`` is a digest of
    what was asked, ``waits_for`` what a shopper must do, or the capture that an implied release goes with. ``position`` and ``effect``
    are places in the book: of the entry, and of the moment it took effect (0: it did not).
    """

    reference: str
    root: str
    account: str
    type: TransactionType
    state: EntryState
    asked_minor: int
    minor: int
    currency: str
    made_at: float
    key: str = ""
    parent: str = ""
    holder: str = ""
    code: str = ""
    failure: FailureType | None = None
    hard: bool = False
    partial: bool = False
    waits_for: str = ""
    content: str = ""
    return_url: str = ""
    pass_through: str = "{}"  # noqa: S105 -- JSON
    position: int = 0
    effect: int = 0

    @property
    def happened(self) -> bool:
        """True for what moved money and for what may still do so."""
        return self.state in (EntryState.DONE, EntryState.PENDING)


@attrs.frozen(kw_only=True)
class Effect:
    """What really happened: money moved, or is held. ``transaction_id`` is ours, or empty for what we never asked for."""

    transaction_id: str
    type: TransactionType
    amount: Money
    gateway_reference: str
    parent_reference: str = ""
    position: int = 0


def effect_of(entry: Entry) -> Effect:
    """Show an entry that took effect."""
    return Effect(
        transaction_id=entry.key,
        type=entry.type,
        amount=Money(entry.minor, entry.currency),
        gateway_reference=entry.reference,
        parent_reference=entry.parent,
        position=entry.effect,
    )


def digest(content: Mapping[str, object]) -> str:
    """Digest what was asked, to tell a repetition from something else under the same key."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
