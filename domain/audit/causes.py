"""Whether everything in a history was caused by somebody who can have caused it, for a reason that is given: a closed table.

Whoever adds a cause to the library adds it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from payports.domain.audit.findings import Finding, FindingKind, new_finding
from payports.domain.history import EVENT_PREFIX, OPERATOR_PREFIX, WEBHOOK_PREFIX, Fact
from payports.domain.observation import Channel
from payports.domain.payment import Payment

_WHYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "host": frozenset({""}),
        "order": frozenset({""}),
        "checkout": frozenset({"", "cancelled", "rolled back", "the shopper came back"}),
        "recovery": frozenset({"", "the shopper did not come back in time"}),
    }
)
_CALLERS: Final = frozenset(_WHYS)
_TELLERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "payment.created": frozenset({"host"}),
        "payment.updated": _CALLERS,  # an answer may bring another token
        "payment.archived": frozenset({"host"}),
        "payment.placed": frozenset({"checkout"}),
        "payment.allocated": frozenset({"order"}),
        "payment.unallocated": frozenset({"order"}),
        "transaction.expiring": frozenset({"recovery"}),
    }
)
"""Who may cause which kind of fact; any other kind anybody may."""
_HEARERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        Channel.ANSWER: _CALLERS,
        Channel.LOOK_UP: _CALLERS,
        Channel.RETURN: frozenset({"checkout", "host"}),
        Channel.WEBHOOK: frozenset({WEBHOOK_PREFIX, "host"}),
        Channel.OPERATOR: frozenset({OPERATOR_PREFIX}),
    }
)
"""By whom what reached us on a channel was recorded; the host may record what it learnt itself, an operator's word excepted."""


def audit_causes(payment: Payment, told: Sequence[Fact]) -> tuple[Finding, ...]:
    """Find facts that say they were caused by nobody of the library, or for a reason that it never gives."""
    return tuple(_causes(payment, told))


def named_notifications(told: Sequence[Fact]) -> tuple[tuple[str, str], ...]:
    """The gateway and the event id of every notification that a history names; that of older stores names none."""
    found = {
        (fact.by.removeprefix(WEBHOOK_PREFIX), fact.why.removeprefix(EVENT_PREFIX)): None
        for fact in told
        if fact.by.startswith(WEBHOOK_PREFIX) and fact.why.startswith(EVENT_PREFIX)
    }
    return tuple(found)


def _causes(payment: Payment, told: Sequence[Fact]) -> Iterator[Finding]:
    for number, fact in enumerate(told, start=1):
        said = _objection(payment, fact) if fact.by else ""
        if said:
            one = payment.by_id.get(fact.transaction_id)
            yield new_finding(FindingKind.CAUSE, payment, f"fact {number}, {fact.kind}, {said}", one)


def _objection(payment: Payment, fact: Fact) -> str:
    who = _who(payment, fact)
    if not who:
        return f"is said to be caused by {fact.by!r}, and nobody of that name tells of this payment"
    if not _is_reason(who, fact.why):
        return f"is said to be caused by {fact.by!r}, who never gives the reason {fact.why!r}"
    heard = _HEARERS.get(fact.detail.get("channel", "")) if fact.kind == "transaction.observed" else None
    if any(allowed is not None and who not in allowed for allowed in (_TELLERS.get(fact.kind), heard)):
        return f"is said to be caused by {fact.by!r}, who causes none such"
    ruled = fact.detail.get("operator") if heard else None
    if ruled and (fact.by, fact.why) != (OPERATOR_PREFIX + ruled, fact.detail.get("message")):
        return f"is said to be caused by {fact.by!r}, and {ruled!r} has ruled so, or for another reason"
    return ""


def _who(payment: Payment, fact: Fact) -> str:
    if fact.by in _CALLERS:
        return fact.by
    if fact.by == WEBHOOK_PREFIX + payment.gateway:
        return WEBHOOK_PREFIX
    return OPERATOR_PREFIX if fact.by.startswith(OPERATOR_PREFIX) and fact.by != OPERATOR_PREFIX else ""


def _is_reason(who: str, why: str) -> bool:
    if who == WEBHOOK_PREFIX:
        return not why or (why.startswith(EVENT_PREFIX) and why != EVENT_PREFIX)
    return bool(why) if who == OPERATOR_PREFIX else why in _WHYS[who]
