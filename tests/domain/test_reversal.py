"""Undoing what no order wants: marked, claimed back, and undone by the operation that applies."""

from __future__ import annotations

from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from payports.domain.begin import begin
from payports.domain.capabilities import Capabilities
from payports.domain.command import Command
from payports.domain.payment import Payment
from payports.domain.reversal import choose_reversal, claim, mark_for_reversal, require_reversal
from payports.domain.transaction_types import ReversalState, TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, NOW, begun, done, eur, fact, last, new_payment, numbered, outside, told
from tests.domain.test_begin import ledgers

T = TransactionType
S = TransactionStatus
R = ReversalState
NEW: Final = new_payment(10)
MAY: Final = [S.SENDING_TO_PROCESSOR, S.UNKNOWN, S.REQUIRES_ACTION, S.AWAITING_RESULT, S.SUCCEEDED]
AUTHORIZED: Final = done(NEW, T.AUTHORIZE, attempt="a")
CAPTURED: Final = done(AUTHORIZED, T.CAPTURE)
SOLD: Final = done(NEW, T.AUTHORIZE_AND_CAPTURE, attempt="a")
NO_VOID: Final = attrs.evolve(ABLE, types=frozenset(T) - {T.VOID})


def states(payment: Payment) -> list[ReversalState]:
    return [one.reversal for one in payment.transactions]


@pytest.mark.parametrize("kind", [T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE])
@pytest.mark.parametrize("status", S)
def test_a_failed_attempt_marks_what_it_did_or_may_have_done(kind: TransactionType, status: TransactionStatus) -> None:
    payment = done(NEW, kind, None, status, attempt="a")
    marked = mark_for_reversal(payment, "a")
    assert states(marked) == [R.REVERSAL_CANDIDATE if status in MAY else R.NONE]
    at_once = mark_for_reversal(payment, "a", R.REQUIRES_REVERSAL)
    assert states(at_once) == [R.REQUIRES_REVERSAL if status in MAY else R.NONE]
    assert states(require_reversal(payment)) == states(at_once)
    assert mark_for_reversal(payment, "b") == payment


def test_a_rollback_undoes_only_what_its_own_attempt_did() -> None:
    both = done(done(NEW, T.AUTHORIZE, 4, attempt="a"), T.AUTHORIZE, 6, attempt="b")
    assert states(mark_for_reversal(both, "b")) == [R.NONE, R.REVERSAL_CANDIDATE]


def test_marking_twice_keeps_the_first_mark() -> None:
    candidate = mark_for_reversal(AUTHORIZED, "a")
    assert mark_for_reversal(candidate, "a", R.REQUIRES_REVERSAL) == candidate
    assert states(require_reversal(candidate)) == [R.REQUIRES_REVERSAL]
    assert require_reversal(require_reversal(candidate)) == require_reversal(candidate)


def test_a_later_attempt_claims_what_an_earlier_one_secured() -> None:
    claimed = claim(mark_for_reversal(AUTHORIZED, "a"), "b").transactions[0]
    assert (claimed.attempt, claimed.earlier_attempts, claimed.reversal) == ("b", ("a",), R.NONE)
    again = claim(mark_for_reversal(claim(AUTHORIZED, "b"), "b"), "c").transactions[0]
    assert (again.attempt, again.earlier_attempts) == ("c", ("a", "b"))
    same = claim(mark_for_reversal(AUTHORIZED, "a"), "a")
    assert same == AUTHORIZED
    assert claim(AUTHORIZED, "a") == AUTHORIZED
    nobodys = claim(done(NEW, T.AUTHORIZE), "b").transactions[0]
    assert (nobodys.attempt, nobodys.earlier_attempts) == ("b", ())


@pytest.mark.parametrize("status", S)
def test_what_never_happened_is_not_claimed(status: TransactionStatus) -> None:
    payment = done(NEW, T.AUTHORIZE, None, status, attempt="a")
    assert claim(payment, "b").transactions[0].attempt == ("b" if status in MAY else "a")


