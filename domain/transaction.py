"""A transaction: one movement of money that was asked for, and everything that was ever seen of it.

What was seen is kept as a set and judged against the request, never against what happened to come first. So answers, webhooks,
browser returns and look-ups may arrive in any order and any number of times: the judgement is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypedDict, Unpack

import attrs

from payports.domain.money import Money
from payports.domain.replacing import derived, replaced


class TransactionType(StrEnum):
    """What kind of movement. The type carries the direction; amounts have no sign."""

    AUTHORIZE = "AUTHORIZE"
    REVERSE_AUTH = "REVERSE_AUTH"
    CAPTURE = "CAPTURE"
    AUTHORIZE_AND_CAPTURE = "AUTHORIZE_AND_CAPTURE"
    SETTLED = "SETTLED"
    VOID = "VOID"
    REFUND = "REFUND"
    DETACHED_CREDIT = "DETACHED_CREDIT"
    CHARGEBACK = "CHARGEBACK"
    CHARGEBACK_REVERSAL = "CHARGEBACK_REVERSAL"


class TransactionStatus(StrEnum):
    """How far it got; the later in this list, the higher its rank when facts are merged."""

    SENDING_TO_PROCESSOR = "SENDING_TO_PROCESSOR"
    UNKNOWN = "UNKNOWN"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    AWAITING_RESULT = "AWAITING_RESULT"
    NOT_EXECUTED = "NOT_EXECUTED"
    DECLINED = "DECLINED"
    SUCCEEDED = "SUCCEEDED"
    REVOKED = "REVOKED"


RANK: Final = {status: rank for rank, status in enumerate(TransactionStatus)}
INDETERMINATE: Final = frozenset({TransactionStatus.SENDING_TO_PROCESSOR, TransactionStatus.UNKNOWN})
FAILED: Final = frozenset({TransactionStatus.NOT_EXECUTED, TransactionStatus.DECLINED})
MAY_HAVE_HAPPENED: Final = frozenset(
    {
        TransactionStatus.SENDING_TO_PROCESSOR,
        TransactionStatus.UNKNOWN,
        TransactionStatus.REQUIRES_ACTION,
        TransactionStatus.AWAITING_RESULT,
        TransactionStatus.SUCCEEDED,
    }
)
"""Unknown never frees money: all of these count against limits."""


class FailureType(StrEnum):
    """Why a gateway said no, in words that all gateways share."""

    DECLINED = "DECLINED"
    INVALID_PAYMENT_METHOD = "INVALID_PAYMENT_METHOD"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    FRAUD = "FRAUD"
    EXPIRED = "EXPIRED"
    ABANDONED = "ABANDONED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    CONFIGURATION = "CONFIGURATION"


class Channel(StrEnum):
    """How a fact reached us."""

    ANSWER = "ANSWER"
    WEBHOOK = "WEBHOOK"
    RETURN = "RETURN"
    LOOK_UP = "LOOK_UP"
    OPERATOR = "OPERATOR"


class ReversalState(StrEnum):
    """Whether a movement that no order wants is being undone."""

    NONE = "NONE"
    REVERSAL_CANDIDATE = "REVERSAL_CANDIDATE"
    REQUIRES_REVERSAL = "REQUIRES_REVERSAL"
    REVERSAL_IN_PROGRESS = "REVERSAL_IN_PROGRESS"
    REVERSED = "REVERSED"
    FAILED_REVERSAL = "FAILED_REVERSAL"


USABLE: Final = frozenset({ReversalState.NONE, ReversalState.REVERSAL_CANDIDATE})
"""On money that is owed back nothing is built but its reversal."""

OWED: Final = frozenset({ReversalState.REQUIRES_REVERSAL, ReversalState.FAILED_REVERSAL})
"""What must go back, and nothing is under way for it."""


@attrs.frozen
class Source:
    """What in the host's world caused a movement, such as ``Source("fulfillment", "f-1")``."""

    kind: str
    id: str


@attrs.frozen(kw_only=True)
class NextAction:
    """What the shopper must do next.

    ``type``: ``redirect``, ``challenge``, ``hosted_page`` or ``post_form``; ``fields`` are posted with a form, or handed to the
    gateway's script. ``reference``: the gateway's name for what waits. Once handed out, address and fields may let whoever has them act
    for the shopper: the repr shows neither the query of the one nor the values of the other.
    """

    type: str
    url: str = attrs.field(default="", repr=lambda url: repr(url.partition("?")[0].partition("#")[0]))
    reference: str = ""
    fields: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=lambda fields: repr([one[0] for one in fields]))


def _pairs(values: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict(values).items()))


class ObservationChange(TypedDict, total=False):
    """What sanitizing and adoption may replace in an observation."""

    transaction_id: str
    channel: Channel
    code: str
    message: str
    attributes: tuple[tuple[str, str], ...]
    next_action: NextAction | None
    operator: str


@attrs.frozen(kw_only=True, slots=False)
class Observation:
    """A fact about a transaction, learnt from an answer, a webhook, a browser return, a look-up or an operator.

    ``transaction_id`` is ours, where the gateway repeats it; else ``gateway_reference`` and ``parent_reference`` say what it is about.
    ``amount`` is what the gateway says it moved; ``partial`` that it openly approved less than asked. ``attributes`` are values
    that a later call needs.
    """

    status: TransactionStatus
    channel: Channel
    transaction_id: str = ""
    type: TransactionType | None = None
    amount: Money | None = None
    partial: bool = False
    gateway_reference: str = ""
    parent_reference: str = ""
    account: str = ""
    code: str = ""
    failure_type: FailureType | None = None
    hard: bool = False
    message: str = ""
    next_action: NextAction | None = None
    flagged_for_review: bool = False
    attributes: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_pairs)
    operator: str = ""

    def evolve(self, **changes: Unpack[ObservationChange]) -> Observation:
        """Copy the observation with some fields replaced."""
        return replaced(self, changes)


