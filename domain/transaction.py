"""A transaction: one movement of money that was requested, and everything that was observed of it."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict, Unpack

import attrs

from payports.domain.judgement import Contradiction, ContradictionKind, Judgement, judge
from payports.domain.money import Money
from payports.domain.observation import Channel as Channel  # public here: hosts import it with Transaction
from payports.domain.observation import NextAction, Observation, canonical_text, sort_observations
from payports.domain.replacing import derived, replaced
from payports.domain.transaction_types import (
    INDETERMINATE,
    MAY_HAVE_HAPPENED,
    ReversalState,
    TransactionStatus,
    TransactionType,
)


@attrs.frozen
class Source:
    """What in the host's world caused a movement, such as ``Source("fulfillment", "f-1")``."""

    kind: str
    id: str


class TransactionChange(TypedDict, total=False):
    """What may change about a transaction; the rest is fixed with its intent."""

    requested: Money
    attempt: str
    earlier_attempts: tuple[str, ...]
    excess: bool
    expiring: bool
    reversal: ReversalState
    due_at: datetime | None
    look_ups: int
    seen: tuple[Observation, ...]


@attrs.frozen(kw_only=True, slots=False)
class Transaction:
    """One movement of money on a payment.

    ``requested`` is what was asked for; ``amount``, ``status`` and the rest are judged from what was ``seen``. ``key`` is the host's
    idempotency key or the checkout's request id, ``attempt`` the checkout that made or claimed it. ``due_at``: when recovery must look
    at it. ``look_ups``: how many answers have left it open, and how often its reversal was tried. ``implied_by``: the partial capture
    that made the gateway release the rest. ``excess``: recorded as true although beyond a limit. ``expiring``: a hold whose end is
    near, of which the host was told.
    """

    id: str
    type: TransactionType
    requested: Money
    created_at: datetime
    parent_id: str | None = None
    key: str = ""
    source: Source | None = None
    account: str = ""
    attempt: str = ""
    earlier_attempts: tuple[str, ...] = ()
    implied_by: str | None = None
    restores_hold: bool = False
    observed_only: bool = False
    excess: bool = False
    expiring: bool = False
    reversal: ReversalState = ReversalState.NONE
    reverses: bool = False
    due_at: datetime | None = None
    look_ups: int = 0
    seen: tuple[Observation, ...] = ()

    def evolve(self, **changes: Unpack[TransactionChange]) -> Transaction:
        """Copy the transaction with some fields replaced."""
        return replaced(self, changes)

    @derived("requested", "account", "seen")
    def judgement(self) -> Judgement:
        """What all that was seen amounts to."""
        return judge(self.requested, self.account, self.seen)

    @property
    def status(self) -> TransactionStatus:
        """The highest-ranking status that was credibly seen."""
        return self.judgement.status

    @property
    def amount(self) -> Money:
        """What the gateway moved, once it succeeded; until then what was asked."""
        return self.judgement.amount

    @property
    def exposure(self) -> Money:
        """What counts against limits: the worst of what was asked and what was seen."""
        return self.judgement.exposure

    @property
    def gateway_reference(self) -> str:
        """The gateway's name for it, or nothing."""
        return self.judgement.gateway_reference

    @property
    def discrepancy(self) -> Contradiction | None:
        """What was seen that cannot be true together with the request or its parent, unless an operator has ruled on it."""
        if self.excess and not self.judgement.ruled:
            return Contradiction(ContradictionKind.BEYOND_LIMIT, "more happened than its parent can bear")
        return self.judgement.contradiction

    @property
    def next_action(self) -> NextAction | None:
        """What the shopper must do, while that is what it waits for."""
        if self.status is not TransactionStatus.REQUIRES_ACTION:
            return None
        actions = [
            observation.next_action
            for observation in self.judgement.credible
            if observation.next_action and observation.status is self.status
        ]
        return actions[-1] if actions else None

    @property
    def may_have_happened(self) -> bool:
        """True unless it is proven that no money moved, or that what moved went back."""
        return self.status in MAY_HAVE_HAPPENED or self.judgement.doubtful

    @property
    def succeeded(self) -> bool:
        """True once the gateway did it."""
        return self.status is TransactionStatus.SUCCEEDED

    @property
    def indeterminate(self) -> bool:
        """True while nobody knows."""
        return self.status in INDETERMINATE

    @property
    def attributes(self) -> dict[str, str]:
        """Values that a later call needs, from all that was credibly seen; the higher status has the last word."""
        return {name: value for observation in self.judgement.credible for name, value in observation.attributes}

    def with_observation(self, observation: Observation) -> Transaction:
        """Join what is known with what was seen: commutative, associative, idempotent."""
        if observation in self.seen:
            return self
        return self.evolve(seen=sort_observations((*self.seen, observation), canonical_text))