def test_what_is_owed_back_is_not_claimed_nor_is_what_stands_on_it() -> None:
    owed = require_reversal(AUTHORIZED)
    assert claim(owed, "b") == owed
    assert [one.attempt for one in claim(CAPTURED, "b").transactions] == ["b", ""]
    reversing = begun(owed, T.REVERSE_AUTH, reverses=True)
    assert claim(reversing, "b") == require_reversal(reversing) == reversing


def test_what_was_captured_is_owed_back_as_well() -> None:
    assert states(require_reversal(CAPTURED)) == [R.REQUIRES_REVERSAL, R.REQUIRES_REVERSAL]
    failed = done(AUTHORIZED, T.CAPTURE, None, S.DECLINED)
    assert states(require_reversal(failed)) == [R.REQUIRES_REVERSAL, R.NONE]
    refunded = done(CAPTURED, T.REFUND, 4)
    assert states(require_reversal(refunded)) == [R.REQUIRES_REVERSAL, R.REQUIRES_REVERSAL, R.NONE]


HALF: Final = done(AUTHORIZED, T.CAPTURE, 4)

CHOICES: Final[list[tuple[str, Payment, int, Capabilities, tuple[TransactionType, int] | None]]] = [
    ("held", AUTHORIZED, 0, ABLE, (T.REVERSE_AUTH, 10)),
    ("half captured", HALF, 0, ABLE, (T.REVERSE_AUTH, 6)),
    ("all captured", CAPTURED, 0, ABLE, None),
    ("captured", CAPTURED, 1, ABLE, (T.VOID, 10)),
    ("captured, no void", CAPTURED, 1, NO_VOID, (T.REFUND, 10)),
    ("sold", SOLD, 0, ABLE, (T.VOID, 10)),
    ("sold, no void", SOLD, 0, NO_VOID, (T.REFUND, 10)),
    ("settled", done(CAPTURED, T.SETTLED), 1, ABLE, (T.REFUND, 10)),
    ("maybe settled", done(CAPTURED, T.SETTLED, None, S.UNKNOWN), 1, ABLE, (T.REFUND, 10)),
    ("settlement failed", done(CAPTURED, T.SETTLED, None, S.DECLINED), 1, ABLE, (T.VOID, 10)),
    ("partly refunded", done(CAPTURED, T.REFUND, 4), 1, ABLE, (T.REFUND, 6)),
    ("refunded", done(CAPTURED, T.REFUND), 1, ABLE, None),
    ("voided", done(CAPTURED, T.VOID), 1, ABLE, None),
    ("void unknown", done(CAPTURED, T.VOID, None, S.UNKNOWN), 1, ABLE, None),
    ("void failed", done(CAPTURED, T.VOID, None, S.DECLINED), 1, ABLE, (T.VOID, 10)),
    ("partly charged back", told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 3)), 1, ABLE, (T.REFUND, 7)),
    ("unknown", done(NEW, T.AUTHORIZE, None, S.UNKNOWN), 0, ABLE, None),
    ("a refund", done(CAPTURED, T.REFUND), 2, ABLE, None),
]


@pytest.mark.parametrize(
    ("payment", "which", "able", "choice"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_a_reversal_picks_its_operation(
    payment: Payment, which: int, able: Capabilities, choice: tuple[TransactionType, int] | None
) -> None:
    transaction = payment.transactions[which]
    expected = choice and Command(type=choice[0], amount=eur(choice[1]), parent_id=transaction.id, reverses=True)
    assert choose_reversal(payment, transaction, able) == expected


@given(ledgers(), st.booleans())
def test_what_is_chosen_is_permitted_and_leaves_nothing(payment: Payment, voids: bool) -> None:
    able = ABLE if voids else NO_VOID
    for transaction in payment.transactions:
        command = choose_reversal(payment, transaction, able)
        if command is None:
            continue
        outcome = begin(payment, command, able, numbered(payment), NOW)
        assert isinstance(outcome, Success)
        (request,) = outcome.unwrap().intents
        after = told(outcome.unwrap().payment, fact(request.id))
        assert choose_reversal(after, after.by_id[transaction.id], able) is None
        assert after.by_id[transaction.id].reversal is R.REVERSED
        assert last(after).succeeded
