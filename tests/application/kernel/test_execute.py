"""Executing a transaction: intent, call and result; repeated keys, a failing store, requests in several parts."""

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
from tests.application.concurrent_writers import commit_meanwhile
from tests.application.fixtures import (
    MINUTE,
    ShopFixture,
    eur,
    observation,
    only,
    open_shop,
    problem,
    value_of,
    without_gateway,
)
from tests.application.stubs import fail

REFUND = TransactionType.REFUND


def captured(shop: ShopFixture, minor: int = 10_000) -> str:
    payment = shop.pay(minor=minor)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id))
    return payment.id


def test_the_intent_is_stored_before_the_gateway_is_called() -> None:
    shop = open_shop()
    payment = shop.pay()
    stored: list[TransactionStatus] = []
    shop.spy.during = lambda _: stored.append(shop.reload(payment).transactions[0].status)
    shop.transactions.authorize(payment.id)
    assert stored == [TransactionStatus.SENDING_TO_PROCESSOR]


@pytest.mark.parametrize("key", [None, "k-1"])
def test_a_transaction_is_exactly_two_commits(key: str | None) -> None:
    shop = open_shop()
    payment = shop.pay()
    before = len(shop.store.commits)
    value_of(shop.transactions.authorize(payment.id, key=key))
    assert len(shop.store.commits) - before == 2
    value_of(shop.transactions.capture(payment.id))
    assert len(shop.store.commits) - before == 4


def test_a_commit_raises_the_version_by_one() -> None:
    shop = open_shop()
    payment = shop.pay()
    assert payment.version == 1
    report = value_of(shop.transactions.authorize(payment.id))
    assert report.payment.version == 3
    assert report.payment == shop.reload(payment)


@pytest.mark.parametrize("scenario", ["timeout_charged", "server_error", "garbage"])
def test_a_lost_answer_is_unknown_and_found_when_the_request_is_repeated(scenario: str) -> None:
    shop = open_shop()
    payment = shop.pay(token=f"tok_{scenario}")
    unknown = problem(shop.transactions.authorize(payment.id, key="k-1"))
    assert isinstance(unknown, ResultUnknown)
    report = value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert [transaction.id for transaction in report.transactions] == [unknown.transaction_id]
    assert len(shop.spy.executed) == 1
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_an_unknown_result_is_looked_up_before_anything_else_is_decided() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    refused = problem(shop.transactions.authorize(payment.id))
    assert isinstance(refused, AmountNotAvailable)
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_transaction_that_was_not_executed_is_retried_under_the_same_key() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.bank.fail_next("AUTHORIZE", "unreachable")
    assert isinstance(problem(shop.transactions.authorize(payment.id, key="k-1")), NotExecuted)
    report = value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert [transaction.status for transaction in report.payment.transactions] == [
        TransactionStatus.NOT_EXECUTED,
        TransactionStatus.SUCCEEDED,
    ]
    assert len({request.transaction_id for request in shop.spy.executed}) == 2
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_lost_request_is_fenced_and_retried_under_the_same_key() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.bank.fail_next("AUTHORIZE", "timeout_not_charged")
    assert isinstance(problem(shop.transactions.authorize(payment.id, key="k-1")), ResultUnknown)
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert shop.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("amount", [None, eur(5_990)])
@pytest.mark.parametrize("token", ["tok_approved", "tok_declined", "tok_declined_hard", "tok_partial", "tok_async"])
def test_a_repeated_key_gives_the_first_outcome_again_without_a_call(token: str, amount: Money | None) -> None:
    shop = open_shop()
    payment = shop.pay(token=token)
    first = shop.transactions.authorize(payment.id, amount, key="k-1")
    calls = shop.spy.calls
    again = shop.transactions.authorize(payment.id, amount, key="k-1")
    assert again == first
    assert shop.spy.calls == calls


def test_a_repeated_key_gives_the_first_outcome_again_after_others_moved_money() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    first = value_of(shop.transactions.capture(payment.id, eur(1_000), key="k-2"))
    value_of(shop.transactions.capture(payment.id, eur(4_990), key="k-3"))
    calls = shop.spy.calls
    again = value_of(shop.transactions.capture(payment.id, eur(1_000), key="k-2"))
    assert again.transactions == first.transactions
    assert shop.spy.calls == calls


