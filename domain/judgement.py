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
    """What about an observation contradicts the request."""

    AMOUNT = "AMOUNT"
    CURRENCY = "CURRENCY"
    ACCOUNT = "ACCOUNT"
    REFERENCE = "REFERENCE"
    BEYOND_LIMIT = "BEYOND_LIMIT"


@attrs.frozen
class Contradiction:
    """An observation that does not fit the request, for a person to look at."""

    kind: ContradictionKind
    message: str


@attrs.frozen(kw_only=True, slots=False)
class Judgement:
    """The conclusion from a set of observations.

    ``credible``: those that contradict nothing, the decisive one last. ``doubtful``: a failure, but an observation that contradicts the
    request reports a success. ``references``: every gateway reference observed. ``ruled``: an operator has ruled on it.
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
        """The gateway reference that was observed with the highest status, or ``""``."""
        return next(
            (observation.gateway_reference for observation in reversed(self.credible) if observation.gateway_reference),
            "",
        )


def judge(requested: Money, account: str, seen: tuple[Observation, ...]) -> Judgement:
    """Judge all observations of a transaction (``seen``) against the request.

    Credible observations rank by status and the highest wins; one that contradicts the request counts as an unknown result. An
    operator's ruling closes a contradiction. The order of the observations does not matter.
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
        doubtful=open_contradiction is not None and status in FAILED and _contradicts_with_success(objections),
        ruled=ruled,
        credible=credible,
    )


def _contradicts_with_success(objections: Iterable[tuple[Observation, Contradiction | None]]) -> bool:
    return any(observation.status is TransactionStatus.SUCCEEDED for observation, objection in objections if objection)


def _claimed(requested: Money, seen: Iterable[Observation]) -> list[Money]:
    return [
        observation.amount
        for observation in seen
        if observation.amount and observation.amount.currency == requested.currency
    ]


def _weight(observation: Observation) -> tuple[int, bool, str, str]:
    """Sort by status; of equal ones the harder decline comes last."""
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
    if (
        observation.partial and observation.amount and observation.amount < requested
    ):  # an amount of zero is not a partial approval
        return None
    # these sentences stand in stored histories, with which the audit compares them
    return Contradiction(ContradictionKind.AMOUNT, f"asked for {requested}, the gateway says {observation.amount}")
