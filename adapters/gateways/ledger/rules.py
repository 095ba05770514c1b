"""The rules of a book, pure: what may be done on top of an entry, how much of it, and what follows.

Never is more captured than was authorised, nor more given back than was captured. What may still happen counts as happened.
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
"""After this a hold can no longer be captured."""


@attrs.frozen(kw_only=True)
class AccountTerms:
    """What a book agrees to do for an account."""

    partial_capture: PartialCapture = PartialCapture.MULTIPLE
    detached_credit: bool = False
    refund_requires_settlement: bool = False
    authorization_lifetime: timedelta | None = AUTHORIZATION_LIFETIME


@attrs.frozen(kw_only=True)
class Decision:
    """What becomes of an order that the rules permit. ``minor``: less than asked, if that is all that is approved."""

    state: EntryState = EntryState.DONE
    minor: int | None = None
    code: str = ""
    failure: FailureType | None = None
    hard: bool = False
    waits_for: str = ""


def refuse(code: str, failure: FailureType = FailureType.NOT_POSSIBLE, *, hard: bool = False) -> Decision:
    """Rule that an order is declined."""
    return Decision(state=EntryState.DECLINED, code=code, failure=failure, hard=hard)


def decide(
    order: LedgerRequest,
    family: tuple[Entry, ...],
    terms: AccountTerms,
    wish: Decision,
    now: float,
    name: Callable[[TransactionType], str],
) -> tuple[Entry, ...]:
    """Decide on an order: the entry that answers it, and entries that it implies.

    ``family`` is the parent's whole family; ``wish`` is what happens if the rules permit it, ``now`` in seconds since 1970. ``name``
    makes references.
    """
    parent = next((one for one in family if one.reference == order.parent), None)
    ruling = refusal(order, parent, family, terms, now) or wish
    reference = name(order.type)
    minor = order.minor if ruling.minor is None else ruling.minor
    answer = Entry(
        reference=reference,
        root=parent.root if parent else reference,
        account=order.account,
        type=order.type,
        state=ruling.state,
        asked_minor=order.minor,
        minor=minor,
        currency=order.currency,
        made_at=now,
        key=order.key,
        parent=order.parent,
        holder=parent.holder if parent else order.holder,
        code=ruling.code,
        failure=ruling.failure,
        hard=ruling.hard,
        partial=minor < order.minor,
        waits_for=ruling.waits_for,
        content=order.content,
        return_url=order.return_url,
        pass_through=order.pass_through,
    )
    return (answer, *release(answer, parent, family, terms, name))


def release(
    capture: Entry,
    hold: Entry | None,
    family: tuple[Entry, ...],
    terms: AccountTerms,
    name: Callable[[TransactionType], str],
) -> tuple[Entry, ...]:
    """Release what a partial capture leaves of a hold, if the terms say so: with the capture, so it waits if that does."""
    releases = capture.type is CAPTURE and terms.partial_capture is PartialCapture.RELEASES_REST
    if not releases or hold is None or not capture.happened:
        return ()
    others = tuple(one for one in family if one.reference != capture.reference)
    rest = left_of_hold(others, hold) - capture.asked_minor
    if rest <= 0:
        return ()
    return (
        Entry(
            reference=name(REVERSE_AUTH),
            root=hold.root,
            account=hold.account,
            type=REVERSE_AUTH,
            state=capture.state,
            asked_minor=rest,
            minor=rest,
            currency=hold.currency,
            made_at=capture.made_at,
            parent=hold.reference,
            holder=hold.holder,
            waits_for=capture.reference,
        ),
    )


def fence(order: LedgerRequest, now: float, name: Callable[[TransactionType], str]) -> Entry:
    """Burn a key: what was ordered under it can never be executed any more."""
    reference = name(order.type)
    return Entry(
        reference=reference,
        root=reference,
        account=order.account,
        type=order.type,
        state=EntryState.FENCED,
        asked_minor=order.minor,
        minor=0,
        currency=order.currency,
        made_at=now,
        key=order.key,
    )


def refusal(
    order: LedgerRequest, parent: Entry | None, family: tuple[Entry, ...], terms: AccountTerms, now: float
) -> Decision | None:
    """Say why the rules forbid an order, or nothing."""
    if order.type is DETACHED_CREDIT and not terms.detached_credit:
        return refuse("not_enabled")
    if not PARENTS[order.type]:
        return None
    if parent is None or parent.type not in PARENTS[order.type] or parent.state is not EntryState.DONE:
        return refuse("no_such_parent")
    if parent.currency != order.currency:
        return refuse("other_currency")
    return _RULES[order.type](order, parent, family, terms, now)


def left_of_hold(family: Iterable[Entry], hold: Entry) -> int:
    """What a hold still has for capture or reversal, in minor units. A voided capture gives its part back to the hold."""
    family = tuple(family)
    captured = sum(
        one.minor - _sum(family, one, VOID, surely=True)
        for one in family
        if one.parent == hold.reference and one.type is CAPTURE and one.happened
    )
    return hold.minor - captured - _sum(family, hold, REVERSE_AUTH)


def left_of_capture(family: Iterable[Entry], capture: Entry) -> int:
    """What of captured money was not given or taken back, in minor units."""
    family = tuple(family)
    returned = sum(
        _sum(family, one, CHARGEBACK_REVERSAL, surely=True)
        for one in family
        if one.parent == capture.reference and one.type is CHARGEBACK
    )
    return capture.minor - _sum(family, capture, REFUND, VOID, CHARGEBACK) + returned


def _sum(family: Iterable[Entry], parent: Entry, *types: TransactionType, surely: bool = False) -> int:
    return sum(
        one.minor
        for one in family
        if one.parent == parent.reference
        and one.type in types
        and (one.state is EntryState.DONE if surely else one.happened)
    )


def _is_settled(family: tuple[Entry, ...], capture: Entry) -> bool:
    return _sum(family, capture, SETTLED) > 0


def _capture(
    order: LedgerRequest, hold: Entry, family: tuple[Entry, ...], terms: AccountTerms, now: float
) -> Decision | None:
    lifetime = terms.authorization_lifetime
    if lifetime is not None and now > hold.made_at + lifetime.total_seconds():
        return refuse("authorization_expired", FailureType.EXPIRED)
    if order.minor > left_of_hold(family, hold):
        return refuse("not_enough_left")
    if terms.partial_capture is PartialCapture.NONE and order.minor < hold.minor:
        return refuse("partial_capture_not_possible")
    return None


def _reverse(
    order: LedgerRequest, hold: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    return refuse("not_enough_left") if order.minor > left_of_hold(family, hold) else None


def _void(
    order: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    if _is_settled(family, capture):
        return refuse("already_settled")
    if left_of_capture(family, capture) != capture.minor:
        return refuse("no_longer_whole")
    return refuse("partial_void_not_possible") if order.minor != capture.minor else None


def _refund(
    order: LedgerRequest, capture: Entry, family: tuple[Entry, ...], terms: AccountTerms, _now: float
) -> Decision | None:
    if terms.refund_requires_settlement and not _is_settled(family, capture):
        return refuse("not_settled")
    return refuse("not_enough_left") if order.minor > left_of_capture(family, capture) else None


def _settle(
    order: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    if _is_settled(family, capture):
        return refuse("already_settled")
    if _sum(family, capture, VOID):
        return refuse("voided")
    return refuse("not_enough_left") if order.minor > capture.minor else None


def _charge_back(
    order: LedgerRequest, capture: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    return refuse("not_enough_left") if order.minor > left_of_capture(family, capture) else None


def _win_back(
    order: LedgerRequest, lost: Entry, family: tuple[Entry, ...], _terms: AccountTerms, _now: float
) -> Decision | None:
    left = lost.minor - _sum(family, lost, CHARGEBACK_REVERSAL)
    return refuse("not_enough_left") if order.minor > left else None


_RULES: Final = {
    CAPTURE: _capture,
    REVERSE_AUTH: _reverse,
    VOID: _void,
    REFUND: _refund,
    SETTLED: _settle,
    CHARGEBACK: _charge_back,
    CHARGEBACK_REVERSAL: _win_back,
}
