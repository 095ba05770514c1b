"""When recovery looks again: soon at first, ever later, and never all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.payment import Payment
from payports.domain.schedule import Schedule, next_due, reschedule, retry_soon
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus, TransactionType
from tests.domain.strategies import NOW, begun, done, eur, fact, last, new_payment, told

S = TransactionStatus
R = ReversalState
SCHEDULE: Final = Schedule()
MINUTE: Final = timedelta(minutes=1)


def transaction(status: TransactionStatus, **fields: Any) -> Transaction:
    known: dict[str, Any] = {"id": "t0", "type": TransactionType.AUTHORIZE, "requested": eur(10), "created_at": NOW}
    return Transaction(**(known | fields)).with_observation(fact("t0", status))


def with_due_dates(before: Payment | None, after: Payment, now: datetime, lifetime: timedelta | None = None) -> Payment:
    return after.replacing(*reschedule(before, after, now, SCHEDULE, lifetime))


def wait(one: Transaction, schedule: Schedule = SCHEDULE) -> timedelta | None:
    due = next_due(one, NOW, schedule)
    return None if due is None else due - NOW


def test_the_waits_are_those_of_the_design() -> None:
    assert Schedule() == Schedule(
        first_look_up=timedelta(seconds=60),
        longest_wait=timedelta(hours=6),
        first_poll=timedelta(minutes=15),
        action_expires=timedelta(hours=1),
        reversal_after=timedelta(hours=2),
        expiry_warning=timedelta(days=1),
    )


@given(st.integers(0, 10**6), st.text(min_size=1), st.sampled_from([S.UNKNOWN, S.SENDING_TO_PROCESSOR]))
def test_the_wait_doubles_up_to_the_longest_less_a_quarter_at_most(
    look_ups: int, name: str, status: TransactionStatus
) -> None:
    found = wait(transaction(status, id=name, look_ups=look_ups))
    longest = min(MINUTE * 2 ** min(look_ups, 20), timedelta(hours=6))
    assert found is not None
    assert longest * 0.75 < found <= longest


@given(st.integers(0, 100))
def test_a_poll_starts_later(look_ups: int) -> None:
    found = wait(transaction(S.AWAITING_RESULT, look_ups=look_ups))
    longest = min(15 * MINUTE * 2 ** min(look_ups, 20), timedelta(hours=6))
    assert found is not None
    assert longest * 0.75 < found <= longest


@given(st.integers(0, 10**6), st.text(min_size=1), st.sampled_from(list(S)))
def test_where_nobody_answered_it_is_asked_again_within_a_minute(look_ups: int, name: str, status: S) -> None:
    again = retry_soon(transaction(status, id=name, look_ups=look_ups), NOW, SCHEDULE) - NOW
    assert MINUTE * 0.75 < again <= MINUTE
    hasty = Schedule(longest_wait=timedelta(seconds=8))
    assert retry_soon(transaction(status, id=name, look_ups=look_ups), NOW, hasty) - NOW <= timedelta(seconds=8)


def test_the_time_of_a_transaction_is_the_same_everywhere() -> None:
    assert wait(transaction(S.UNKNOWN)) == timedelta(seconds=50.566406)
    assert wait(transaction(S.UNKNOWN, id="t2", look_ups=3)) == timedelta(seconds=372.65625)


def test_the_wait_keeps_growing_for_a_patient_schedule() -> None:
    patient = Schedule(longest_wait=timedelta(days=10_000))
    seventeenth = wait(transaction(S.UNKNOWN, look_ups=16), patient)
    assert seventeenth is not None
    assert seventeenth > 65_536 * MINUTE * 0.75
    assert wait(transaction(S.UNKNOWN, look_ups=17), patient) is not None
    later = wait(transaction(S.UNKNOWN, look_ups=500), patient)
    assert later is not None
    assert later <= 65_536 * MINUTE


def test_many_do_not_come_at_once_and_each_keeps_its_own_time() -> None:
    waits = [wait(transaction(S.UNKNOWN, id=f"t{number}")) for number in range(500)]
    assert len(set(waits)) > 150
    assert waits == [wait(transaction(S.UNKNOWN, id=f"t{number}")) for number in range(500)]
    assert min(one for one in waits if one) < timedelta(seconds=46)
    assert max(one for one in waits if one) > timedelta(seconds=59)
    of_one = {wait(transaction(S.UNKNOWN, id="t", look_ups=number)) for number in range(20, 60)}
    assert len(of_one) > 20


HOURS: Final = timedelta(hours=1)

CASES: Final[list[tuple[str, Transaction, timedelta | None]]] = [
    ("an action expires", transaction(S.REQUIRES_ACTION), 1 * HOURS),
    *((f"{status} is over", transaction(status), None) for status in (S.SUCCEEDED, S.DECLINED, S.NOT_EXECUTED, S.REVOKED)),
    ("candidate", transaction(S.SUCCEEDED, reversal=R.REVERSAL_CANDIDATE), 2 * HOURS),
    ("candidate awaited", transaction(S.AWAITING_RESULT, reversal=R.REVERSAL_CANDIDATE), 2 * HOURS),
    ("candidate with an action", transaction(S.REQUIRES_ACTION, reversal=R.REVERSAL_CANDIDATE), 2 * HOURS),
    ("candidate that failed", transaction(S.DECLINED, reversal=R.REVERSAL_CANDIDATE), None),
    ("owed, and taken back", transaction(S.REVOKED, reversal=R.REQUIRES_REVERSAL), None),
    ("owed, with an action", transaction(S.REQUIRES_ACTION, reversal=R.REQUIRES_REVERSAL), 1 * HOURS),
    ("being reversed", transaction(S.SUCCEEDED, reversal=R.REVERSAL_IN_PROGRESS), None),
    ("reversed", transaction(S.SUCCEEDED, reversal=R.REVERSED), None),
    ("implied", transaction(S.UNKNOWN, implied_by="t1"), None),
    ("contradictory", transaction(S.UNKNOWN).with_observation(fact("t0", amount=eur(9))), None),
]  # fmt: skip


@pytest.mark.parametrize(("one", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_state_has_its_time(one: Transaction, expected: timedelta | None) -> None:
    assert wait(one) == expected


@pytest.mark.parametrize("reversal", [R.REQUIRES_REVERSAL, R.FAILED_REVERSAL])
@pytest.mark.parametrize("look_ups", [0, 1, 5, 100])
def test_a_reversal_that_is_owed_is_tried_again_and_again(reversal: ReversalState, look_ups: int) -> None:
    found = wait(transaction(S.SUCCEEDED, reversal=reversal, look_ups=look_ups))
    longest = min(MINUTE * 2 ** min(look_ups, 20), timedelta(hours=6))
    assert found is not None
    assert longest * 0.75 < found <= longest
    contradictory = transaction(S.SUCCEEDED, reversal=reversal).with_observation(fact("t0", amount=eur(9)))
    assert wait(contradictory) is not None


def test_an_unknown_candidate_is_looked_up_first() -> None:
    assert wait(transaction(S.UNKNOWN, reversal=R.REVERSAL_CANDIDATE)) == wait(transaction(S.UNKNOWN))


def test_every_change_gets_its_next_date_and_nothing_else_does() -> None:
    before = done(done(new_payment(10), TransactionType.AUTHORIZE, 4), TransactionType.AUTHORIZE, 6, S.UNKNOWN)
    known = told(before, fact("t1"))
    later = with_due_dates(before, known, NOW)
    assert later.transactions[0] is before.transactions[0]
    assert later.transactions[1].due_at is None
    assert attrs.evolve(later, transactions=known.transactions) == known
    assert with_due_dates(later, later, NOW) is later


def test_what_is_new_gets_its_first_date() -> None:
    payment = begun(new_payment(10), TransactionType.AUTHORIZE)
    for before in (None, new_payment(10)):
        due = with_due_dates(before, payment, NOW).transactions[0].due_at
        assert due == next_due(payment.transactions[0], NOW, SCHEDULE)
    moment = next_due(payment.transactions[0], NOW, SCHEDULE)
    dated = attrs.evolve(payment, transactions=(attrs.evolve(payment.transactions[0], due_at=moment),))
    assert with_due_dates(None, dated, NOW) is dated


WEEK: Final = timedelta(days=7)


def held(**fields: Any) -> Payment:
    payment = done(new_payment(10), TransactionType.AUTHORIZE, 10)
    return payment.replacing(attrs.evolve(last(payment), due_at=None, **fields))


def warning(before: Payment | None, after: Payment) -> timedelta | None:
    due = with_due_dates(before, after, NOW, WEEK).transactions[0].due_at
    return None if due is None else due - NOW


def test_a_hold_is_looked_at_a_day_before_it_expires_at_the_gateway() -> None:
    assert warning(None, held()) == timedelta(days=6)
    assert warning(held(), held()) == timedelta(days=6)
    assert with_due_dates(None, held(), NOW).transactions[0].due_at is None
    dated = with_due_dates(None, held(), NOW, WEEK)
    assert with_due_dates(dated, dated, NOW + WEEK, WEEK) is dated


def test_a_hold_is_warned_of_once() -> None:
    warned = held(expiring=True)
    assert warning(held(), warned) is None
    assert with_due_dates(warned, warned, NOW, WEEK) is warned


@pytest.mark.parametrize("expiring", [True, False])
def test_what_holds_nothing_any_more_is_not_warned_of(expiring: bool) -> None:
    before = with_due_dates(None, held(expiring=expiring), NOW, WEEK)
    captured = done(before, TransactionType.CAPTURE, 10)
    after = with_due_dates(before, captured, NOW, WEEK).transactions[0]
    assert (after.due_at, after.expiring) == (None, False)


def test_only_a_hold_that_stands_is_warned_of() -> None:
    for kind, status in (("AUTHORIZE_AND_CAPTURE", S.SUCCEEDED), ("AUTHORIZE", S.DECLINED), ("AUTHORIZE", S.REVOKED)):
        assert warning(None, done(new_payment(10), TransactionType(kind), 10, status)) is None
    for state in (R.REVERSAL_CANDIDATE, R.REQUIRES_REVERSAL):
        owed = held(reversal=state)
        assert warning(None, owed) == wait(last(owed))
