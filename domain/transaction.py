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
    """The cause of a movement in the host's terms, such as ``Source("fulfillment", "f-1")``."""

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

    ``requested`` is the amount of the request; ``amount``, ``status`` … are judged from the observations ``seen``. ``key`` is the host's
    idempotency key or the checkout's request id, ``attempt`` the checkout that made or claimed it. ``due_at``: when recovery must look
    at it. ``look_ups``: how often recovery has tried, by a look-up or a reversal; it sets the back-off. ``implied_by``: the partial
    capture that made the gateway release the rest. ``excess``: recorded as true although beyond a limit. ``expiring``: a hold whose end
    is near, of which the host was told.
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
        """The judgement of all observations."""
        return judge(self.requested, self.account, self.seen)

    @property
    def status(self) -> TransactionStatus:
        """The highest-ranking status that was credibly observed."""
        return self.judgement.status

    @property
    def amount(self) -> Money:
        """The amount that the gateway moved, once it succeeded; until then the requested amount."""
        return self.judgement.amount

    @property
    def exposure(self) -> Money:
        """The amount that counts against limits: the highest of what was requested and observed."""
        return self.judgement.exposure

    @property
    def gateway_reference(self) -> str:
        """The gateway's reference, or ``""``."""
        return self.judgement.gateway_reference

    @property
    def discrepancy(self) -> Contradiction | None:
        """What contradicts the request or exceeds the parent, unless an operator has ruled on it."""
        if self.excess and not self.judgement.ruled:
            return Contradiction(ContradictionKind.BEYOND_LIMIT, "more happened than its parent can bear")
        return self.judgement.contradiction

    @property
    def next_action(self) -> NextAction | None:
        """The action that the shopper must take, while the transaction waits for it."""
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
        """True unless it is proven that no money moved, or that it was returned."""
        return self.status in MAY_HAVE_HAPPENED or self.judgement.doubtful

    @property
    def succeeded(self) -> bool:
        """True once the gateway has executed it."""
        return self.status is TransactionStatus.SUCCEEDED

    @property
    def indeterminate(self) -> bool:
        """True while the result is unknown."""
        return self.status in INDETERMINATE

    @property
    def attributes(self) -> dict[str, str]:
        """Values that a later call needs, from all credible observations; the higher status wins."""
        return {name: value for observation in self.judgement.credible for name, value in observation.attributes}

    def with_observation(self, observation: Observation) -> Transaction:
        """Add an observation: commutative, associative and idempotent."""
        if observation in self.seen:
            return self
        return self.evolve(seen=sort_observations((*self.seen, observation), canonical_text))
