"""What happened to a payment, told from the change alone."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from hypothesis import given

from payports.domain.history import Cause, Fact, derive_facts
from payports.domain.observation import Channel
from payports.domain.payment import Allocation, AllocationKind, Payment, Restriction
from payports.domain.payment_method import PaymentMethod
from payports.domain.reversal import require_reversal
from payports.domain.transaction import Source
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from tests.domain.strategies import NOW, begun, done, eur, fact, last, new_payment, outside, told
from tests.domain.test_begin import ledgers

T = TransactionType
S = TransactionStatus
CAUSE: Final = Cause("host", "because")
NEW: Final = new_payment(10)


def told_of(before: Payment | None, after: Payment) -> list[tuple[str, str, dict[str, str]]]:
    return [(one.kind, one.transaction_id, dict(one.detail)) for one in derive_facts(before, after, CAUSE, NOW)]


def test_a_fact_says_who_when_and_why() -> None:
    assert derive_facts(None, NEW, CAUSE, NOW) == (
        Fact(
            kind="payment.created",
            payment_id="p-1",
            at=NOW,
            by="host",
            why="because",
            transaction_id="",
            detail={"amount": "0.10 EUR", "gateway": "card", "owner": "cart c-1"},
        ),
    )


@given(ledgers())
def test_no_change_is_no_fact(payment: Payment) -> None:
    assert derive_facts(payment, payment, CAUSE, NOW) == ()


@given(ledgers())
def test_every_transaction_and_observation_is_told_once(payment: Payment) -> None:
    found = derive_facts(None, payment, CAUSE, NOW)
    assert [one.transaction_id for one in found if one.kind == "transaction.recorded"] == [
        one.id for one in payment.transactions
    ]
    assert sum(one.kind == "transaction.observed" for one in found) == sum(
        len(one.seen) for one in payment.transactions
    )
    assert {one.transaction_id for one in found if one.kind == "transaction.discrepancy"} == {
        one.id for one in payment.transactions if one.discrepancy
    }
    assert all(isinstance(value, str) for one in found for value in one.detail.values())


@pytest.mark.parametrize(
    ("change", "kind", "detail"),
    [
        ({"amount": eur(12)}, "payment.updated", {"amount": "0.12 EUR"}),
        ({"method": PaymentMethod({"token": "other"})}, "payment.updated", {"amount": "0.10 EUR"}),
        ({"archived": True}, "payment.archived", {}),
        ({"restrictions": frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED})}, "payment.placed", {"amount": "0.10 EUR"}),
        (
            {"allocations": (Allocation(Source("fulfillment", "f-1"), eur(4), AllocationKind.CANCELLED),)},
            "payment.allocated",
            {"for": "fulfillment f-1", "amount": "0.04 EUR", "as": "CANCELLED"},
        ),
    ],
)  # fmt: skip
def test_a_change_of_the_payment_is_told_once(change: dict[str, Any], kind: str, detail: dict[str, str]) -> None:
    after = attrs.evolve(NEW, **change)
    assert told_of(NEW, after) == [(kind, "", detail)]
    assert told_of(after, after) == []


def test_what_is_set_aside_and_what_no_longer_is_are_told_by_what_they_are_for() -> None:
    def part(key: str, minor: int, kind: AllocationKind = AllocationKind.CAPTURED_EARLIER) -> Allocation:
        return Allocation(Source("fulfillment", key), eur(minor), kind)

    def told_between(before: tuple[Allocation, ...], after: tuple[Allocation, ...]) -> list[tuple[str, str, str]]:
        found = told_of(attrs.evolve(NEW, allocations=before), attrs.evolve(NEW, allocations=after))
        return [(kind, detail["for"][12:] + " " + detail["amount"], detail["as"]) for kind, _, detail in found]

    allocated, unallocated, earlier = "payment.allocated", "payment.unallocated", "CAPTURED_EARLIER"
    one, two = part("f-1", 4), part("f-2", 2)
    assert told_between((one,), (one, two)) == [(allocated, "f-2 0.02 EUR", earlier)]
    assert told_between((one, two), (two,)) == [(unallocated, "f-1 0.04 EUR", earlier)]
    assert told_between((one, two), (part("f-1", 1), two)) == [(unallocated, "f-1 0.03 EUR", earlier)]
    assert told_between((one,), (one, part("f-1", 3))) == [(allocated, "f-1 0.03 EUR", earlier)]
    assert told_between((one,), (part("f-1", 4, AllocationKind.CANCELLED),)) == [
        (unallocated, "f-1 0.04 EUR", earlier),
        (allocated, "f-1 0.04 EUR", "CANCELLED"),
    ]
    assert told_between((one, two), (one, two)) == []


def test_going_back_is_not_told_as_going_there() -> None:
    gone = attrs.evolve(NEW, archived=True, restrictions=frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED}))
    assert told_of(gone, NEW) == []


def test_an_intent_is_told_with_its_parent_and_source() -> None:
    authorized = begun(NEW, T.AUTHORIZE)
    assert told_of(NEW, authorized) == [
        ("transaction.recorded", "t0", {"type": "AUTHORIZE", "amount": "0.10 EUR", "status": "SENDING_TO_PROCESSOR"})
    ]
    parent = done(NEW, T.AUTHORIZE)
    captured = begun(parent, T.CAPTURE, 4, source=Source("fulfillment", "f-1"))
    assert told_of(parent, captured) == [
        (
            "transaction.recorded",
            "t1",
            {
                "type": "CAPTURE",
                "amount": "0.04 EUR",
                "status": "SENDING_TO_PROCESSOR",
                "parent": "t0",
                "for": "fulfillment f-1",
            },
        )
    ]


def test_an_observation_is_told_with_what_it_says() -> None:
    authorized = begun(NEW, T.AUTHORIZE)
    plain = told(authorized, fact("t0"))
    assert told_of(authorized, plain) == [
        (
            "transaction.observed",
            "t0",
            {
                "type": "AUTHORIZE",
                "status": "SUCCEEDED",
                "amount": "0.10 EUR",
                "channel": "ANSWER",
                "says": "SUCCEEDED",
            },
        )
    ]
    declined = fact(
        "t0",
        S.DECLINED,
        channel=Channel.OPERATOR,
        gateway_reference="r0",
        code="05",
        failure_type=FailureType.FRAUD,
        message="do not honour",
        operator="ann",
    )
    assert told_of(plain, told(plain, declined))[0][2] == {
        "type": "AUTHORIZE",
        "status": "SUCCEEDED",
        "amount": "0.10 EUR",
        "channel": "OPERATOR",
        "says": "DECLINED",
        "reference": "r0",
        "code": "05",
        "failure": "FRAUD",
        "message": "do not honour",
        "operator": "ann",
    }


def test_what_is_made_outside_is_recorded_and_observed_at_once() -> None:
    captured = done(done(NEW, T.AUTHORIZE), T.CAPTURE)
    after = told(captured, outside(T.REFUND, "r1", "x", 11))
    assert [kind for kind, _, _ in told_of(captured, after)] == [
        "transaction.recorded",
        "transaction.observed",
        "transaction.discrepancy",
    ]
    assert told_of(captured, after)[-1][2] == {
        "kind": "BEYOND_LIMIT",
        "says": "more happened than its parent can bear",
    }


def test_a_discrepancy_is_told_when_it_comes_up_and_not_again() -> None:
    authorized = begun(NEW, T.AUTHORIZE)
    doubted = told(authorized, fact("t0", amount=eur(9)))
    assert [kind for kind, _, _ in told_of(authorized, doubted)] == ["transaction.observed", "transaction.discrepancy"]
    more = told(doubted, fact("t0"))
    assert [kind for kind, _, _ in told_of(doubted, more)] == ["transaction.observed"]


def test_a_reversal_is_told_as_it_goes_on() -> None:
    authorized = done(NEW, T.AUTHORIZE)
    owed = require_reversal(authorized)
    assert told_of(authorized, owed) == [("transaction.reversal", "t0", {"state": "REQUIRES_REVERSAL"})]
    reversing = begun(owed, T.REVERSE_AUTH, reverses=True)
    assert [kind for kind, _, _ in told_of(owed, reversing)] == ["transaction.reversal", "transaction.recorded"]


def test_the_detail_of_a_fact_cannot_be_changed() -> None:
    (created,) = derive_facts(None, NEW, CAUSE, NOW)
    with pytest.raises(TypeError):
        created.detail["amount"] = "x"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]  -- wrong on purpose


def test_the_end_of_a_hold_is_announced_once() -> None:
    payment = done(new_payment(10), TransactionType.AUTHORIZE, 10)
    warned = payment.replacing(attrs.evolve(last(payment), expiring=True))
    (told_of,) = derive_facts(payment, warned, Cause("recovery"), NOW)
    assert (told_of.kind, told_of.transaction_id) == ("transaction.expiring", "t0")
    assert told_of.detail == {"type": "AUTHORIZE", "held": "0.10 EUR"}
    touched = warned.replacing(attrs.evolve(last(warned), look_ups=1))
    assert derive_facts(warned, touched, Cause("recovery"), NOW) == ()