OTHERS: list[Callable[[Transactions, str, str], object]] = [
    lambda transactions, first, _: transactions.authorize(first, eur(1_000), key="k-1"),
    lambda transactions, first, _: transactions.authorize(first, key="k-1"),
    lambda transactions, first, _: transactions.authorize_and_capture(first, eur(2_000), key="k-1"),
    lambda transactions, _, second: transactions.authorize(second, eur(2_000), key="k-1"),
    lambda transactions, first, _: transactions.capture(first, eur(2_000), key="k-1"),
    lambda transactions, first, _: transactions.refund(first, eur(2_000), source=Source("return", "r"), key="k-1"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_key_with_other_content_is_a_conflict_and_sends_nothing(other: Any) -> None:
    shop = open_shop()
    first, second = shop.pay("c-1"), shop.pay("c-2")
    value_of(shop.transactions.authorize(first.id, eur(2_000), key="k-1"))
    calls = shop.spy.calls
    assert problem(other(shop.transactions, first.id, second.id)) == Conflict("k-1")
    assert shop.spy.calls == calls


def test_a_repetition_while_the_first_is_under_way_is_busy_and_sends_nothing() -> None:
    shop = open_shop()
    payment = shop.pay()
    answers: list[Any] = []
    shop.spy.during = lambda _: answers.append(shop.transactions.authorize(payment.id, key="k-1"))
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert [type(problem(answer)) for answer in answers] == [Busy]
    assert len(shop.spy.executed) == 1


def test_an_intent_under_way_counts_against_the_limits() -> None:
    shop = open_shop()
    payment = captured(shop)
    inner: list[Any] = []

    def refund_as_well(_: PaymentRequest) -> None:
        shop.spy.during = None
        inner.append(shop.transactions.refund(payment, eur(6_000)))

    shop.spy.during = refund_as_well
    value_of(shop.transactions.refund(payment, eur(6_000)))
    assert problem(inner[0]) == AmountNotAvailable(eur(4_000))
    assert shop.effects(REFUND) == [("REFUND", 6_000)]


@pytest.mark.parametrize("scenario", ["timeout_charged", "timeout_not_charged"])
def test_an_unknown_refund_frees_no_money(scenario: str) -> None:
    shop = open_shop()
    payment = captured(shop)
    shop.bank.fail_next("REFUND", scenario)
    shop.spy.on_look_up = lambda request: observation(TransactionStatus.UNKNOWN, transaction_id=request.transaction_id)
    assert isinstance(problem(shop.transactions.refund(payment, eur(6_000))), ResultUnknown)
    assert problem(shop.transactions.refund(payment, eur(6_000))) == AmountNotAvailable(eur(4_000))


def test_one_refund_over_several_captures_becomes_several_transactions_and_one_key_covers_them() -> None:
    shop = open_shop()
    payment = shop.pay(minor=2_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(500)))
    value_of(shop.transactions.capture(payment.id, eur(1_500)))
    report = value_of(shop.transactions.refund(payment.id, eur(2_000), key="k-1"))
    assert [transaction.amount.minor for transaction in report.transactions] == [500, 1_500]
    assert value_of(shop.transactions.refund(payment.id, eur(2_000), key="k-1")).transactions == report.transactions
    assert shop.effects(REFUND) == [("REFUND", 500), ("REFUND", 1_500)]


@pytest.mark.parametrize("amount", [None, eur(2_000)])
def test_only_the_part_of_a_request_that_was_not_executed_is_retried(amount: Money | None) -> None:
    shop = open_shop()
    payment = shop.pay(minor=2_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(500)))
    value_of(shop.transactions.capture(payment.id, eur(1_500)))
    shop.bank.fail_next("REFUND", "approved")
    shop.bank.fail_next("REFUND", "unreachable")
    assert isinstance(problem(shop.transactions.refund(payment.id, amount, key="k-1")), NotExecuted)
    report = value_of(shop.transactions.refund(payment.id, amount, key="k-1"))
    assert sum(transaction.amount.minor for transaction in report.transactions) == 2_000
    assert shop.effects(REFUND) == [("REFUND", 500), ("REFUND", 1_500)]
    assert value_of(shop.transactions.refund(payment.id, amount, key="k-1")).transactions == report.transactions


