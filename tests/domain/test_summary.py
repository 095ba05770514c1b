"""The amounts and flags of a payment, for readers who do not know its ledger."""

from __future__ import annotations

from typing import Final

import attrs
import pytest
from hypothesis import given
from returns.result import Success

from payports.domain.capabilities import Capabilities, ReverseAuthorization
from payports.domain.money import MAX_MINOR, Money
from payports.domain.observation import NextAction
from payports.domain.payment import Payment
from payports.domain.summary import UNLIMITED, PaymentSummary, summarize
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, ask, capabilities, done, eur, fact, new_payment, outside, told
from tests.domain.test_begin import ledgers

T = TransactionType
S = TransactionStatus
NEW: Final = new_payment(10)
AUTHORIZED: Final = done(NEW, T.AUTHORIZE)
CAPTURED: Final = done(AUTHORIZED, T.CAPTURE)


def test_a_summary_of_a_life() -> None:
    payment = done(done(done(new_payment(20), T.AUTHORIZE, 15), T.CAPTURE, 12), T.REFUND, 4)
    payment = told(done(payment, T.DETACHED_CREDIT, 3), outside(T.CHARGEBACK, "r1", "cb", 2))
    assert summarize(payment) == PaymentSummary(
        payment_id="p-1",
        owner=payment.owner,
        gateway="card",
        type=payment.type,
        amount=eur(20),
        amount_authorized=eur(15),
        amount_captured=eur(8),
        total_ever_captured=eur(12),
        amount_refunded=eur(4),
        amount_voided=eur(0),
        amount_credited=eur(3),
        amount_settled=eur(0),
        amount_charged_back=eur(2),
        amount_awaiting=eur(0),
        amount_available_for_authorize=eur(5),
        amount_available_for_authorize_and_capture=eur(0),
        amount_available_for_capture=eur(3),
        amount_available_for_reverse_authorization=eur(3),
        amount_available_for_void=eur(0),
        amount_available_for_refund=eur(6),
        fully_authorized=False,
        fully_captured=False,
        partially_captured=True,
        reverse_auth_remainder=False,
        next_action=None,
    )


@pytest.mark.parametrize(
    ("payment", "fully_authorized", "fully_captured", "partially_captured"),
    [
        (NEW, False, False, False),
        (AUTHORIZED, True, False, False),
        (done(NEW, T.AUTHORIZE, 9), False, False, False),
        (done(AUTHORIZED, T.CAPTURE, 9), True, False, True),
        (done(AUTHORIZED, T.CAPTURE, 1), True, False, True),
        (CAPTURED, True, True, False),
        (done(NEW, T.AUTHORIZE_AND_CAPTURE), False, True, False),
        (done(CAPTURED, T.REFUND, 4), True, False, True),
        (done(CAPTURED, T.REFUND), True, False, False),
        (done(CAPTURED, T.VOID), True, False, False),
        (done(AUTHORIZED, T.REVERSE_AUTH, 4), False, False, False),
    ],
)
def test_the_flags(payment: Payment, fully_authorized: bool, fully_captured: bool, partially_captured: bool) -> None:
    summary = summarize(payment)
    assert summary.fully_authorized is fully_authorized
    assert summary.fully_captured is fully_captured
    assert summary.partially_captured is partially_captured


def test_a_sale_counts_as_captured() -> None:
    summary = summarize(done(done(NEW, T.AUTHORIZE_AND_CAPTURE), T.SETTLED))
    assert summary.amount_authorized == eur(0)
    assert summary.amount_captured == summary.total_ever_captured == summary.amount_settled == eur(10)


def test_what_was_voided_is_not_captured_and_was_once() -> None:
    summary = summarize(done(CAPTURED, T.VOID))
    assert summary.amount_captured == eur(0)
    assert summary.amount_voided == summary.total_ever_captured == eur(10)


def test_what_was_reversed_under_a_revoked_authorization_takes_nothing_from_another() -> None:
    reversed_ = done(AUTHORIZED, T.REVERSE_AUTH)
    revoked = told(reversed_, fact("t0", S.REVOKED, gateway_reference="r0"))
    again = done(revoked, T.AUTHORIZE)
    assert summarize(again).amount_authorized == eur(10)