class ContradictionKind(StrEnum):
    """What about an observation cannot be true together with the request."""

    AMOUNT = "AMOUNT"
    CURRENCY = "CURRENCY"
    ACCOUNT = "ACCOUNT"
    REFERENCE = "REFERENCE"
    BEYOND_LIMIT = "BEYOND_LIMIT"


@attrs.frozen
class Contradiction:
    """Something a person must look at: what was seen does not fit what was asked."""

    kind: ContradictionKind
    message: str


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
        told = [one.next_action for one in self.judgement.credible if one.next_action and one.status is self.status]
        return told[-1] if told else None

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
        return {name: value for one in self.judgement.credible for name, value in one.attributes}

    def witness(self, observation: Observation) -> Transaction:
        """Join what is known with what was seen: commutative, associative, idempotent."""
        if observation in self.seen:
            return self
        return self.evolve(seen=_ordered((*self.seen, observation), _spelt_out))


@attrs.frozen(kw_only=True, slots=False)
class Judgement:
    """What a set of observations amounts to.

    ``credible``: what contradicts nothing, the most telling last. ``doubtful``: a failure, but something that contradicts the request
    speaks of a success. ``references``: every name that the gateway gave it.
    """

    status: TransactionStatus
    amount: Money
    exposure: Money
    references: tuple[str, ...] = ()
    contradiction: Contradiction | None = None
    doubtful: bool = False
    ruled: bool = False
    credible: tuple[Observation, ...] = ()

    @property
    def telling(self) -> Observation | None:
        """The observation that the status rests on."""
        return self.credible[-1] if self.credible else None

    @property
    def gateway_reference(self) -> str:
        """The gateway's name for it, or nothing: the one that goes with the highest status."""
        return next((one.gateway_reference for one in reversed(self.credible) if one.gateway_reference), "")


def judge(requested: Money, account: str, seen: tuple[Observation, ...]) -> Judgement:
    """Weigh all that was seen of one transaction against what was asked.

    Credible observations rank by status and the highest wins; one that contradicts the request counts as an unknown result. An
    operator's ruling settles a contradiction. The order of ``seen`` does not matter.
    """
    if not seen:
        return Judgement(status=TransactionStatus.SENDING_TO_PROCESSOR, amount=requested, exposure=requested)
    objections = [(one, _contradiction(requested, account, one)) for one in seen]
    credible = _ordered([one for one, objection in objections if not objection], _weight)
    contradictions = [objection for _, objection in objections if objection]
    status = credible[-1].status if credible else TransactionStatus.SENDING_TO_PROCESSOR
    if contradictions and RANK[status] < RANK[TransactionStatus.UNKNOWN]:
        status = TransactionStatus.UNKNOWN
    references = tuple(sorted({one.gateway_reference for one in credible if one.gateway_reference}))
    approved = {one.amount for one in credible if one.status is TransactionStatus.SUCCEEDED and one.amount}
    if len(references) > 1:
        contradictions.append(Contradiction(ContradictionKind.REFERENCE, "two gateway references for one transaction"))
    if len(approved) > 1:
        contradictions.append(Contradiction(ContradictionKind.AMOUNT, "two amounts for one transaction"))
    ruled = any(one.channel is Channel.OPERATOR for one in seen)
    open_contradiction = min(contradictions, key=repr) if contradictions and not ruled else None
    amount = min(approved, default=requested) if status is TransactionStatus.SUCCEEDED else requested
    return Judgement(
        status=status,
        amount=amount,
        exposure=max([requested, *_claimed(requested, seen)]) if open_contradiction else amount,
        references=references,
        contradiction=open_contradiction,
        doubtful=open_contradiction is not None
        and status in FAILED
        and any(one.status is TransactionStatus.SUCCEEDED for one, objection in objections if objection),
        ruled=ruled,
        credible=credible,
    )


def _claimed(requested: Money, seen: Iterable[Observation]) -> list[Money]:
    return [one.amount for one in seen if one.amount and one.amount.currency == requested.currency]


def _ordered(seen: Sequence[Observation], key: Callable[[Observation], Any]) -> tuple[Observation, ...]:
    """Sorted; mostly there is but one, and its key is dear."""
    return tuple(sorted(seen, key=key) if len(seen) > 1 else seen)


def _weight(seen: Observation) -> tuple[int, bool, str, str]:
    """The higher status tells more; of two equal ones that which says more about a decline."""
    return RANK[seen.status], seen.hard, seen.code, _spelt_out(seen)


def _spelt_out(seen: Observation) -> str:
    """All of an observation, to tell it from every other one and to sort by."""
    return repr(seen) if seen.next_action is None else f"{seen!r} {attrs.astuple(seen.next_action)!r}"


def _contradiction(requested: Money, account: str, seen: Observation) -> Contradiction | None:
    if seen.account and account and seen.account != account:
        return Contradiction(ContradictionKind.ACCOUNT, "the gateway speaks of another account")
    if seen.amount is None or seen.amount == requested:
        return None
    if seen.amount.currency != requested.currency:
        return Contradiction(
            ContradictionKind.CURRENCY, f"asked for {requested.currency}, the gateway says {seen.amount.currency}"
        )
    if seen.partial and seen.amount and seen.amount < requested:  # nothing at all is no part
        return None
    return Contradiction(ContradictionKind.AMOUNT, f"asked for {requested}, the gateway says {seen.amount}")
