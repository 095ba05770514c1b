"""An observation: a fact about a transaction, and the channel on which it reached us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypedDict, Unpack

import attrs

from payports.domain.money import Money
from payports.domain.replacing import replaced
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType


class Channel(StrEnum):
    """How an observation reached us."""

    ANSWER = "ANSWER"
    WEBHOOK = "WEBHOOK"
    RETURN = "RETURN"
    LOOK_UP = "LOOK_UP"
    OPERATOR = "OPERATOR"


@attrs.frozen(kw_only=True)
class NextAction:
    """The action that the shopper must take next.

    ``type``: ``redirect``, ``challenge``, ``hosted_page`` or ``post_form``; ``fields`` are posted with a form, or handed to the
    gateway's script. ``reference``: the gateway's reference of what waits. Whoever has the URL and fields may act for
    the shopper, so the repr shows neither the query nor the values.
    """

    type: str
    url: str = attrs.field(default="", repr=lambda url: repr(url.partition("?")[0].partition("#")[0]))
    reference: str = ""
    fields: tuple[tuple[str, str], ...] = attrs.field(
        default=(), repr=lambda fields: repr([name for name, _ in fields])
    )


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
    """What an answer, a webhook, a browser return, a look-up or an operator says about a transaction.

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


def sort_observations(
    observations: Sequence[Observation], key: Callable[[Observation], Any]
) -> tuple[Observation, ...]:
    """Sort by ``key``; skip it for a single observation, since computing the key is expensive."""
    return tuple(sorted(observations, key=key) if len(observations) > 1 else observations)


def canonical_text(observation: Observation) -> str:
    """Write out all of an observation, to distinguish and sort observations."""
    return (
        repr(observation)
        if observation.next_action is None
        else f"{observation!r} {attrs.astuple(observation.next_action)!r}"
    )
