"""Audit of the causes: every fact must name a cause and a reason that the library can give. The tables are closed.

A new cause in the library must be added here.
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
_CAUSES_BY_FACT_KIND: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "payment.created": frozenset({"host"}),
        "payment.updated": _CALLERS,  # an answer may carry another token
        "payment.archived": frozenset({"host"}),
        "payment.placed": frozenset({"checkout"}),
        "payment.allocated": frozenset({"order"}),
        "payment.unallocated": frozenset({"order"}),
        "transaction.expiring": frozenset({"recovery"}),
    }
)
"""Which causes a kind of fact may have; a kind that is not listed may have any."""
_CAUSES_BY_CHANNEL: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        Channel.ANSWER: _CALLERS,
        Channel.LOOK_UP: _CALLERS,
        Channel.RETURN: frozenset({"checkout", "host"}),
        Channel.WEBHOOK: frozenset({WEBHOOK_PREFIX, "host"}),
        Channel.OPERATOR: frozenset({OPERATOR_PREFIX}),
    }
)
"""Which causes an observation may have, by its channel. The host may record any observation but an operator's ruling."""


def audit_causes(payment: Payment, history: Sequence[Fact]) -> tuple[Finding, ...]:
    """Find facts whose cause or reason the library never gives."""
    return tuple(_causes(payment, history))


def named_notifications(history: Sequence[Fact]) -> tuple[tuple[str, str], ...]:
    """List the gateway and event id of every notification that a history names as a cause."""
    found = {
        (fact.by.removeprefix(WEBHOOK_PREFIX), fact.why.removeprefix(EVENT_PREFIX)): None
        for fact in history
        if fact.by.startswith(WEBHOOK_PREFIX) and fact.why.startswith(EVENT_PREFIX)
    }
    return tuple(found)


def _causes(payment: Payment, history: Sequence[Fact]) -> Iterator[Finding]:
    for number, fact in enumerate(history, start=1):
        message = _objection(payment, fact) if fact.by else ""
        if message:
            transaction = payment.by_id.get(fact.transaction_id)
            yield new_finding(FindingKind.CAUSE, payment, f"fact {number}, {fact.kind}, {message}", transaction)


def _objection(payment: Payment, fact: Fact) -> str:
    who = _who(payment, fact)
    if not who:
        return f"is said to be caused by {fact.by!r}, and nobody of that name tells of this payment"
    if not _is_reason(who, fact.why):
        return f"is said to be caused by {fact.by!r}, who never gives the reason {fact.why!r}"
    heard = _CAUSES_BY_CHANNEL.get(fact.detail.get("channel", "")) if fact.kind == "transaction.observed" else None
    if any(allowed is not None and who not in allowed for allowed in (_CAUSES_BY_FACT_KIND.get(fact.kind), heard)):
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
        return why.startswith(EVENT_PREFIX) and why != EVENT_PREFIX
    return bool(why) if who == OPERATOR_PREFIX else why in _WHYS[who]
