"""Which operation is accepted in which state: a table of its own, not read from the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs
import pytest
from returns.result import Success

from payports.domain.begin import begin
from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.command import Command
from payports.domain.failures import (
    AmountNotAvailable,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
)
from payports.domain.input_checks import InvalidInput
from payports.domain.lifecycle import INITIATING, OBSERVED_ONLY, PARENTS
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.reversal import require_reversal
from payports.domain.transaction_types import MAY_HAVE_HAPPENED, TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, NOW, SUCCEEDED, USD, ask, done, last, new_payment, numbered, outside, told

T = TransactionType
S = TransactionStatus

RESTORING: Final = attrs.evolve(ABLE, void_restores_hold=True)
EMPTY: Final = new_payment(10)
AUTHORIZED: Final = done(EMPTY, T.AUTHORIZE)
CAPTURED: Final = done(AUTHORIZED, T.CAPTURE)
SOLD: Final = done(EMPTY, T.AUTHORIZE_AND_CAPTURE)
CHARGED_BACK: Final = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb"))

MAY: Final = [status for status in S if status in MAY_HAVE_HAPPENED]
PENDING: Final = [status for status in MAY if status is not SUCCEEDED]
NEVER: Final = [S.NOT_EXECUTED, S.DECLINED, S.REVOKED]

REFUSALS: Final = {
    "A": None,
    "O": OperationNotAllowed,
    "M": AmountNotAvailable,
    "U": GatewayUnsupported,
    "I": InvalidInput,
    "C": CurrencyMismatch,
}

OPERATIONS: Final = (
    T.AUTHORIZE,
    T.AUTHORIZE_AND_CAPTURE,
    T.REVERSE_AUTH,
    T.CAPTURE,
    T.SETTLED,
    T.VOID,
    T.REFUND,
    T.DETACHED_CREDIT,
    T.CHARGEBACK,
    T.CHARGEBACK_REVERSAL,
)

# One column an operation, in the order above; A accepted, O not allowed, M no amount available.
TABLE: Final = [
    ("nothing happened", "A A  O O  O O O  A O O", [EMPTY]),
    ("archived", "O O  O O  O O O  A O O", [attrs.evolve(EMPTY, archived=True)]),
    ("authorization pending", "M O  O O  O O O  A O O", [done(EMPTY, T.AUTHORIZE, None, one) for one in PENDING]),
    ("authorization never was", "A A  O O  O O O  A O O", [done(EMPTY, T.AUTHORIZE, None, one) for one in NEVER]),
    ("authorized", "M O  A A  O O O  A O O", [AUTHORIZED]),
    ("authorized by half", "A O  A A  O O O  A O O", [done(EMPTY, T.AUTHORIZE, 5)]),
    ("to be reversed", "M O  O O  O O O  A O O", [require_reversal(AUTHORIZED)]),
    ("sale pending", "O M  O O  O O O  A O O", [done(EMPTY, T.AUTHORIZE_AND_CAPTURE, None, one) for one in PENDING]),
    ("sale never was", "A A  O O  O O O  A O O", [done(EMPTY, T.AUTHORIZE_AND_CAPTURE, None, one) for one in NEVER]),
    ("sold", "O M  O O  A A A  A O O", [SOLD]),
    ("sold by half", "O A  O O  A A A  A O O", [done(EMPTY, T.AUTHORIZE_AND_CAPTURE, 5)]),
    ("capture pending", "M O  M M  O O O  A O O", [done(AUTHORIZED, T.CAPTURE, None, one) for one in PENDING]),
    ("capture never was", "M O  A A  O O O  A O O", [done(AUTHORIZED, T.CAPTURE, None, one) for one in NEVER]),
    ("captured", "M O  M M  A A A  A O O", [CAPTURED]),
    ("captured by half", "M O  A A  A A A  A O O", [done(AUTHORIZED, T.CAPTURE, 5)]),
    ("reversal pending", "M O  M M  O O O  A O O", [done(AUTHORIZED, T.REVERSE_AUTH, None, one) for one in PENDING]),
    ("reversal never was", "M O  A A  O O O  A O O", [done(AUTHORIZED, T.REVERSE_AUTH, None, one) for one in NEVER]),
    ("reversed", "A A  M M  O O O  A O O", [done(AUTHORIZED, T.REVERSE_AUTH)]),
    ("reversed by half", "A O  A A  O O O  A O O", [done(AUTHORIZED, T.REVERSE_AUTH, 5)]),
    ("maybe settled", "M O  M M  O O A  A O O", [done(CAPTURED, T.SETTLED, None, one) for one in MAY]),
    ("never settled", "M O  M M  A A A  A O O", [done(CAPTURED, T.SETTLED, None, one) for one in NEVER]),
    ("sale settled", "O M  O O  O O A  A O O", [done(SOLD, T.SETTLED)]),
    ("void pending", "M O  M M  O O M  A O O", [done(CAPTURED, T.VOID, None, one) for one in PENDING]),
    ("void never was", "M O  M M  A A A  A O O", [done(CAPTURED, T.VOID, None, one) for one in NEVER]),
    ("voided", "A A  M M  O O M  A O O", [done(CAPTURED, T.VOID)]),
    ("voided, hold restored", "M O  A A  O O M  A O O", [done(CAPTURED, T.VOID, able=RESTORING)]),
    ("sale refunded", "O M  O O  A O M  A O O", [done(SOLD, T.REFUND)]),
    ("sale reversed by a refund", "A A  O O  O O O  A O O", [done(SOLD, T.REFUND, reverses=True)]),
    ("sale voided", "A A  O O  O O M  A O O", [done(SOLD, T.VOID), done(SOLD, T.VOID, able=RESTORING)]),
    ("partly refunded", "M O  M M  A O A  A O O", [done(CAPTURED, T.REFUND, 4, one) for one in MAY]),
    ("refunded", "M O  M M  A O M  A O O", [done(CAPTURED, T.REFUND, None, one) for one in MAY]),
    ("refund never was", "M O  M M  A A A  A O O", [done(CAPTURED, T.REFUND, None, one) for one in NEVER]),
    ("settled and refunded", "M O  M M  O O M  A O O", [done(done(CAPTURED, T.SETTLED), T.REFUND)]),
    ("charged back", "M O  M M  A O M  A O O", [CHARGED_BACK]),
    ("charge-back won", "M O  M M  A O A  A O O", [told(CHARGED_BACK, outside(T.CHARGEBACK_REVERSAL, "cb", "won"))]),
    ("captured, authorization gone", "M O  O O  A A A  A O O", [told(CAPTURED, outside(T.AUTHORIZE, "", "r0", status=S.REVOKED))]),
]  # fmt: skip


def cells() -> Iterator[tuple[str, Payment, TransactionType, str]]:
    for name, row, states in TABLE:
        for state in states:
            for operation, expected in zip(OPERATIONS, row.split(), strict=True):
                yield f"{name}-{operation}", state, operation, expected


@pytest.mark.parametrize(
    ("state", "operation", "expected"), [cell[1:] for cell in cells()], ids=[cell[0] for cell in cells()]
)
def test_every_operation_is_accepted_or_refused_as_the_table_says(
    state: Payment, operation: TransactionType, expected: str
) -> None:
    minor = 1 if operation is T.DETACHED_CREDIT else None
    outcome = ask(state, operation, minor)
    refusal = None if isinstance(outcome, Success) else type(outcome.failure())
    assert refusal is REFUSALS[expected]


def test_the_table_has_every_operation() -> None:
    assert set(OPERATIONS) == set(T)


RELEASING: Final = attrs.evolve(ABLE, partial_capture=PartialCapture.RELEASES_REST)
WHOLE_CAPTURES: Final = attrs.evolve(ABLE, partial_capture=PartialCapture.NONE)
WHOLE_REVERSALS: Final = attrs.evolve(ABLE, reverse_authorization=ReverseAuthorization.FULL)
REMAINDERS: Final = attrs.evolve(ABLE, reverse_authorization=ReverseAuthorization.REMAINDER)
AFTER_SETTLEMENT: Final = attrs.evolve(ABLE, refund_requires_settlement=True)
HALF: Final = done(AUTHORIZED, T.CAPTURE, 5)
RELEASED: Final = done(AUTHORIZED, T.CAPTURE, 4, able=RELEASING)
RESTORED: Final = done(CAPTURED, T.VOID, able=RESTORING)

ABILITIES: Final[list[tuple[str, Capabilities, Payment, TransactionType, int | None, str]]] = [
    ("whole captures only", WHOLE_CAPTURES, AUTHORIZED, T.CAPTURE, 4, "U"),
    ("whole captures only", WHOLE_CAPTURES, AUTHORIZED, T.CAPTURE, 10, "A"),
    ("one capture", WHOLE_CAPTURES, HALF, T.CAPTURE, None, "O"),
    ("one capture that releases the rest", RELEASING, AUTHORIZED, T.CAPTURE, 4, "A"),
    ("one capture that released the rest", RELEASING, RELEASED, T.CAPTURE, 1, "M"),
    ("one capture that released the rest", RELEASING, RELEASED, T.REVERSE_AUTH, None, "M"),
    ("one capture, another under way", RELEASING, HALF, T.CAPTURE, 1, "O"),
    ("one capture, the first failed", RELEASING, done(AUTHORIZED, T.CAPTURE, 4, S.DECLINED, RELEASING), T.CAPTURE, 10, "A"),
    ("one capture, a reversal under way", RELEASING, done(AUTHORIZED, T.REVERSE_AUTH, 5, S.UNKNOWN), T.CAPTURE, None, "O"),
    ("one capture, a reversal over", RELEASING, done(AUTHORIZED, T.REVERSE_AUTH, 5), T.CAPTURE, 5, "A"),
    ("one capture, voided and restored", RELEASING, RESTORED, T.CAPTURE, 10, "A"),
    ("many captures", ABLE, HALF, T.CAPTURE, 1, "A"),
    ("many captures, a reversal under way", ABLE, done(AUTHORIZED, T.REVERSE_AUTH, 5, S.UNKNOWN), T.CAPTURE, 5, "A"),
    ("whole reversals only", WHOLE_REVERSALS, AUTHORIZED, T.REVERSE_AUTH, 4, "U"),
    ("whole reversals only", WHOLE_REVERSALS, AUTHORIZED, T.REVERSE_AUTH, 10, "A"),
    ("whole reversals only, captured by half", WHOLE_REVERSALS, HALF, T.REVERSE_AUTH, None, "M"),
    ("whole reversals only, voided and restored", WHOLE_REVERSALS, RESTORED, T.REVERSE_AUTH, 10, "A"),
    ("remainders only", REMAINDERS, HALF, T.REVERSE_AUTH, 4, "U"),
    ("remainders only", REMAINDERS, HALF, T.REVERSE_AUTH, 5, "A"),
    ("partial reversals", ABLE, HALF, T.REVERSE_AUTH, 4, "A"),
    ("whole refunds only", attrs.evolve(ABLE, partial_refund=False), CAPTURED, T.REFUND, 4, "U"),
    ("whole refunds only", attrs.evolve(ABLE, partial_refund=False), CAPTURED, T.REFUND, 10, "A"),
    ("partial refunds", ABLE, CAPTURED, T.REFUND, 4, "A"),
    ("refunds after settlement", AFTER_SETTLEMENT, CAPTURED, T.REFUND, 4, "O"),
    ("refunds after settlement", AFTER_SETTLEMENT, done(CAPTURED, T.SETTLED, None, S.UNKNOWN), T.REFUND, 4, "O"),
    ("refunds after settlement", AFTER_SETTLEMENT, done(CAPTURED, T.SETTLED), T.REFUND, 4, "A"),
    ("whole voids only", ABLE, CAPTURED, T.VOID, 4, "U"),
    ("partial voids", attrs.evolve(ABLE, partial_void=True), CAPTURED, T.VOID, 4, "A"),
    ("partial voids, nothing left", attrs.evolve(ABLE, partial_void=True), done(CAPTURED, T.VOID), T.VOID, None, "M"),
    ("partial voids, refunded", attrs.evolve(ABLE, partial_void=True), done(CAPTURED, T.REFUND, 4), T.VOID, 1, "O"),
    ("partial voids, charged back", attrs.evolve(ABLE, partial_void=True), CHARGED_BACK, T.VOID, None, "O"),
    ("partial settlement", ABLE, CAPTURED, T.SETTLED, 4, "A"),
    ("settled for more", ABLE, CAPTURED, T.SETTLED, 11, "M"),
    ("credit switched off", attrs.evolve(ABLE, detached_credit=False), EMPTY, T.DETACHED_CREDIT, 4, "U"),
    ("credit of nothing named", ABLE, EMPTY, T.DETACHED_CREDIT, None, "O"),
    ("credit beyond any payment", ABLE, EMPTY, T.DETACHED_CREDIT, 10_000, "A"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("able", "state", "operation", "minor", "expected"),
    [row[1:] for row in ABILITIES],
    ids=[f"{row[0]}-{row[3]}-{row[4]}" for row in ABILITIES],
)
def test_what_a_gateway_can_do_decides_too(
    able: Capabilities, state: Payment, operation: TransactionType, minor: int | None, expected: str
) -> None:
    outcome = ask(state, operation, minor, able)
    refusal = None if isinstance(outcome, Success) else type(outcome.failure())
    assert refusal is REFUSALS[expected]


@pytest.mark.parametrize("operation", [one for one in T if one not in OBSERVED_ONLY])
def test_a_gateway_is_never_asked_for_a_type_that_it_does_not_take(operation: TransactionType) -> None:
    able = attrs.evolve(ABLE, types=frozenset(T) - {operation})
    assert ask(CAPTURED, operation, 1, able).failure() == GatewayUnsupported("card", operation.value)


ACCEPTING: Final = {
    T.AUTHORIZE: EMPTY,
    T.AUTHORIZE_AND_CAPTURE: EMPTY,
    T.REVERSE_AUTH: AUTHORIZED,
    T.CAPTURE: AUTHORIZED,
    T.SETTLED: CAPTURED,
    T.VOID: CAPTURED,
    T.REFUND: CAPTURED,
}


@pytest.mark.parametrize(("operation", "state"), ACCEPTING.items())
def test_an_amount_is_taken_up_to_what_is_left_and_not_a_unit_more(operation: TransactionType, state: Payment) -> None:
    able = attrs.evolve(ABLE, partial_void=True)
    assert isinstance(ask(state, operation, 1, able), Success)
    assert last(ask(state, operation, 10, able).unwrap().payment).requested == state.amount
    assert ask(state, operation, 11, able).failure() == AmountNotAvailable(state.amount)
    assert ask(state, operation, 0, able).failure() == InvalidInput("amount", "must be above zero")
    mixed = begin(state, Command(type=operation, amount=Money(1, USD)), able, numbered(state), NOW)
    assert mixed.failure() == CurrencyMismatch(state.currency, USD)


@pytest.mark.parametrize(("operation", "state"), list(ACCEPTING.items())[2:])
def test_only_the_parent_that_is_named_is_built_upon(operation: TransactionType, state: Payment) -> None:
    named = last(state).id
    assert last(ask(state, operation, parent_id=named).unwrap().payment).parent_id == named
    assert ask(state, operation, parent_id="t9").failure() == OperationNotAllowed(
        operation.value, "the parent named does not permit it"
    )


REASONS: Final[list[tuple[TransactionType, Payment, Callable[[Capabilities], Capabilities], str]]] = [
    (T.CHARGEBACK, CAPTURED, lambda able: able, "only the gateway reports it; it cannot be requested"),
    (T.AUTHORIZE, attrs.evolve(EMPTY, archived=True), lambda able: able, "the payment is archived"),
    (T.AUTHORIZE, SOLD, lambda able: able, "the payment was begun the other way, authorized or authorized and captured"),
    (T.CAPTURE, EMPTY, lambda able: able, "no transaction has succeeded that it could build on"),
    (T.CAPTURE, require_reversal(AUTHORIZED), lambda able: able, "its parent is to be reversed"),
    (T.CAPTURE, HALF, lambda _: WHOLE_CAPTURES, "the gateway takes one capture of an authorization"),
    (T.VOID, done(CAPTURED, T.SETTLED), lambda able: able, "it was settled, or some of it was voided or refunded"),
    (T.REFUND, CAPTURED, lambda _: AFTER_SETTLEMENT, "the gateway refunds only what is settled"),
    (T.SETTLED, done(CAPTURED, T.SETTLED), lambda able: able, "it was settled or voided"),
    (T.DETACHED_CREDIT, EMPTY, lambda able: able, "a detached credit needs an amount"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "state", "able", "reason"), REASONS)
def test_a_refusal_says_why(
    operation: TransactionType, state: Payment, able: Callable[[Capabilities], Capabilities], reason: str
) -> None:
    assert ask(state, operation, None, able(ABLE)).failure() == OperationNotAllowed(operation.value, reason)


def test_the_parents_are_those_of_the_design() -> None:
    captures = {T.CAPTURE, T.AUTHORIZE_AND_CAPTURE}
    assert dict(PARENTS) == {
        T.AUTHORIZE: set(),
        T.AUTHORIZE_AND_CAPTURE: set(),
        T.DETACHED_CREDIT: set(),
        T.CAPTURE: {T.AUTHORIZE},
        T.REVERSE_AUTH: {T.AUTHORIZE},
        T.SETTLED: captures,
        T.VOID: captures,
        T.REFUND: captures,
        T.CHARGEBACK: captures,
        T.CHARGEBACK_REVERSAL: {T.CHARGEBACK},
    }
    assert {T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE} == INITIATING