def test_a_charge_back_that_was_won_is_none() -> None:
    lost = told(CAPTURED, outside(T.CHARGEBACK, "r1", "cb", 6))
    assert summarize(lost).amount_charged_back == eur(6)
    won = told(lost, outside(T.CHARGEBACK_REVERSAL, "cb", "won", 6))
    assert summarize(won).amount_charged_back == eur(0)
    too_much = told(lost, outside(T.CHARGEBACK_REVERSAL, "cb", "won", 9))
    assert summarize(too_much).amount_charged_back == eur(0)
    assert summarize(too_much).amount_available_for_refund == eur(10)


@pytest.mark.parametrize("kind", [T.AUTHORIZE, T.AUTHORIZE_AND_CAPTURE])
def test_what_is_awaited(kind: TransactionType) -> None:
    assert summarize(done(NEW, kind, 6, S.AWAITING_RESULT)).amount_awaiting == eur(6)
    assert summarize(done(NEW, kind, 6, S.UNKNOWN)).amount_awaiting == eur(0)
    assert summarize(done(NEW, kind, 6)).amount_awaiting == eur(0)
    assert summarize(done(AUTHORIZED, T.CAPTURE, 6, S.AWAITING_RESULT)).amount_awaiting == eur(0)


def test_what_is_to_be_done_next_is_told() -> None:
    action = NextAction(type="redirect", url="https://bank.example")
    payment = done(NEW, T.AUTHORIZE, None, S.DECLINED)
    waiting = told(ask(payment, T.AUTHORIZE).unwrap().payment, fact("t1", S.REQUIRES_ACTION, next_action=action))
    assert summarize(waiting).next_action == action
    assert summarize(payment).next_action is None


def test_a_gateway_of_remainders_says_so() -> None:
    remainders = attrs.evolve(ABLE, reverse_authorization=ReverseAuthorization.REMAINDER)
    assert summarize(NEW, remainders).reverse_auth_remainder
    assert not summarize(NEW, ABLE).reverse_auth_remainder


def test_what_a_gateway_cannot_do_is_not_available() -> None:
    unable = attrs.evolve(ABLE, types=frozenset({T.AUTHORIZE, T.CAPTURE}))
    summary = summarize(CAPTURED, unable)
    assert summary.amount_available_for_void == summary.amount_available_for_refund == eur(0)
    assert (
        summarize(CAPTURED, ABLE).amount_available_for_void
        == summarize(CAPTURED).amount_available_for_refund
        == eur(10)
    )


def test_the_ledger_alone_permits_everything_but_credit() -> None:
    assert {kind for kind in T if not UNLIMITED.supports(kind)} == {T.DETACHED_CREDIT}
    half = done(AUTHORIZED, T.CAPTURE, 5)
    for kind in (T.CAPTURE, T.REVERSE_AUTH, T.REFUND):
        assert isinstance(ask(half, kind, 1, UNLIMITED), Success)


@given(ledgers(), capabilities())
def test_a_summary_always_exists_and_what_it_offers_is_accepted(payment: Payment, able: Capabilities) -> None:
    summary = summarize(payment, able)
    for kind, offered in {
        T.AUTHORIZE: summary.amount_available_for_authorize,
        T.AUTHORIZE_AND_CAPTURE: summary.amount_available_for_authorize_and_capture,
        T.CAPTURE: summary.amount_available_for_capture,
        T.REVERSE_AUTH: summary.amount_available_for_reverse_authorization,
        T.VOID: summary.amount_available_for_void,
        T.REFUND: summary.amount_available_for_refund,
    }.items():
        assert isinstance(ask(payment, kind, offered.minor, able), Success) is bool(offered)
        assert not isinstance(ask(payment, kind, offered.minor + 1, able), Success)


def test_the_largest_amounts_add_up() -> None:
    payment = new_payment(MAX_MINOR)
    for _ in range(3):
        payment = done(done(done(payment, T.AUTHORIZE), T.CAPTURE), T.VOID)
    summary = summarize(payment)
    assert summary.total_ever_captured == Money(3 * MAX_MINOR, "EUR")
    assert summary.amount_captured == eur(0)
