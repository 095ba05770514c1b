"""One transaction: recorded before it is sent, sent once a key, recorded again; never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from payports.domain.observation import Channel, Observation
from payports.ports.gateway import PaymentRequest, PaymentResponse
from tests.application.shops import MINUTE, Bench, bench, eur, fail, only, problem, seen, told, without_gateway

AUTHORIZE = TransactionType.AUTHORIZE
CAPTURE = TransactionType.CAPTURE
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


Answering = Callable[[PaymentRequest], Any]


def _answering(status: Any = TransactionStatus.SUCCEEDED, **rest: Any) -> Answering:
    def answer(request: PaymentRequest) -> PaymentResponse:
        said: dict[str, Any] = {"channel": Channel.ANSWER, "transaction_id": request.transaction_id}
        return PaymentResponse(seen=Observation(status=status, **(said | rest)))

    return answer


def _raising(request: PaymentRequest) -> Any:
    raise RuntimeError(request.method.token)


NOTHING: Any = None
WRONG_ANSWERS: dict[str, Answering] = {
    "raises": _raising,
    "gives nothing": lambda _: None,
    "gives a text": lambda _: "SUCCEEDED",
    "gives an observation instead of a response": lambda request: _answering()(request).seen,
    "speaks of another transaction": _answering(transaction_id="t-other"),
    "has no observation": lambda _: PaymentResponse(seen=NOTHING),
    "has no status": _answering(status=None),
    "has a text as status": _answering(status="SUCCEEDED"),
    "has a number as amount": _answering(amount=5_990),
    "has no text as reference": _answering(gateway_reference=None),
    "has bytes as reference": _answering(gateway_reference=b"au_1"),
    "has a reference with NUL": _answering(gateway_reference="au\0"),
    "has an endless reference": _answering(gateway_reference="a" * 10_000_000),
    "has half a character as reference": _answering(gateway_reference="\ud800"),
    "has a number as parent": _answering(parent_reference=7),
    "has a number as message": _answering(message=7),
    "has a number as code": _answering(code=51),
    "has a number as account": _answering(account=1),
    "has a number as attribute": _answering(attributes={"a": 1}),
    "has a number as name of an attribute": _answering(attributes={1: "a"}),
    "has a text as action": _answering(TransactionStatus.REQUIRES_ACTION, next_action="https://bank.example"),
    "has a text as failure type": _answering(TransactionStatus.DECLINED, failure_type="BECAUSE"),
    "has another type": _answering(type="AUTHORIZE"),
    "says maybe": _answering(partial="maybe"),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_an_adapter_that_misbehaves_has_told_us_nothing_and_the_result_is_found(wrong: Any) -> None:
    on = bench()
    payment = on.pay()
    inner = on.spy.inner

    def do_it_and_say_it_wrong(request: PaymentRequest) -> Any:
        inner.execute(request)
        return wrong(request)

    on.spy.instead = do_it_and_say_it_wrong
    assert isinstance(problem(on.shop.transactions.authorize(payment.id)), ResultUnknown)
    on.clock.advance(MINUTE)
    told(on.shop.maintenance.run())
    assert on.again(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    assert told(on.shop.maintenance.needs_attention()) == ()


@pytest.mark.parametrize("wrong", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_look_up_that_misbehaves_has_told_us_nothing_and_does_not_stop_maintenance(wrong: Any) -> None:
    on = bench()
    payment, other = on.pay("c-1", token="tok_timeout_charged"), on.pay("c-2", token="tok_timeout_charged")
    for one in (payment, other):
        problem(on.shop.transactions.authorize(one.id))

    def misbehave(request: PaymentRequest) -> Any:
        if request.payment_id == other.id:
            return on.spy.inner.look_up(request)
        answer = wrong(request)
        return answer.seen if isinstance(answer, PaymentResponse) else answer if answer is None else "found"

    on.spy.on_look_up = misbehave
    on.clock.advance(2 * MINUTE)
    told(on.shop.maintenance.run())
    assert on.again(payment).transactions[0].status is TransactionStatus.UNKNOWN
    assert on.again(other).transactions[0].status is TransactionStatus.SUCCEEDED


def test_an_answer_of_another_amount_is_never_success() -> None:
    """hyperswitch-prism: an answer of EUR 1 to a charge of USD 1000 was reported as charged."""
    on = bench()
    for number, amount in enumerate([eur(100), eur(5_991), Money(5_990, "USD"), Money(0, "EUR")]):
        payment = on.pay(f"c-{number}")
        on.spy.instead = _answering(amount=amount, gateway_reference=f"au_{number}")
        assert isinstance(problem(on.shop.transactions.authorize(payment.id)), ResultUnknown)
        assert on.again(payment).transactions[0].discrepancy
        summary = told(on.shop.payments.summary(payment.id))
        assert not summary.amount_authorized
        assert not summary.amount_available_for_authorize


def test_an_answer_for_another_account_is_never_success() -> None:
    on = bench()
    payment = on.pay()
    on.spy.instead = _answering(amount=eur(5_990), gateway_reference="au_1", account="somebody-else")
    assert isinstance(problem(on.shop.transactions.authorize(payment.id)), ResultUnknown)
    (item,) = told(on.shop.maintenance.needs_attention())
    assert item.transaction_id == on.again(payment).transactions[0].id


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_passes_through_and_the_row_stays_sending_until_recovery(error: type[BaseException]) -> None:
    on = bench()
    payment = on.pay()

    def interrupt(request: PaymentRequest) -> None:
        on.spy.inner.execute(request)
        raise error

    on.spy.during = interrupt
    with pytest.raises(error):
        on.shop.transactions.authorize(payment.id)
    on.spy.during = None
    assert on.again(payment).transactions[0].status is TransactionStatus.SENDING_TO_PROCESSOR
    on.clock.advance(MINUTE)
    told(on.shop.maintenance.run())
    assert on.again(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_a_gateway_that_echoes_a_card_number_has_it_masked() -> None:
    on = bench()
    payment = on.pay(token="tok_approved")
    on.spy.instead = _answering(
        TransactionStatus.DECLINED, message="card 4242 4242 4242 4242 refused\r\n\x1b[31m", code="4242424242424242"
    )
    declined = problem(on.shop.transactions.authorize(payment.id))
    stored = repr(on.again(payment)) + repr(on.shop.events.history(payment.id)) + declined.message
    assert "4242424242424242" not in stored.replace(" ", "")
    assert "\\x1b" not in stored
    assert "\\r" not in stored


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
