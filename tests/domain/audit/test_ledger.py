"""An audit finds each rule that is broken, and nothing in what the core has made; what is explained is told apart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import pytest

from payports.domain.audit.findings import AuditLimits, FindingKind
from payports.domain.audit.ledger import audit_comparability, audit_ledger
from payports.domain.capabilities import Capabilities, PartialCapture
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money
from payports.domain.observation import Channel
from payports.domain.payment import Payment
from payports.domain.reversal import mark_for_reversal
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus
from tests.domain.strategies import (
    ABLE,
    NOW,
    begun,
    done,
    eur,
    fact,
    new_payment,
    outside,
    told,
)

BOUNDS: Final = AuditLimits()
LATER: Final = BOUNDS.tolerance + timedelta(seconds=1)
RELEASING: Final = attrs.evolve(ABLE, partial_capture=PartialCapture.RELEASES_REST)
RESTORING: Final = attrs.evolve(ABLE, void_restores_hold=True)
SALE: Final = AUTHORIZE_AND_CAPTURE
REVOKED: Final = TransactionStatus.REVOKED
DECLINED: Final = TransactionStatus.DECLINED
AWAITED: Final = TransactionStatus.AWAITING_RESULT
UNKNOWN: Final = TransactionStatus.UNKNOWN


def found(payment: Payment, now: datetime = NOW) -> list[tuple[FindingKind, bool]]:
    """What an audit finds: which rule, and whether it is known already. Every finding has a sentence."""
    findings = audit_ledger(payment, now, BOUNDS)
    assert all(one.message and one.payment_id == payment.id for one in findings)
    return [(one.kind, one.known) for one in findings]


def changed(payment: Payment, number: int, **fields: Any) -> Payment:
    return payment.replacing(attrs.evolve(payment.transactions[number], **fields))


def captured(minor: int = 10, able: Capabilities = ABLE) -> Payment:
    return done(done(new_payment(10), AUTHORIZE), CAPTURE, minor, able=able)


HELD: Final = done(new_payment(10), AUTHORIZE)
CAPTURED: Final = captured()
REFUNDED: Final = done(CAPTURED, REFUND, 4)
SOLD: Final = done(new_payment(10), SALE)
RELEASED: Final = captured(4, RELEASING)
UNDOING: Final = begun(changed(HELD, 0, reversal=ReversalState.REQUIRES_REVERSAL), REVERSE_AUTH, 10, reverses=True)
UNDONE: Final = told(UNDOING, fact("t1", gateway_reference="r1"))
CHARGED_BACK: Final = told(CAPTURED, outside(CHARGEBACK, "r1", "cb", 10))
WON_BACK: Final = told(CHARGED_BACK, outside(CHARGEBACK_REVERSAL, "cb", "cbr", 10))

GOOD: Final[dict[str, Payment]] = {
    "nothing happened": new_payment(),
    "held": HELD,
    "declined": done(new_payment(), AUTHORIZE, status=DECLINED),
    "taken in one go": SOLD,
    "taken in two parts that the gateway names alike": told(
        begun(done(done(new_payment(10), AUTHORIZE), CAPTURE, 4), CAPTURE, 6), fact("t2", gateway_reference="r1")
    ),
    "refunded": REFUNDED,
    "all refunded": done(REFUNDED, REFUND, 6),
    "settled": done(CAPTURED, SETTLED),
    "voided, and taken again": done(done(captured(10, RESTORING), VOID, able=RESTORING), CAPTURE, 10, able=RESTORING),
    "some held, some let go": done(done(HELD, REVERSE_AUTH, 4), CAPTURE, 6),
    "the rest let go by the gateway": RELEASED,
    "the rest let go, the capture taken back": told(RELEASED, fact("t1", REVOKED, gateway_reference="r1")),
    "under way": begun(new_payment(), AUTHORIZE),
    "being undone": UNDOING,
    "undone": UNDONE,
    "could not be undone": changed(told(UNDOING, fact("t1", DECLINED)), 0, due_at=NOW),
    "a candidate": mark_for_reversal(done(new_payment(), AUTHORIZE, attempt="a"), "a"),
    "charged back and won": WON_BACK,
    "ruled on": told(begun(new_payment(), AUTHORIZE), fact("t0", channel=Channel.OPERATOR, operator="Grace")),
}


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_found_in_what_the_core_made(name: str) -> None:
    assert found(GOOD[name]) == []


def owed(reversal: ReversalState, **fields: Any) -> Payment:
    return changed(HELD, 0, reversal=reversal, **fields)


def orphaned(status: TransactionStatus, **fields: Any) -> Payment:
    return changed(done(new_payment(), AUTHORIZE, status=status), 0, **({"due_at": None} | fields))


def another(payment: Payment, **fields: Any) -> Transaction:
    """The last transaction of a payment as one of its own: t9, which the gateway calls r9."""
    seen = (fact("t9", gateway_reference="r9"),)
    return attrs.evolve(payment.transactions[-1], id="t9", seen=seen, **fields)


_HOLDS: Final = done(done(new_payment(10), AUTHORIZE, 4), AUTHORIZE, 6)
_FIRST: Final = told(begun(_HOLDS, CAPTURE, 4, parent_id="t0"), fact("t2", gateway_reference="rc"))
TWO_HOLDS: Final = told(begun(_FIRST, CAPTURE, 6, parent_id="t1"), fact("t3", gateway_reference="rc"))

BAD: Final[dict[str, tuple[FindingKind, Payment]]] = {
    "a payment for nothing": (FindingKind.AMOUNT, attrs.evolve(new_payment(), amount=eur(0))),
    "a payment for too much": (FindingKind.AMOUNT, attrs.evolve(new_payment(), amount=eur(MAX_MINOR + 1))),
    "a movement of nothing": (FindingKind.AMOUNT, changed(begun(new_payment(), AUTHORIZE), 0, requested=eur(0))),
    "made outside, with another amount than told": (FindingKind.AMOUNT, changed(CHARGED_BACK, 2, requested=eur(9))),
    "another currency": (FindingKind.CURRENCY, changed(HELD, 0, requested=Money(10, "USD"))),
    "a payment without a zone": (
        FindingKind.TIME,
        attrs.evolve(new_payment(), created_at=NOW.replace(tzinfo=None)),
    ),
    "a transaction without a zone": (FindingKind.TIME, changed(HELD, 0, created_at=NOW.replace(tzinfo=None))),
    "a date without a zone": (FindingKind.TIME, changed(HELD, 0, due_at=NOW.replace(tzinfo=None))),
    "a payment in the future": (FindingKind.TIME, attrs.evolve(new_payment(), created_at=NOW + LATER)),
    "a transaction in the future": (FindingKind.TIME, changed(HELD, 0, created_at=NOW + LATER)),
    "a transaction before its payment": (FindingKind.TIME, changed(HELD, 0, created_at=NOW - LATER)),
    "a child before its parent": (FindingKind.TIME, changed(CAPTURED, 1, created_at=NOW - LATER)),
    "an id twice": (
        FindingKind.IDENTITY,
        done(new_payment(), AUTHORIZE, 4).adding(*done(new_payment(), AUTHORIZE, 4).transactions),
    ),
    "a hold with a parent": (FindingKind.LIFECYCLE, changed(HELD, 0, parent_id="t0")),
    "a capture without one": (FindingKind.LIFECYCLE, changed(CAPTURED, 1, parent_id=None)),
    "a capture of nobody": (FindingKind.LIFECYCLE, changed(CAPTURED, 1, parent_id="t9")),
    "a capture of a later hold": (
        FindingKind.LIFECYCLE,
        attrs.evolve(CAPTURED, transactions=CAPTURED.transactions[::-1]),
    ),
    "a refund of a hold": (FindingKind.LIFECYCLE, changed(REFUNDED, 2, parent_id="t0")),
    "a capture of what is unknown": (
        FindingKind.LIFECYCLE,
        changed(CAPTURED, 0, seen=(fact("t0", UNKNOWN),), due_at=NOW),
    ),
    "a chargeback that was commanded": (
        FindingKind.LIFECYCLE,
        changed(CHARGED_BACK, 2, observed_only=False, requested=eur(10)),
    ),
    "held and taken in one go, too": (
        FindingKind.LIFECYCLE,
        done(new_payment(10), AUTHORIZE, 4).adding(another(done(new_payment(10), SALE, 6))),
    ),
    "settled and voided": (
        FindingKind.LIFECYCLE,
        changed(done(done(CAPTURED, SETTLED), REFUND), 3, type=VOID),
    ),
    "more captured than held": (FindingKind.LIMIT, changed(CAPTURED, 1, requested=eur(11))),
    "more let go than held": (FindingKind.LIMIT, changed(done(HELD, REVERSE_AUTH), 1, requested=eur(11))),
    "more captured and let go than held": (
        FindingKind.LIMIT,
        changed(done(done(HELD, REVERSE_AUTH, 4), CAPTURE, 6), 2, requested=eur(7)),
    ),
    "captured again, although its void put nothing back": (
        FindingKind.LIMIT,
        done(CAPTURED, VOID).adding(another(CAPTURED)),
    ),
    "captured again, although its void failed": (
        FindingKind.LIMIT,
        done(captured(10, RESTORING), VOID, status=DECLINED, able=RESTORING).adding(another(CAPTURED)),
    ),
    "a single unit held for nothing": (
        FindingKind.LIMIT,
        attrs.evolve(done(new_payment(1), AUTHORIZE), amount=eur(0)),
    ),
    "more refunded than captured": (FindingKind.LIMIT, changed(REFUNDED, 2, requested=eur(11))),
    "more refunded than sold": (FindingKind.LIMIT, changed(done(SOLD, REFUND), 1, requested=eur(11))),
    "captured of what was declined": (
        FindingKind.LIMIT,
        changed(CAPTURED, 0, seen=(fact("t0", DECLINED),)),
    ),
    "settled twice": (
        FindingKind.LIMIT,
        done(CAPTURED, SETTLED).adding(another(done(CAPTURED, SETTLED), requested=eur(1))),
    ),
    "settled for more": (FindingKind.LIMIT, changed(done(CAPTURED, SETTLED), 2, requested=eur(11))),
    "more held than the payment is for": (FindingKind.LIMIT, attrs.evolve(HELD, amount=eur(9))),
    "undone, and held": (FindingKind.REVERSAL, owed(ReversalState.REVERSED)),
    "undone, and taken": (FindingKind.REVERSAL, changed(SOLD, 0, reversal=ReversalState.REVERSED)),
    "being undone by nobody": (FindingKind.REVERSAL, owed(ReversalState.REVERSAL_IN_PROGRESS)),
    "undone, and it does not say so": (FindingKind.REVERSAL, changed(UNDONE, 0, reversal=ReversalState.NONE)),
    "being undone, and it does not say so": (FindingKind.REVERSAL, changed(UNDOING, 0, reversal=ReversalState.NONE)),
    "a refund that is to be undone": (
        FindingKind.REVERSAL,
        changed(REFUNDED, 2, reversal=ReversalState.REVERSAL_CANDIDATE),
    ),
    "implied by nobody": (FindingKind.RELEASE, changed(RELEASED, 2, implied_by="t9")),
    "implied by a hold": (FindingKind.RELEASE, changed(RELEASED, 2, implied_by="t0")),
    "a refund that is implied": (FindingKind.RELEASE, changed(REFUNDED, 2, implied_by="t1")),
    "let go otherwise than captured": (FindingKind.RELEASE, changed(RELEASED, 2, seen=(fact("", AWAITED),))),
    "let go of another hold": (
        FindingKind.RELEASE,
        changed(
            RELEASED.adding(attrs.evolve(HELD.transactions[0], id="t9", seen=(fact("t9", DECLINED),))),
            2,
            parent_id="t9",
        ),
    ),
    "unknown without a date": (FindingKind.ORPHAN, orphaned(UNKNOWN)),
    "sending without a date": (FindingKind.ORPHAN, changed(begun(new_payment(), AUTHORIZE), 0, due_at=None)),
    "awaited without a date": (FindingKind.ORPHAN, orphaned(AWAITED)),
    "unknown for ever": (FindingKind.ORPHAN, orphaned(UNKNOWN, due_at=NOW + BOUNDS.horizon + LATER)),
    "owed back without a date": (FindingKind.ORPHAN, owed(ReversalState.REQUIRES_REVERSAL, due_at=None)),
    "no reference": (FindingKind.REFERENCE, told(begun(new_payment(), AUTHORIZE), fact("t0"))),
    "a reference that another refund has": (
        FindingKind.REFERENCE,
        told(begun(REFUNDED, REFUND, 2), fact("t3", gateway_reference="r2")),
    ),
    "a reference that a capture of another hold has": (FindingKind.REFERENCE, TWO_HOLDS),
}


@pytest.mark.parametrize("name", BAD)
def test_a_rule_that_is_broken_is_found(name: str) -> None:
    kind, payment = BAD[name]
    assert (kind, False) in found(payment)
    assert len(found(payment)) <= 4


def test_what_cannot_be_reckoned_with_is_told_alone() -> None:
    payment = changed(CAPTURED, 1, requested=Money(999, "USD"))
    (told_alone,) = audit_comparability(payment)
    assert (told_alone.kind, told_alone.transaction_id) == (FindingKind.CURRENCY, "t1")
    assert audit_ledger(payment, NOW, BOUNDS) == (told_alone,)
    assert audit_comparability(CAPTURED) == ()


EXPLAINED: Final[dict[str, Payment]] = {
    "more won back than charged back": told(WON_BACK, outside(CHARGEBACK_REVERSAL, "cb", "more", 1)),
    "refunded too much in the gateway's dashboard": told(REFUNDED, outside(REFUND, "r1", "out", 10)),
    "settled and voided in the dashboard": told(done(CAPTURED, SETTLED), outside(VOID, "r1", "out", 10)),
    "held and sold at the same time, and shown": told(
        done(new_payment(10), AUTHORIZE).adding(attrs.evolve(SOLD.transactions[0], id="t9", seen=())),
        fact("t9", gateway_reference="r9"),
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_is_explained_is_told_apart(name: str) -> None:
    odd = found(EXPLAINED[name])
    assert odd
    assert all(known for _, known in odd)


def test_a_release_that_an_operator_ruled_on_may_go_another_way() -> None:
    ruled = changed(RELEASED, 2, seen=(fact("", DECLINED, channel=Channel.OPERATOR, operator="Grace"),))
    assert found(ruled) == [(FindingKind.RELEASE, True)]


def test_what_a_person_is_shown_needs_no_date() -> None:
    disputed = told(begun(new_payment(), AUTHORIZE), fact("t0", amount=eur(11), gateway_reference="r0"))
    assert found(changed(disputed, 0, due_at=None)) == []


def test_the_bounds_themselves_are_within_them() -> None:
    edge = BOUNDS.tolerance
    assert found(attrs.evolve(new_payment(), created_at=NOW + edge)) == []
    assert found(changed(HELD, 0, created_at=NOW + edge)) == []
    assert found(changed(HELD, 0, created_at=NOW - edge)) == []
    assert found(orphaned(UNKNOWN, due_at=NOW + BOUNDS.horizon)) == []


def test_every_transaction_is_named_by_its_finding() -> None:
    (one,) = audit_ledger(orphaned(UNKNOWN), NOW, BOUNDS)
    assert (one.transaction_id, one.payment_id) == ("t0", "p-1")
    assert "UNKNOWN" in one.message