def test_a_repeated_key_for_the_whole_rest_means_the_rest_of_its_first_use() -> None:
    shop = open_shop()
    payment = shop.pay(minor=2_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(500)))
    shop.bank.fail_next("REFUND", "unreachable")
    assert isinstance(problem(shop.transactions.refund(payment.id, key="k-1")), NotExecuted)
    value_of(shop.transactions.capture(payment.id, eur(1_500)))
    value_of(shop.transactions.refund(payment.id, key="k-1"))
    assert shop.effects(REFUND) == [("REFUND", 500)]


def test_parts_after_a_failed_part_are_not_sent() -> None:
    shop = open_shop()
    payment = shop.pay(minor=2_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(500)))
    value_of(shop.transactions.capture(payment.id, eur(1_500)))
    shop.bank.fail_next("REFUND", "declined")
    assert isinstance(problem(shop.transactions.refund(payment.id)), Declined)
    assert [transaction.status for transaction in shop.reload(payment).transactions[-2:]] == [
        TransactionStatus.DECLINED,
        TransactionStatus.NOT_EXECUTED,
    ]
    assert shop.effects(REFUND) == []


def test_refusals_send_nothing_and_record_nothing() -> None:
    shop = open_shop()
    payment = shop.pay()
    transactions = shop.transactions
    commits = len(shop.store.commits)
    assert isinstance(problem(transactions.capture(payment.id)), OperationNotAllowed)
    assert isinstance(problem(transactions.refund(payment.id)), OperationNotAllowed)
    assert problem(transactions.authorize(payment.id, eur(5_991))) == AmountNotAvailable(eur(5_990))
    assert isinstance(problem(transactions.authorize(payment.id, Money(1, "USD"))), CurrencyMismatch)
    assert problem(transactions.authorize("p-none")) == PaymentNotFound("p-none")
    assert isinstance(problem(transactions.credit(payment.id, eur(1))), GatewayUnsupported)
    assert shop.spy.calls == 0
    assert len(shop.store.commits) == commits


def test_a_credit_is_paid_where_it_is_switched_on_and_changes_no_other_sum() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "detached_credit": True}}})
    payment = shop.pay()
    value_of(shop.transactions.credit(payment.id, eur(700), key="k-1"))
    summary = value_of(shop.payments.summary(payment.id))
    assert summary.amount_credited == eur(700)
    assert summary.amount_available_for_authorize == eur(5_990)
    assert shop.effects() == [("DETACHED_CREDIT", 700)]


def test_a_removed_gateway_is_a_typed_refusal() -> None:
    shop = open_shop()
    payment = shop.pay()
    refused = problem(without_gateway(shop).transactions.authorize(payment.id))
    assert refused == GatewayUnsupported("sandbox", "AUTHORIZE")


# --- the store fails ---


def test_the_gateway_is_not_called_if_the_intent_cannot_be_stored() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.store.before_commit = fail()
    assert problem(shop.transactions.authorize(payment.id)) == StoreUnavailable("the disk is full")
    assert shop.spy.calls == 0


