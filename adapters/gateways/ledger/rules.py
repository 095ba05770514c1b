"""The rules of a ledger, pure: which request may follow which entry, for how much, and what it implies.

No more is captured than was authorized, and no more is given back than was captured. A pending entry counts as done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.gateways.ledger.entries import Entry, EntryState, LedgerRequest
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import (
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    DETACHED_CREDIT,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.transaction_types import FailureType, TransactionType

AUTHORIZATION_LIFETIME: Final = timedelta(days=7)
"""How long an authorization can be captured."""


@attrs.frozen(kw_only=True)
class AccountTerms:
    """What a ledger allows an account to do."""

    partial_capture: PartialCapture = PartialCapture.MULTIPLE
    detached_credit: bool = False
    refund_requires_settlement: bool = False
    authorization_lifetime: timedelta | None = AUTHORIZATION_LIFETIME


@attrs.frozen(kw_only=True)
class Decision:
    """The result of a request. ``minor``: the approved amount, if it is less than requested."""

    state: EntryState = EntryState.DONE
    minor: int | None = None
    code: str = ""
    failure: FailureType | None = None
    hard: bool = False
    waits_for: str = ""


def refuse(code: str, failure: FailureType = FailureType.NOT_POSSIBLE, *, hard: bool = False) -> Decision:
    """Decide that a request is declined."""
    return Decision(state=EntryState.DECLINED, code=code, failure=failure, hard=hard)


def decide(
    request: LedgerRequest,
    family: tuple[Entry, ...],
    terms: AccountTerms,
    intended: Decision,
    now: float,
    name: Callable[[TransactionType], str],
) -> tuple[Entry, ...]:
    """Decide on a request; gives the entry that answers it, then the entries that it implies.

    ``family``: all entries of the parent's family. ``intended``: the decision if the rules permit the request. ``now``: seconds since
    1970. ``name`` makes references.
    """
    parent = next((entry for entry in family if entry.reference == request.parent), None)
    decision = refusal(request, parent, family, terms, now) or intended
    reference = name(request.type)
    minor = request.minor if decision.minor is None else decision.minor
    answer = Entry(
        reference=reference,
        root=parent.root if parent else reference,
        account=request.account,
        type=request.type,
        state=decision.state,
        requested_minor=request.minor,
        minor=minor,
        currency=request.currency,
        made_at=now,
        key=request.key,
        parent=request.parent,
        holder=parent.holder if parent else request.holder,
        code=decision.code,
        failure=decision.failure,
        hard=decision.hard,
        partial=minor < request.minor,
        waits_for=decision.waits_for,
        content=request.content,
        return_url=request.return_url,
        pass_through=request.pass_through,
    )
    return (answer, *release(answer, parent, family, terms, name))


def release(
    capture: Entry,
    hold: Entry | None,
    family: tuple[Entry, ...],
    terms: AccountTerms,
    name: Callable[[TransactionType], str],
) -> tuple[Entry, ...]:
    """Release the rest of a hold with a partial capture, if the terms say so. The release is pending while the capture is."""
    releases = capture.type is CAPTURE and terms.partial_capture is PartialCapture.RELEASES_REST
    if not releases or hold is None or not capture.happened:
        return ()
    others = tuple(entry for entry in family if entry.reference != capture.reference)
    rest = left_of_hold(others, hold) - capture.requested_minor
    if rest <= 0:
        return ()
    return (
        Entry(
            reference=name(REVERSE_AUTH),
            root=hold.root,
            account=hold.account,
            type=REVERSE_AUTH,
            state=capture.state,
            requested_minor=rest,
            minor=rest,
            currency=hold.currency,
            made_at=capture.made_at,
            parent=hold.reference,
            holder=hold.holder,
            waits_for=capture.reference,
        ),
    )


def fence(request: LedgerRequest, now: float, name: Callable[[TransactionType], str]) -> Entry:
    """Fence a key: nothing can be executed under it any more."""
    reference = name(request.type)
    return Entry(
        reference=reference,
        root=reference,
        account=request.account,
        type=request.type,
        state=EntryState.FENCED,
        requested_minor=request.minor,
        minor=0,
        currency=request.currency,
        made_at=now,
        key=request.key,
    )


def refusal(
    request: LedgerRequest, parent: Entry | None, family: tuple[Entry, ...], terms: AccountTerms, now: float
) -> Decision | None:
    """Find the rule that forbids a request; nothing if it is permitted."""
    if request.type is DETACHED_CREDIT and not terms.detached_credit:
        return refuse("not_enabled")
    if not PARENTS[request.type]:
        return None
    if parent is None or parent.type not in PARENTS[request.type] or parent.state is not EntryState.DONE:
        return refuse("no_such_parent")
    if parent.currency != request.currency:
        return refuse("other_currency")
    return _RULES[request.type](request, parent, family, terms, now)


def left_of_hold(family: Iterable[Entry], hold: Entry) -> int:
    """Compute what is left of a hold for capture or reversal, in minor units. A voided capture restores its part of the hold."""
    family = tuple(family)
    captured = sum(
        entry.minor - _sum(family, entry, VOID, done_only=True)
        for entry in family
        if entry.parent == hold.reference and entry.type is CAPTURE and entry.happened
    )
    return hold.minor - captured - _sum(family, hold, REVERSE_AUTH)


def left_of_capture(family: Iterable[Entry], capture: Entry) -> int:
    """Compute what is left of a capture: neither refunded, voided nor charged back, in minor units."""
    family = tuple(family)
    returned = sum(
        _sum(family, entry, CHARGEBACK_REVERSAL, done_only=True)
        for entry in family
        if entry.parent == capture.reference and entry.type is CHARGEBACK
    )
    return capture.minor - _sum(family, capture, REFUND, VOID, CHARGEBACK) + returned


def _sum(family: Iterable[Entry], parent: Entry, *types: TransactionType, done_only: bool = False) -> int:
    return sum(
        entry.minor
        for entry in family
        if entry.parent == parent.reference
        and entry.type in types
        and (entry.state is EntryState.DONE if done_only else entry.happened)
    )


def _is_settled(family: tuple[Entry, ...], capture: Entry) -> bool:
    return _sum(family, capture, SETTLED) > 0


def _capture(
    request: LedgerRequest, hold: Entry, family: tuple[Entry, ...], terms: AccountTerms, now: float
) -> Decision | None:
    lifetime = terms.authorization_lifetime
    if lifetime is not None and now > hold.made_at + lifetime.total_seconds():
        return refuse("authorization_expired", FailureType.EXPIRED)
    if request.minor > left_of_hold(family, hold):
        return refuse("not_enough_left")
    if terms.partial_capture is PartialCapture.NONE and request.minor < hold.minor:
        return refuse("partial_capture_not_possible")
    return None


def _reverse(
    request: LedgerRequest, hold: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    return refuse("not_enough_left") if request.minor > left_of_hold(family, hold) else None


def _void(
    request: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    if _is_settled(family, capture):
        return refuse("already_settled")
    if left_of_capture(family, capture) != capture.minor:
        return refuse("no_longer_whole")
    return refuse("partial_void_not_possible") if request.minor != capture.minor else None


def _refund(
    request: LedgerRequest, capture: Entry, family: tuple[Entry, ...], terms: AccountTerms, _now: float
) -> Decision | None:
    if terms.refund_requires_settlement and not _is_settled(family, capture):
        return refuse("not_settled")
    return refuse("not_enough_left") if request.minor > left_of_capture(family, capture) else None


def _settle(
    request: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    if _is_settled(family, capture):
        return refuse("already_settled")
    if _sum(family, capture, VOID):
        return refuse("voided")
    return refuse("not_enough_left") if request.minor > capture.minor else None


def _charge_back(
    request: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    return refuse("not_enough_left") if request.minor > left_of_capture(family, capture) else None


def _reverse_chargeback(
    request: LedgerRequest, chargeback: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    left = chargeback.minor - _sum(family, chargeback, CHARGEBACK_REVERSAL)
    return refuse("not_enough_left") if request.minor > left else None


_RULES: Final = {
    CAPTURE: _capture,
    REVERSE_AUTH: _reverse,
    VOID: _void,
    REFUND: _refund,
    SETTLED: _settle,
    CHARGEBACK: _charge_back,
    CHARGEBACK_REVERSAL: _reverse_chargeback,
}
