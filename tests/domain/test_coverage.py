"""Cover counts what surely happened, and a plan asks only for what is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.checkout_plan import CheckoutStep, by_priority, plan_step
from payports.domain.coverage import Coverage, CoverageState, awaited_amount, coverage, secured_amount
from payports.domain.money import MAX_MINOR, Money
from payports.domain.payment import Payment
from payports.domain.reversal import mark_for_reversal, require_reversal
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, EUR, NOW, done, eur, fact, new_payment, outside, told
from tests.domain.test_begin import ledgers

T = TransactionType
S = TransactionStatus
C = CoverageState
RESTORING: Final = attrs.evolve(ABLE, void_restores_hold=True)
AUTHORIZED: Final = done(new_payment(10), T.AUTHORIZE)
CAPTURED: Final = done(AUTHORIZED, T.CAPTURE)
SOLD: Final = done(new_payment(10), T.AUTHORIZE_AND_CAPTURE)
UNDONE: Final = [S.SENDING_TO_PROCESSOR, S.UNKNOWN, S.REQUIRES_ACTION, S.AWAITING_RESULT, S.SUCCEEDED]

SECURED: Final[list[tuple[str, Payment, int]]] = [
    ("nothing", new_payment(10), 0),
    ("held", AUTHORIZED, 10),
    ("sold", SOLD, 10),
    ("captured", CAPTURED, 10),
    *((f"capture {one}", done(AUTHORIZED, T.CAPTURE, 4, one), 10) for one in S),
    *((f"held {one}", done(new_payment(10), T.AUTHORIZE, None, one), 0) for one in S if one is not S.SUCCEEDED),
    *((f"sold {one}", done(new_payment(10), T.AUTHORIZE_AND_CAPTURE, None, one), 0) for one in S if one is not S.SUCCEEDED),
    *((f"reversal {one}", done(AUTHORIZED, T.REVERSE_AUTH, 4, one), 6 if one in UNDONE else 10) for one in S),
    *((f"refund {one}", done(CAPTURED, T.REFUND, 4, one), 6 if one in UNDONE else 10) for one in S),
    *((f"void {one}", done(CAPTURED, T.VOID, None, one), 0 if one in UNDONE else 10) for one in S),
    *((f"void that restores {one}", done(CAPTURED, T.VOID, None, one, RESTORING), 10) for one in S),
    *((f"sale's void {one}", done(SOLD, T.VOID, None, one, RESTORING), 0 if one in UNDONE else 10) for one in S),
    ("settled", done(CAPTURED, T.SETTLED), 10),
    ("charged back", told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 3)), 7),
    ("approved in part", told(done(new_payment(10), T.AUTHORIZE, None, S.UNKNOWN), fact("t0", amount=eur(4), partial=True)), 4),
    ("captured, authorization gone", told(CAPTURED, fact("t0", S.REVOKED, gateway_reference="r0")), 10),
    ("part captured, authorization gone", told(done(AUTHORIZED, T.CAPTURE, 4), fact("t0", S.REVOKED, gateway_reference="r0")), 4),
    ("owed back", require_reversal(AUTHORIZED), 0),
    ("candidate", mark_for_reversal(AUTHORIZED, ""), 10),
    ("held twice", done(done(new_payment(10), T.AUTHORIZE, 4), T.AUTHORIZE, 6), 10),
    ("captured beyond the hold", told(CAPTURED, outside(T.CAPTURE, "r0", "c2", 5)), 10),
    ("credited", done(AUTHORIZED, T.DETACHED_CREDIT, 3), 10),
]  # fmt: skip


@pytest.mark.parametrize(("payment", "minor"), [row[1:] for row in SECURED], ids=[row[0] for row in SECURED])
def test_only_what_surely_happened_and_was_surely_not_undone_is_secured(payment: Payment, minor: int) -> None:
    assert secured_amount(payment) == eur(minor)


@pytest.mark.parametrize("kind", [T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE])
@pytest.mark.parametrize("status", S)
def test_only_what_the_gateway_accepted_is_awaited(kind: TransactionType, status: TransactionStatus) -> None:
    payment = done(new_payment(10), kind, 6, status)
    assert awaited_amount(payment) == eur(6 if status is S.AWAITING_RESULT else 0)
    assert awaited_amount(require_reversal(payment)) == eur(0)
    assert awaited_amount(done(AUTHORIZED, T.CAPTURE, 6, S.AWAITING_RESULT)) == eur(0)


@pytest.mark.parametrize(
    ("total", "remaining", "state"), [(0, 0, C.OVER), (9, 0, C.OVER), (10, 0, C.FULL), (11, 1, C.PARTIAL)]
)
def test_cover_is_compared_with_the_total(total: int, remaining: int, state: CoverageState) -> None:
    assert coverage(eur(total), [AUTHORIZED]) == Coverage(
        planned=eur(10), secured=eur(10), awaiting=eur(0), remaining=eur(remaining), state=state
    )


def test_nothing_covers_nothing() -> None:
    assert coverage(eur(0), []).state is C.FULL
    none = coverage(eur(10), [])
    assert (none.state, none.remaining, none.planned) == (C.NONE, eur(10), eur(0))


def test_an_archived_payment_covers_nothing() -> None:
    awaited = done(new_payment(10), T.AUTHORIZE, 6, S.AWAITING_RESULT)
    for payment in (AUTHORIZED, awaited):
        gone = coverage(eur(10), [attrs.evolve(payment, archived=True)], ["card"])
        assert (gone.planned, gone.secured, gone.awaiting, gone.state) == (eur(0), eur(0), eur(0), C.NONE)


def test_what_is_awaited_covers_where_the_gateway_is_trusted_so() -> None:
    awaited = done(new_payment(10), T.AUTHORIZE, None, S.AWAITING_RESULT)
    cautious, trusting = coverage(eur(10), [awaited]), coverage(eur(10), [awaited], ["card"])
    assert (cautious.state, cautious.awaiting, cautious.secured, cautious.remaining) == (
        C.NONE,
        eur(10),
        eur(0),
        eur(10),
    )
    assert (trusting.state, trusting.awaiting, trusting.secured, trusting.remaining) == (
        C.FULL,
        eur(10),
        eur(0),
        eur(0),
    )
    assert coverage(eur(10), [awaited], ["other"]) == cautious


@given(st.lists(ledgers(), max_size=4), ledgers(), st.integers(1, 60), st.integers(0, 3))
def test_another_payment_never_takes_cover_away(payments: list[Payment], one: Payment, total: int, place: int) -> None:
    before = coverage(eur(total), payments)
    after = coverage(eur(total), [*payments[:place], one, *payments[place:]])
    assert after.secured >= before.secured
    assert after.remaining <= before.remaining
    assert after.secured.minor <= sum(payment.amount.minor for payment in [*payments, one])


@given(ledgers())
def test_what_a_payment_secures_is_what_covers(payment: Payment) -> None:
    assert coverage(payment.amount, [payment]).secured == secured_amount(payment)


def test_the_largest_payments_add_up() -> None:
    largest = done(new_payment(MAX_MINOR), T.AUTHORIZE)
    assert coverage(eur(1), [largest] * 3).planned == Money(3 * MAX_MINOR, EUR)


GIFT: Final = new_payment(4, id="gift", gateway="gift")
CARD: Final = new_payment(6, id="card", gateway="card")


def test_gateways_take_their_turns_and_those_not_named_come_last() -> None:
    younger = attrs.evolve(CARD, id="younger", created_at=NOW + timedelta(seconds=1))
    other = attrs.evolve(CARD, id="a-other", gateway="other")
    payments = [younger, GIFT, other, CARD]
    assert [one.id for one in by_priority(payments, ["card", "gift"])] == ["card", "younger", "gift", "a-other"]
    assert [one.id for one in by_priority(payments, ["gift"])] == ["gift", "a-other", "card", "younger"]
    assert [one.id for one in by_priority(payments, [])] == ["a-other", "card", "gift", "younger"]


def test_a_plan_authorizes_or_sells_as_each_gateway_is_configured() -> None:
    assert plan_step(CARD, ["gift"]) == CheckoutStep(type=T.AUTHORIZE, claims=eur(0), amount=eur(6))
    assert plan_step(GIFT, ["gift"]) == CheckoutStep(type=T.AUTHORIZE_AND_CAPTURE, claims=eur(0), amount=eur(4))


@pytest.mark.parametrize(
    ("payment", "claims", "amount"),
    [
        (CARD, 0, 6),
        (done(CARD, T.AUTHORIZE), 6, 0),
        (done(CARD, T.AUTHORIZE, 2), 2, 4),
        (done(CARD, T.AUTHORIZE, 2, S.AWAITING_RESULT), 2, 4),
        (done(done(CARD, T.AUTHORIZE, 2), T.AUTHORIZE, 1, S.AWAITING_RESULT), 3, 3),
        (done(CARD, T.AUTHORIZE, None, S.DECLINED), 0, 6),
        (done(CARD, T.AUTHORIZE, None, S.UNKNOWN), 0, 6),
        (attrs.evolve(done(CARD, T.AUTHORIZE), amount=eur(5)), 6, 0),
        (require_reversal(done(CARD, T.AUTHORIZE)), 0, 6),
    ],
)
def test_what_is_secured_is_claimed_and_not_done_again(payment: Payment, claims: int, amount: int) -> None:
    step = plan_step(payment)
    assert (step.claims, step.amount, step.type) == (eur(claims), eur(amount), T.AUTHORIZE)
