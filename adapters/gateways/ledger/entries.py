"""The ledger's values: an entry for every request, whatever its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

import attrs

from payports.domain.money import Money
from payports.domain.transaction_types import FailureType, TransactionType


class EntryState(StrEnum):
    """The result of a request. Only a ``DONE`` entry moved or holds money; a ``PENDING`` one still may."""

    DONE = "DONE"
    DECLINED = "DECLINED"
    ACTION = "ACTION"
    PENDING = "PENDING"
    FENCED = "FENCED"
    REVOKED = "REVOKED"


@attrs.frozen(kw_only=True)
class LedgerRequest:
    """A request to a ledger, under an idempotency key of its own.

    ``parent`` is the reference of an entry, ``holder`` the owner of the money where the ledger keeps balances, ``content`` a digest of
    the request.
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
    """One entry. ``key`` is empty if it was not requested through us; ``root`` is the reference of the first entry of its family.

    ``requested_minor`` is the requested amount, ``minor`` the amount that moved or would move. ``made_at``: seconds since 1970, UTC.
    ``content`` is a digest of the request, ``waits_for`` the shopper's action, or the capture that an implied release belongs to.
    ``position`` is the entry's place in the ledger, ``effect`` its place in the order of effects (0: it took none).
    """

    reference: str
    root: str
    account: str
    type: TransactionType
    state: EntryState
    requested_minor: int
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
        """Tell whether the entry moved money or still may."""
        return self.state in (EntryState.DONE, EntryState.PENDING)


@attrs.frozen(kw_only=True)
class Effect:
    """What really happened: money moved, or is held. ``transaction_id`` is ours, or empty for what we did not request."""

    transaction_id: str
    type: TransactionType
    amount: Money
    gateway_reference: str
    parent_reference: str = ""
    position: int = 0


def effect_of(entry: Entry) -> Effect:
    """Build the effect of an entry that is done."""
    return Effect(
        transaction_id=entry.key,
        type=entry.type,
        amount=Money(entry.minor, entry.currency),
        gateway_reference=entry.reference,
        parent_reference=entry.parent,
        position=entry.effect,
    )


def digest(content: Mapping[str, object]) -> str:
    """Digest a request's content, to tell a repetition from another request under the same key."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
