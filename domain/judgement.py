"""Judge the observations of one transaction against what was requested.

Observations are a set: each is compared with the request, never with the one that came first. So answers, webhooks, browser returns and
look-ups may arrive in any order and any number of times, and the judgement is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import attrs

from payports.domain.money import Money
from payports.domain.observation import Channel, Observation, canonical_text, sort_observations
from payports.domain.transaction_types import FAILED, RANK, TransactionStatus


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
        return next(
            (observation.gateway_reference for observation in reversed(self.credible) if observation.gateway_reference),
            "",
        )


def judge(requested: Money, account: str, seen: tuple[Observation, ...]) -> Judgement:
    """Weigh all that was seen of one transaction against what was asked.

    Credible observations rank by status and the highest wins; one that contradicts the request counts as an unknown result. An
    operator's ruling settles a contradiction. The order of ``seen`` does not matter.
    """
    if not seen:
        return Judgement(status=TransactionStatus.SENDING_TO_PROCESSOR, amount=requested, exposure=requested)
    objections = [(observation, _contradiction(requested, account, observation)) for observation in seen]
    credible = sort_observations([observation for observation, objection in objections if not objection], _weight)
    contradictions = [objection for _, objection in objections if objection]
    status = credible[-1].status if credible else TransactionStatus.SENDING_TO_PROCESSOR
    if contradictions and RANK[status] < RANK[TransactionStatus.UNKNOWN]:
        status = TransactionStatus.UNKNOWN
    references = tuple(
        sorted({observation.gateway_reference for observation in credible if observation.gateway_reference})
    )
    approved = {
        observation.amount
        for observation in credible
        if observation.status is TransactionStatus.SUCCEEDED and observation.amount
    }
    if len(references) > 1:
        contradictions.append(Contradiction(ContradictionKind.REFERENCE, "two gateway references for one transaction"))
    if len(approved) > 1:
        contradictions.append(Contradiction(ContradictionKind.AMOUNT, "two amounts for one transaction"))
    ruled = any(observation.channel is Channel.OPERATOR for observation in seen)
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
        and any(
            observation.status is TransactionStatus.SUCCEEDED for observation, objection in objections if objection
        ),
        ruled=ruled,
        credible=credible,
    )


def _claimed(requested: Money, seen: Iterable[Observation]) -> list[Money]:
    return [
        observation.amount
        for observation in seen
        if observation.amount and observation.amount.currency == requested.currency
    ]


def _weight(observation: Observation) -> tuple[int, bool, str, str]:
    """The higher status tells more; of two equal ones that which says more about a decline."""
    return RANK[observation.status], observation.hard, observation.code, canonical_text(observation)


def _contradiction(requested: Money, account: str, observation: Observation) -> Contradiction | None:
    if observation.account and account and observation.account != account:
        return Contradiction(ContradictionKind.ACCOUNT, "the gateway speaks of another account")
    if observation.amount is None or observation.amount == requested:
        return None
    if observation.amount.currency != requested.currency:
        return Contradiction(
            ContradictionKind.CURRENCY,
            f"asked for {requested.currency}, the gateway says {observation.amount.currency}",
        )
    if observation.partial and observation.amount and observation.amount < requested:  # nothing at all is no part
        return None
    return Contradiction(ContradictionKind.AMOUNT, f"asked for {requested}, the gateway says {observation.amount}")
