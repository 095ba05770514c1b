"""What is certain about a transaction after an exchange, and which statuses prove that nothing was done."""

from __future__ import annotations

from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.kit.http_results import Answer, Lost, NotSent
from payports.adapters.gateways.kit.observations import (
    declined,
    excerpt,
    interpret_execution,
    interpret_inquiry,
    not_executed,
    succeeded,
    unknown,
)
from payports.adapters.gateways.kit.refusals import REFUSALS, refusal_of
from payports.domain.judgement import ContradictionKind, judge
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentResponse
from tests.adapters.gateways.fixtures import EUR, a_request

REQUEST = a_request(AUTHORIZE, key="t-1")
NOT_EXECUTED, UNKNOWN = TransactionStatus.NOT_EXECUTED, TransactionStatus.UNKNOWN


def nobody_reads(_: Answer) -> NoReturn:
    raise AssertionError("there is no answer to read")


def test_what_never_left_was_not_executed_and_what_was_lost_is_unknown() -> None:
    for sent, status in ((NotSent("refused"), NOT_EXECUTED), (Lost("reset"), UNKNOWN)):
        seen = interpret_execution(sent, REQUEST, nobody_reads).seen
        assert (seen.status, seen.message, seen.transaction_id) == (status, sent.reason, "t-1")


def test_a_question_that_did_not_arrive_proves_nothing() -> None:
    for sent in (NotSent("refused"), Lost("reset")):
        seen = interpret_inquiry(sent, REQUEST, Channel.LOOK_UP, nobody_reads)
        assert isinstance(seen, Observation)
        assert (seen.status, seen.channel) == (UNKNOWN, Channel.LOOK_UP)


def test_an_answer_is_for_the_gateway_to_read() -> None:
    answer, seen = Answer(200, {}, b"x"), unknown(REQUEST, Channel.ANSWER)
    response = interpret_execution(answer, REQUEST, lambda given: PaymentResponse(seen=seen, raw=given.body.decode()))
    assert (response.seen, response.raw) == (seen, "x")
    assert interpret_inquiry(answer, REQUEST, Channel.LOOK_UP, lambda _: seen) is seen


def test_an_amount_is_reported_as_it_is_and_the_core_finds_that_it_differs() -> None:
    for amount in (Money.of("9.99", "EUR"), Money.of("10.01", "EUR"), Money.of("10.00", "USD"), Money.of("0", "EUR")):
        seen = succeeded(REQUEST, Channel.ANSWER, amount, "r-1")
        assert (seen.status, seen.amount) == (TransactionStatus.SUCCEEDED, amount)
        judged = judge(REQUEST.amount, "", (seen,))
        assert judged.status is UNKNOWN
        assert judged.contradiction is not None
        assert judged.contradiction.kind in (ContradictionKind.AMOUNT, ContradictionKind.CURRENCY)
    assert judge(EUR, "", (succeeded(REQUEST, Channel.ANSWER, EUR, "r-1"),)).status is TransactionStatus.SUCCEEDED


def test_failures_say_why() -> None:
    seen = declined(REQUEST, Channel.ANSWER, "stolen", FailureType.FRAUD, hard=True)
    assert (seen.status, seen.code, seen.failure_type, seen.hard) == (
        TransactionStatus.DECLINED,
        "stolen",
        FailureType.FRAUD,
        True,
    )
    assert not_executed(REQUEST, Channel.ANSWER).failure_type is FailureType.NOT_POSSIBLE


@given(st.integers(100, 599))
def test_only_the_statuses_of_the_table_prove_that_nothing_was_done(status: int) -> None:
    seen = refusal_of(status, REQUEST, code="c")
    assert (seen.status is NOT_EXECUTED) is (status in REFUSALS)
    assert seen.status in (NOT_EXECUTED, UNKNOWN)
    assert (seen.failure_type, seen.code) == (REFUSALS.get(status), "c")


@pytest.mark.parametrize("status", [100, 200, 204, 302, 408, 409, 422, 425, 500, 502, 503, 504])
def test_these_prove_nothing_unless_a_gateway_says_so(status: int) -> None:
    assert status not in REFUSALS
    own = {**REFUSALS, status: FailureType.DECLINED}
    assert refusal_of(status, REQUEST, refusals=own).failure_type is FailureType.DECLINED


def test_an_excerpt_is_short_and_without_card_numbers() -> None:
    kept = excerpt({"note": "4242 4242 4242 4242", "long": "x" * 10_000})
    assert "4242 4242" not in kept
    assert len(kept) <= 500