def test_the_gateway_is_not_called_if_the_intent_may_not_be_stored() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.store.after_commit = fail("the connection was lost")
    assert isinstance(problem(shop.transactions.authorize(payment.id, key="k-1")), StoreUnavailable)
    assert shop.spy.calls == 0
    shop.store.after_commit = None
    assert isinstance(problem(shop.transactions.authorize(payment.id, key="k-1")), Busy)
    shop.clock.advance(MINUTE)
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_result_that_cannot_be_stored_is_unknown_and_recovered() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.spy.during = lambda _: setattr(shop.store, "before_commit", fail())
    unknown = problem(shop.transactions.authorize(payment.id, key="k-1"))
    shop.store.before_commit = shop.spy.during = None
    assert isinstance(unknown, ResultUnknown)
    assert shop.reload(payment).transactions[0].status is TransactionStatus.SENDING_TO_PROCESSOR
    shop.clock.advance(MINUTE)
    value_of(shop.maintenance.run())
    assert shop.reload(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert shop.effects() == [("AUTHORIZE", 5_990)]
    assert len(shop.spy.executed) == 1


def test_no_transaction_of_the_store_is_open_while_the_gateway_is_called() -> None:
    shop = open_shop()
    payment = shop.pay()
    made: list[Any] = []
    shop.spy.during = lambda _: made.append(shop.pay("c-2"))
    value_of(shop.transactions.authorize(payment.id))
    assert shop.reload(made[0]) == made[0]


def test_refresh_looks_up_everything_that_is_open() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    reference = value_of(shop.transactions.authorize(payment.id)).transactions[0].gateway_reference
    shop.bank.finish_async(reference)
    report = value_of(shop.transactions.refresh(payment.id))
    assert [transaction.status for transaction in report.transactions] == [TransactionStatus.SUCCEEDED]


def test_refresh_leaves_calls_in_flight_alone() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.spy.during = lambda _: shop.transactions.refresh(payment.id)
    value_of(shop.transactions.authorize(payment.id))
    assert shop.spy.looked_up == []


def test_a_void_restores_the_hold_which_can_be_captured_again() -> None:
    shop = open_shop()
    payment = captured(shop)
    value_of(shop.transactions.void(payment))
    value_of(shop.transactions.capture(payment, eur(4_000)))
    value_of(shop.transactions.reverse_authorization(payment))
    assert shop.effects() == [
        ("AUTHORIZE", 10_000),
        ("CAPTURE", 10_000),
        ("VOID", 10_000),
        ("CAPTURE", 4_000),
        ("REVERSE_AUTH", 6_000),
    ]


def test_after_settlement_refunds_replace_voids() -> None:
    shop = open_shop()
    payment = captured(shop)
    value_of(shop.transactions.settle(payment, key="k-1"))
    assert isinstance(problem(shop.transactions.void(payment)), OperationNotAllowed)
    value_of(shop.transactions.refund(payment, eur(1)))
    assert shop.effects()[-2:] == [("SETTLED", 10_000), ("REFUND", 1)]


def test_a_gateway_that_refunds_only_after_settlement_gets_no_refund_before() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "refund_requires_settlement": True}}})
    payment = captured(shop)
    assert isinstance(problem(shop.transactions.refund(payment, eur(1))), OperationNotAllowed)
    value_of(shop.transactions.settle(payment))
    value_of(shop.transactions.refund(payment, eur(1)))


def test_a_partial_capture_may_release_the_rest_and_the_release_is_recorded() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}})
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(6_000)))
    implied = only(shop.reload(payment), TransactionType.REVERSE_AUTH)
    assert (implied.amount, implied.status) == (eur(4_000), TransactionStatus.SUCCEEDED)
    assert shop.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 4_000)]


# --- the answer ---


def answering(shop: ShopFixture, **rest: Any) -> None:
    """Let the gateway answer the next calls without doing anything."""
    properties = rest.pop("method_properties", {})
    shop.spy.instead = lambda _: PaymentResponse(seen=observation(**rest), method_properties=properties)


def test_a_decline_keeps_its_code_its_kind_and_its_hardness() -> None:
    shop = open_shop()
    payment = shop.pay()
    answering(shop, status=TransactionStatus.DECLINED, code="stolen", failure_type=FailureType.FRAUD, hard=True)
    declined = problem(shop.transactions.authorize(payment.id))
    row = shop.reload(payment).transactions[0]
    assert declined == Declined("stolen", FailureType.FRAUD, hard=True, transaction_id=row.id)
    answering(shop, status=TransactionStatus.DECLINED)
    plain = problem(shop.transactions.authorize(payment.id))
    assert plain == Declined(
        "", FailureType.DECLINED, hard=False, transaction_id=shop.reload(payment).transactions[1].id
    )


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_an_answer_that_could_not_be_recorded_is_unknown_until_it_is_looked_up() -> None:
    shop = open_shop()
    payment = shop.pay()

    def keep_moving(_: object) -> None:
        shop.store.before_commit = lambda _: commit_meanwhile(shop, payment)

    shop.spy.during = keep_moving
    unknown = problem(shop.transactions.authorize(payment.id))
    shop.store.before_commit = shop.spy.during = None
    row = only(shop.reload(payment), AUTHORIZE)
    assert unknown == ResultUnknown(row.id)
    assert row.status is TransactionStatus.SENDING_TO_PROCESSOR
    shop.clock.advance(2 * MINUTE)
    value_of(shop.maintenance.run())
    assert only(shop.reload(payment), AUTHORIZE).succeeded
    assert shop.effects() == [("AUTHORIZE", 5_990)]
