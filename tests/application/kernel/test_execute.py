"""One transaction: intent, call, result; a repeated key, a failing store, one request in several parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from payports import (
    AmountNotAvailable,
    Busy,
    Conflict,
    CurrencyMismatch,
    Declined,
    GatewayUnsupported,
    Money,
    NotExecuted,
    OperationNotAllowed,
    PaymentNotFound,
    ResultUnknown,
    Source,
    StoreUnavailable,
    TransactionStatus,
    TransactionType,
)
from payports.application.payments.transactions import Transactions
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import PaymentRequest, PaymentResponse
from tests.application.shops import MINUTE, Bench, bench, eur, fail, only, problem, seen, told, without_gateway
from tests.application.writers import faster

REFUND = TransactionType.REFUND


def captured(on: Bench, minor: int = 10_000) -> str:
    payment = on.pay(minor=minor)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id))
    return payment.id


def test_the_intent_is_stored_before_the_gateway_is_called() -> None:
    on = bench()
    payment = on.pay()
    stored: list[TransactionStatus] = []
    on.spy.during = lambda _: stored.append(on.again(payment).transactions[0].status)
    on.shop.transactions.authorize(payment.id)
    assert stored == [TransactionStatus.SENDING_TO_PROCESSOR]


@pytest.mark.parametrize("key", [None, "k-1"])
def test_a_transaction_is_exactly_two_commits(key: str | None) -> None:
    on = bench()
    payment = on.pay()
    before = len(on.store.commits)
    told(on.shop.transactions.authorize(payment.id, key=key))
    assert len(on.store.commits) - before == 2
    told(on.shop.transactions.capture(payment.id))
    assert len(on.store.commits) - before == 4


def test_a_commit_raises_the_version_by_one() -> None:
    on = bench()
    payment = on.pay()
    assert payment.version == 1
    report = told(on.shop.transactions.authorize(payment.id))
    assert report.payment.version == 3
    assert report.payment == on.again(payment)


@pytest.mark.parametrize("mood", ["timeout_charged", "server_error", "garbage"])
def test_an_answer_that_was_lost_is_unknown_and_found_by_the_look_up_of_a_repetition(mood: str) -> None:
    on = bench()
    payment = on.pay(token=f"tok_{mood}")
    unknown = problem(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert isinstance(unknown, ResultUnknown)
    report = told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert [one.id for one in report.transactions] == [unknown.transaction_id]
    assert len(on.spy.executed) == 1
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_an_unknown_result_is_looked_up_before_anything_else_is_decided() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    refused = problem(on.shop.transactions.authorize(payment.id))
    assert isinstance(refused, AmountNotAvailable)
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_what_was_not_executed_is_tried_anew_under_the_same_key() -> None:
    on = bench()
    payment = on.pay()
    on.bank.fail_next("AUTHORIZE", "unreachable")
    assert isinstance(problem(on.shop.transactions.authorize(payment.id, key="k-1")), NotExecuted)
    report = told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert [one.status for one in report.payment.transactions] == [
        TransactionStatus.NOT_EXECUTED,
        TransactionStatus.SUCCEEDED,
    ]
    assert len({one.transaction_id for one in on.spy.executed}) == 2
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_a_lost_request_is_fenced_and_tried_anew_under_the_same_key() -> None:
    on = bench()
    payment = on.pay()
    on.bank.fail_next("AUTHORIZE", "timeout_not_charged")
    assert isinstance(problem(on.shop.transactions.authorize(payment.id, key="k-1")), ResultUnknown)
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert on.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("amount", [None, eur(5_990)])
@pytest.mark.parametrize("token", ["tok_approved", "tok_declined", "tok_declined_hard", "tok_partial", "tok_async"])
def test_a_repeated_key_gives_the_first_outcome_again_without_a_call(token: str, amount: Money | None) -> None:
    on = bench()
    payment = on.pay(token=token)
    first = on.shop.transactions.authorize(payment.id, amount, key="k-1")
    calls = on.spy.calls
    again = on.shop.transactions.authorize(payment.id, amount, key="k-1")
    assert again == first
    assert on.spy.calls == calls


def test_a_repeated_key_gives_the_first_outcome_again_after_others_moved_money() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    first = told(on.shop.transactions.capture(payment.id, eur(1_000), key="k-2"))
    told(on.shop.transactions.capture(payment.id, eur(4_990), key="k-3"))
    calls = on.spy.calls
    again = told(on.shop.transactions.capture(payment.id, eur(1_000), key="k-2"))
    assert again.transactions == first.transactions
    assert on.spy.calls == calls


OTHERS: list[Callable[[Transactions, str, str], object]] = [
    lambda on, one, _: on.authorize(one, eur(1_000), key="k-1"),
    lambda on, one, _: on.authorize(one, key="k-1"),
    lambda on, one, _: on.authorize_and_capture(one, eur(2_000), key="k-1"),
    lambda on, _, two: on.authorize(two, eur(2_000), key="k-1"),
    lambda on, one, _: on.capture(one, eur(2_000), key="k-1"),
    lambda on, one, _: on.refund(one, eur(2_000), source=Source("return", "r"), key="k-1"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_key_with_other_content_is_a_conflict_and_sends_nothing(other: Any) -> None:
    on = bench()
    one, two = on.pay("c-1"), on.pay("c-2")
    told(on.shop.transactions.authorize(one.id, eur(2_000), key="k-1"))
    calls = on.spy.calls
    assert problem(other(on.shop.transactions, one.id, two.id)) == Conflict("k-1")
    assert on.spy.calls == calls


def test_a_repetition_while_the_first_is_under_way_is_busy_and_sends_nothing() -> None:
    on = bench()
    payment = on.pay()
    answers: list[Any] = []
    on.spy.during = lambda _: answers.append(on.shop.transactions.authorize(payment.id, key="k-1"))
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert [type(problem(one)) for one in answers] == [Busy]
    assert len(on.spy.executed) == 1


def test_an_intent_under_way_counts_against_the_limits() -> None:
    on = bench()
    payment = captured(on)
    inner: list[Any] = []

    def refund_as_well(_: PaymentRequest) -> None:
        on.spy.during = None
        inner.append(on.shop.transactions.refund(payment, eur(6_000)))

    on.spy.during = refund_as_well
    told(on.shop.transactions.refund(payment, eur(6_000)))
    assert problem(inner[0]) == AmountNotAvailable(eur(4_000))
    assert on.effects(REFUND) == [("REFUND", 6_000)]


@pytest.mark.parametrize("mood", ["timeout_charged", "timeout_not_charged"])
def test_an_unknown_refund_frees_no_money(mood: str) -> None:
    on = bench()
    payment = captured(on)
    on.bank.fail_next("REFUND", mood)
    on.spy.on_look_up = lambda request: seen(TransactionStatus.UNKNOWN, transaction_id=request.transaction_id)
    assert isinstance(problem(on.shop.transactions.refund(payment, eur(6_000))), ResultUnknown)
    assert problem(on.shop.transactions.refund(payment, eur(6_000))) == AmountNotAvailable(eur(4_000))


def test_one_refund_over_several_captures_becomes_several_transactions_and_one_key_covers_them() -> None:
    on = bench()
    payment = on.pay(minor=2_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(500)))
    told(on.shop.transactions.capture(payment.id, eur(1_500)))
    report = told(on.shop.transactions.refund(payment.id, eur(2_000), key="k-1"))
    assert [one.amount.minor for one in report.transactions] == [500, 1_500]
    assert told(on.shop.transactions.refund(payment.id, eur(2_000), key="k-1")).transactions == report.transactions
    assert on.effects(REFUND) == [("REFUND", 500), ("REFUND", 1_500)]


@pytest.mark.parametrize("amount", [None, eur(2_000)])
def test_the_part_of_a_request_that_was_not_executed_is_tried_anew_and_the_rest_is_not(amount: Money | None) -> None:
    on = bench()
    payment = on.pay(minor=2_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(500)))
    told(on.shop.transactions.capture(payment.id, eur(1_500)))
    on.bank.fail_next("REFUND", "approved")
    on.bank.fail_next("REFUND", "unreachable")
    assert isinstance(problem(on.shop.transactions.refund(payment.id, amount, key="k-1")), NotExecuted)
    report = told(on.shop.transactions.refund(payment.id, amount, key="k-1"))
    assert sum(one.amount.minor for one in report.transactions) == 2_000
    assert on.effects(REFUND) == [("REFUND", 500), ("REFUND", 1_500)]
    assert told(on.shop.transactions.refund(payment.id, amount, key="k-1")).transactions == report.transactions


def test_what_all_meant_when_a_key_was_first_used_is_what_it_means_when_it_is_repeated() -> None:
    on = bench()
    payment = on.pay(minor=2_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(500)))
    on.bank.fail_next("REFUND", "unreachable")
    assert isinstance(problem(on.shop.transactions.refund(payment.id, key="k-1")), NotExecuted)
    told(on.shop.transactions.capture(payment.id, eur(1_500)))
    told(on.shop.transactions.refund(payment.id, key="k-1"))
    assert on.effects(REFUND) == [("REFUND", 500)]


def test_after_a_part_that_failed_the_others_are_not_sent() -> None:
    on = bench()
    payment = on.pay(minor=2_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(500)))
    told(on.shop.transactions.capture(payment.id, eur(1_500)))
    on.bank.fail_next("REFUND", "declined")
    assert isinstance(problem(on.shop.transactions.refund(payment.id)), Declined)
    assert [one.status for one in on.again(payment).transactions[-2:]] == [
        TransactionStatus.DECLINED,
        TransactionStatus.NOT_EXECUTED,
    ]
    assert on.effects(REFUND) == []


def test_refusals_send_nothing_and_record_nothing() -> None:
    on = bench()
    payment = on.pay()
    transactions = on.shop.transactions
    commits = len(on.store.commits)
    assert isinstance(problem(transactions.capture(payment.id)), OperationNotAllowed)
    assert isinstance(problem(transactions.refund(payment.id)), OperationNotAllowed)
    assert problem(transactions.authorize(payment.id, eur(5_991))) == AmountNotAvailable(eur(5_990))
    assert isinstance(problem(transactions.authorize(payment.id, Money(1, "USD"))), CurrencyMismatch)
    assert problem(transactions.authorize("p-none")) == PaymentNotFound("p-none")
    assert isinstance(problem(transactions.credit(payment.id, eur(1))), GatewayUnsupported)
    assert on.spy.calls == 0
    assert len(on.store.commits) == commits


def test_a_credit_is_paid_where_it_is_switched_on_and_changes_no_other_sum() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "detached_credit": True}}})
    payment = on.pay()
    told(on.shop.transactions.credit(payment.id, eur(700), key="k-1"))
    summary = told(on.shop.payments.summary(payment.id))
    assert summary.amount_credited == eur(700)
    assert summary.amount_available_for_authorize == eur(5_990)
    assert on.effects() == [("DETACHED_CREDIT", 700)]


def test_a_gateway_that_is_gone_is_a_typed_refusal() -> None:
    on = bench()
    payment = on.pay()
    refused = problem(without_gateway(on).shop.transactions.authorize(payment.id))
    assert refused == GatewayUnsupported("sandbox", "AUTHORIZE")


# --- the store fails ---


def test_if_the_intent_cannot_be_stored_the_gateway_is_not_called() -> None:
    on = bench()
    payment = on.pay()
    on.store.before_commit = fail()
    assert problem(on.shop.transactions.authorize(payment.id)) == StoreUnavailable("the disk is full")
    assert on.spy.calls == 0


def test_if_nobody_knows_whether_the_intent_was_stored_the_gateway_is_not_called() -> None:
    on = bench()
    payment = on.pay()
    on.store.after_commit = fail("the connection was lost")
    assert isinstance(problem(on.shop.transactions.authorize(payment.id, key="k-1")), StoreUnavailable)
    assert on.spy.calls == 0
    on.store.after_commit = None
    assert isinstance(problem(on.shop.transactions.authorize(payment.id, key="k-1")), Busy)
    on.clock.advance(MINUTE)
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_if_the_result_cannot_be_stored_it_is_unknown_and_recovery_finds_it() -> None:
    on = bench()
    payment = on.pay()
    on.spy.during = lambda _: setattr(on.store, "before_commit", fail())
    unknown = problem(on.shop.transactions.authorize(payment.id, key="k-1"))
    on.store.before_commit = on.spy.during = None
    assert isinstance(unknown, ResultUnknown)
    assert on.again(payment).transactions[0].status is TransactionStatus.SENDING_TO_PROCESSOR
    on.clock.advance(MINUTE)
    told(on.shop.maintenance.run())
    assert on.again(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    assert on.effects() == [("AUTHORIZE", 5_990)]
    assert len(on.spy.executed) == 1


def test_no_transaction_of_the_store_is_open_while_the_gateway_is_called() -> None:
    on = bench()
    payment = on.pay()
    made: list[Any] = []
    on.spy.during = lambda _: made.append(on.pay("c-2"))
    told(on.shop.transactions.authorize(payment.id))
    assert on.again(made[0]) == made[0]


# --- the adapter misbehaves ---


def test_refresh_asks_about_everything_that_is_open() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    reference = told(on.shop.transactions.authorize(payment.id)).transactions[0].gateway_reference
    on.bank.finish_async(reference)
    report = told(on.shop.transactions.refresh(payment.id))
    assert [one.status for one in report.transactions] == [TransactionStatus.SUCCEEDED]


def test_refresh_leaves_alone_what_is_under_way() -> None:
    on = bench()
    payment = on.pay()
    on.spy.during = lambda _: on.shop.transactions.refresh(payment.id)
    told(on.shop.transactions.authorize(payment.id))
    assert on.spy.looked_up == []


def test_a_void_restores_the_hold_which_can_be_captured_again() -> None:
    on = bench()
    payment = captured(on)
    told(on.shop.transactions.void(payment))
    told(on.shop.transactions.capture(payment, eur(4_000)))
    told(on.shop.transactions.reverse_authorization(payment))
    assert on.effects() == [
        ("AUTHORIZE", 10_000),
        ("CAPTURE", 10_000),
        ("VOID", 10_000),
        ("CAPTURE", 4_000),
        ("REVERSE_AUTH", 6_000),
    ]


def test_settlement_is_asked_for_and_ends_the_time_of_voids() -> None:
    on = bench()
    payment = captured(on)
    told(on.shop.transactions.settle(payment, key="k-1"))
    assert isinstance(problem(on.shop.transactions.void(payment)), OperationNotAllowed)
    told(on.shop.transactions.refund(payment, eur(1)))
    assert on.effects()[-2:] == [("SETTLED", 10_000), ("REFUND", 1)]


def test_a_gateway_that_refunds_only_what_is_settled_is_asked_only_then() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "refund_requires_settlement": True}}})
    payment = captured(on)
    assert isinstance(problem(on.shop.transactions.refund(payment, eur(1))), OperationNotAllowed)
    told(on.shop.transactions.settle(payment))
    told(on.shop.transactions.refund(payment, eur(1)))


def test_a_partial_capture_may_release_the_rest_and_the_release_is_recorded() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}})
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(6_000)))
    implied = only(on.again(payment), TransactionType.REVERSE_AUTH)
    assert (implied.amount, implied.status) == (eur(4_000), TransactionStatus.SUCCEEDED)
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 4_000)]


# --- what an answer brings ---


def answering(on: Bench, **rest: Any) -> None:
    """Let the gateway answer the next calls so, without doing anything."""
    properties = rest.pop("method_properties", {})
    on.spy.instead = lambda _: PaymentResponse(seen=seen(**rest), method_properties=properties)


def test_a_decline_is_told_with_all_that_the_gateway_said_of_it() -> None:
    on = bench()
    payment = on.pay()
    answering(on, status=TransactionStatus.DECLINED, code="stolen", failure_type=FailureType.FRAUD, hard=True)
    declined = problem(on.shop.transactions.authorize(payment.id))
    row = on.again(payment).transactions[0]
    assert declined == Declined("stolen", FailureType.FRAUD, hard=True, transaction_id=row.id)
    answering(on, status=TransactionStatus.DECLINED)
    plain = problem(on.shop.transactions.authorize(payment.id))
    assert plain == Declined("", FailureType.DECLINED, hard=False, transaction_id=on.again(payment).transactions[1].id)


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_an_answer_that_nobody_could_write_down_is_unknown_until_it_is_looked_up() -> None:
    on = bench()
    payment = on.pay()

    def keep_moving(_: object) -> None:
        on.store.before_commit = lambda _: faster(on, payment)

    on.spy.during = keep_moving
    unknown = problem(on.shop.transactions.authorize(payment.id))
    on.store.before_commit = on.spy.during = None
    row = only(on.again(payment), AUTHORIZE)
    assert unknown == ResultUnknown(row.id)
    assert row.status is TransactionStatus.SENDING_TO_PROCESSOR
    on.clock.advance(2 * MINUTE)
    told(on.shop.maintenance.run())
    assert only(on.again(payment), AUTHORIZE).succeeded
    assert on.effects() == [("AUTHORIZE", 5_990)]
