"""An audit folds the history anew: it tells the ledger as it stands, or where they differ is found."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from payports.domain.audit.findings import AuditLimits, FindingKind
from payports.domain.audit.history import audit_history, audit_positions
from payports.domain.audit.ledger import audit_ledger
from payports.domain.begin import begin
from payports.domain.capabilities import Capabilities
from payports.domain.command import Command
from payports.domain.history import Cause, Fact, derive_facts
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.payment import Allocation, AllocationKind, Payment, Restriction
from payports.domain.transaction import Source
from payports.domain.transaction_types import ReversalState
from tests.domain.strategies import (
    NOW,
    begun,
    capabilities,
    done,
    eur,
    fact,
    facts_about,
    new_payment,
    numbered,
    told,
)


def changed(payment: Payment, number: int, **fields: Any) -> Payment:
    return payment.replacing(attrs.evolve(payment.transactions[number], **fields))


BOUNDS: Final = AuditLimits()
LATER: Final = BOUNDS.tolerance + timedelta(seconds=1)
SALE: Final = AUTHORIZE_AND_CAPTURE
HELD: Final = done(new_payment(10), AUTHORIZE)
CAPTURED: Final = done(HELD, CAPTURE)
REFUNDED: Final = done(CAPTURED, REFUND, 4)
UNDOING: Final = begun(changed(HELD, 0, reversal=ReversalState.REQUIRES_REVERSAL), REVERSE_AUTH, 10, reverses=True)
UNDONE: Final = told(UNDOING, fact("t1", gateway_reference="r1"))


def history_of(*payments: Payment, by: str = "host") -> list[Fact]:
    """What is told of a payment that went through these states, one commit each."""
    found: list[Fact] = []
    for before, after in zip((None, *payments), payments, strict=False):
        found += derive_facts(before, after, Cause(by), NOW)
    return found


ALLOCATION: Final = Allocation(Source("fulfillment", "f-1"), eur(3), AllocationKind.CANCELLED)
PLACED: Final = attrs.evolve(
    REFUNDED,
    restrictions=frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED}),
    archived=True,
    allocations=(ALLOCATION,),
    version=9,
)
STORY: Final = history_of(new_payment(10), begun(new_payment(10), AUTHORIZE), HELD, CAPTURED, REFUNDED, PLACED)


def refolded(payment: Payment, story: list[Fact], bounds: AuditLimits = BOUNDS) -> list[FindingKind]:
    findings = audit_history(payment, story, bounds)
    assert all(one.message and one.payment_id == payment.id and not one.known for one in findings)
    return [one.kind for one in findings]


def retold(number: int, story: list[Fact] | None = None, **fields: Any) -> list[Fact]:
    story = list(story or STORY)
    story[number] = attrs.evolve(story[number], **fields)
    return story


def detailed(kind: str, **detail: str) -> list[Fact]:
    """The story with some words of its last fact of a kind replaced."""
    number = max(nth for nth, one in enumerate(STORY) if one.kind == kind)
    return retold(number, detail={**STORY[number].detail, **detail})


def without(kind: str) -> list[Fact]:
    number = max(nth for nth, one in enumerate(STORY) if one.kind == kind)
    return STORY[:number] + STORY[number + 1 :]


def test_a_history_that_tells_all_is_found_good() -> None:
    assert refolded(PLACED, STORY) == []


DISCREPANT: Final = told(begun(new_payment(), AUTHORIZE), fact("t0", amount=eur(11), gateway_reference="r0"))
REVERSED_STORY: Final = history_of(new_payment(10), HELD, UNDOING, UNDONE)

DIFFERENT: Final[dict[str, tuple[Payment, list[Fact]]]] = {
    "nothing is told": (PLACED, []),
    "not that it was created": (PLACED, STORY[1:]),
    "twice that it was created": (PLACED, [STORY[0], *STORY]),
    "nobody caused it": (PLACED, retold(2, by="")),
    "another payment": (PLACED, retold(2, payment_id="p-2")),
    "another amount of the payment": (attrs.evolve(PLACED, amount=eur(11)), STORY),
    "another gateway": (attrs.evolve(PLACED, gateway="wire"), STORY),
    "not archived": (attrs.evolve(PLACED, archived=False), STORY),
    "not that it was archived": (PLACED, without("payment.archived")),
    "not that it was placed": (PLACED, without("payment.placed")),
    "not that it was allocated": (PLACED, without("payment.allocated")),
    "allocated for another": (PLACED, detailed("payment.allocated", **{"for": "fulfillment f-2"})),
    "allocated another amount": (PLACED, detailed("payment.allocated", amount="0.04 EUR")),
    "allocated as something else": (PLACED, detailed("payment.allocated", **{"as": "CAPTURED_EARLIER"})),
    "a transaction that the ledger has no more": (attrs.evolve(PLACED, transactions=PLACED.transactions[:2]), STORY),
    "a transaction that nobody recorded": (PLACED, without("transaction.recorded")),
    "transactions in another order": (
        attrs.evolve(PLACED, transactions=(PLACED.transactions[0], PLACED.transactions[2], PLACED.transactions[1])),
        STORY,
    ),
    "another type": (PLACED, detailed("transaction.recorded", type="VOID")),
    "another amount asked": (PLACED, detailed("transaction.recorded", amount="0.05 EUR")),
    "another parent": (PLACED, detailed("transaction.recorded", parent="t0")),
    "another source": (PLACED, detailed("transaction.recorded", **{"for": "return r-1"})),
    "not what was seen": (PLACED, without("transaction.observed")),
    "another channel": (PLACED, detailed("transaction.observed", channel="WEBHOOK")),
    "another status seen": (PLACED, detailed("transaction.observed", says="DECLINED")),
    "another reference seen": (PLACED, detailed("transaction.observed", reference="else")),
    "another code seen": (PLACED, detailed("transaction.observed", code="05")),
    "another failure seen": (PLACED, detailed("transaction.observed", failure="FRAUD")),
    "another message seen": (PLACED, detailed("transaction.observed", message="else")),
    "another operator": (PLACED, detailed("transaction.observed", operator="Eve")),
    "another type seen": (PLACED, detailed("transaction.observed", type="VOID")),
    "another last status": (PLACED, detailed("transaction.observed", status="UNKNOWN")),
    "another last amount": (PLACED, detailed("transaction.observed", amount="0.05 EUR")),
    "another reversal": (changed(PLACED, 0, reversal=ReversalState.REVERSAL_CANDIDATE), STORY),
    "another end of the reversal": (UNDONE, REVERSED_STORY[:-1]),
    "not that it is contradicted": (
        DISCREPANT,
        [one for one in history_of(new_payment(), DISCREPANT) if one.kind != "transaction.discrepancy"],
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_history_that_tells_otherwise_is_found(name: str) -> None:
    payment, story = DIFFERENT[name]
    kinds = refolded(attrs.evolve(payment, version=9), story)
    assert set(kinds) == {FindingKind.HISTORY_DIFFERS}
    assert len(kinds) <= 6 or not story


def test_stories_of_reversals_and_contradictions_are_good_as_they_were_told() -> None:
    assert refolded(attrs.evolve(UNDONE, version=9), REVERSED_STORY) == []
    assert refolded(attrs.evolve(DISCREPANT, version=9), history_of(new_payment(), DISCREPANT)) == []


def test_times_of_a_history_are_held_to_the_clock() -> None:
    edge, beyond = BOUNDS.tolerance, LATER
    assert refolded(PLACED, retold(-1, at=NOW - edge)) == []
    assert refolded(PLACED, retold(-1, at=NOW - beyond)) == [FindingKind.TIME]
    assert refolded(PLACED, retold(-1, at=NOW.replace(tzinfo=None))) == [FindingKind.TIME]
    assert refolded(attrs.evolve(PLACED, created_at=NOW - edge), STORY) == []
    assert refolded(attrs.evolve(PLACED, created_at=NOW - beyond), STORY) == [FindingKind.TIME]
    assert refolded(changed(PLACED, 0, created_at=NOW - beyond), STORY) == [FindingKind.TIME]
    assert refolded(changed(PLACED, 0, created_at=NOW + edge), STORY) == []


def test_what_became_of_it_may_be_told_much_later() -> None:
    first = next(nth for nth, one in enumerate(STORY) if one.kind == "transaction.observed")
    late = [attrs.evolve(one, at=NOW + timedelta(days=nth >= first)) for nth, one in enumerate(STORY)]
    asked_later = PLACED.replacing(
        *(attrs.evolve(one, created_at=NOW + timedelta(days=1)) for one in PLACED.transactions[1:])
    )
    assert refolded(asked_later, late) == []


def test_a_version_is_never_below_the_commits_that_were_told() -> None:
    story = [attrs.evolve(one, at=NOW + timedelta(seconds=nth // 2)) for nth, one in enumerate(STORY)]
    commits = len({one.at for one in story})
    assert refolded(attrs.evolve(PLACED, version=commits), story) == []
    assert refolded(attrs.evolve(PLACED, version=commits - 1), story) == [FindingKind.VERSION]
    by_two = retold(1, by="checkout")
    assert refolded(attrs.evolve(PLACED, version=3), by_two) == []
    assert refolded(attrs.evolve(PLACED, version=2), by_two) == [FindingKind.VERSION]
    for_a_reason = retold(1, why="because")
    assert refolded(attrs.evolve(PLACED, version=2), for_a_reason) == [FindingKind.VERSION]


@pytest.mark.parametrize(
    ("places", "gaps"),
    [
        ([], 0),
        ([(1, 1), (2, 2), (9, 3)], 0),
        ([(1, 2)], 1),
        ([(1, 1), (2, 3)], 1),
        ([(1, 1), (2, 1)], 1),
        ([(1, 1), (2, 3), (3, 4)], 1),
        ([(2, 1), (1, 2)], 1),
        ([(1, 1), (1, 2)], 1),
        ([(2, 2), (1, 3)], 2),
    ],
)
def test_places_in_the_history_leave_no_gap(places: list[tuple[int, int]], gaps: int) -> None:
    findings = audit_positions("p-1", places)
    assert [(one.kind, one.payment_id) for one in findings] == [(FindingKind.HISTORY_GAP, "p-1")] * gaps


KINDS: Final = (AUTHORIZE, SALE, CAPTURE, REVERSE_AUTH, VOID, REFUND, SETTLED)
_ARBITRARY: Final = {FindingKind.REFERENCE, FindingKind.AMOUNT, FindingKind.ORPHAN}
"""What a gateway that says anything may bring about: no name, nothing moved; and the core alone sets no dates."""


@given(st.data())
def test_whatever_happens_the_core_keeps_the_rules_and_the_history_tells_it(data: st.DataObject) -> None:
    able = data.draw(capabilities())
    payment = new_payment(data.draw(st.integers(1, 20)))
    story = list(derive_facts(None, payment, Cause("host"), NOW))
    for _ in range(data.draw(st.integers(1, 12))):
        after = _next(data, payment, able)
        story += derive_facts(payment, after, Cause("host"), NOW)
        payment = after
    payment = attrs.evolve(payment, version=99)
    assert refolded(payment, story) == []
    odd = [one for one in audit_ledger(payment, NOW, BOUNDS) if not one.known and one.kind not in _ARBITRARY]
    assert odd == []


def _next(data: st.DataObject, payment: Payment, able: Capabilities) -> Payment:
    heard: bool = data.draw(st.booleans())
    if heard and payment.transactions:
        return told(payment, data.draw(facts_about(payment.transactions)))
    amount = data.draw(st.none() | st.integers(1, 20).map(eur))
    command = Command(type=data.draw(st.sampled_from(KINDS)), amount=amount, reverses=False)
    started = begin(payment, command, able, numbered(payment), NOW)
    return started.unwrap().payment if isinstance(started, Success) else payment


def test_an_owner_that_was_exchanged_is_found() -> None:
    def with_owner(owner: str) -> list[Fact]:
        return [attrs.evolve(STORY[0], detail={**STORY[0].detail, "owner": owner}), *STORY[1:]]

    assert STORY[0].detail["owner"] == f"{PLACED.owner.kind} {PLACED.owner.id}"
    assert audit_history(PLACED, with_owner(STORY[0].detail["owner"]), BOUNDS) == ()
    (finding,) = audit_history(PLACED, with_owner("cart c-9"), BOUNDS)
    assert finding.kind is FindingKind.HISTORY_DIFFERS
    assert finding.message == f"the payment is of {STORY[0].detail['owner']}, its history says cart c-9"


def test_allocations_are_what_the_history_allocated_and_did_not_take_back() -> None:
    def part(minor: int, kind: AllocationKind = AllocationKind.CAPTURED_EARLIER) -> tuple[Allocation, ...]:
        return (Allocation(Source("fulfillment", "f-2"), eur(minor), kind),) if minor else ()

    def stands(minor: int, *steps: int, kind: AllocationKind = AllocationKind.CAPTURED_EARLIER) -> bool:
        states = [attrs.evolve(PLACED, allocations=(ALLOCATION, *part(step, kind))) for step in (0, *steps)]
        history = STORY + [fact for pair in pairwise(states) for fact in derive_facts(*pair, Cause("order"), NOW)]
        payment = attrs.evolve(states[-1], allocations=(ALLOCATION, *part(minor, kind)))
        return not audit_history(payment, history, BOUNDS)

    assert stands(4, 4)
    assert stands(1, 4, 1)
    assert stands(0, 4, 0)
    assert not stands(3, 4)
    assert not stands(5, 4)
    assert not stands(4, 4, 1)
    assert stands(4, 4, kind=AllocationKind.CANCELLED)
    assert not stands(3, 4, kind=AllocationKind.CANCELLED)
