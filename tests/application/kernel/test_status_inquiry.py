"""Status inquiries: not found proves nothing until no request can be in flight any more, and then only for an unknown result."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import Observation, Payment, Transaction, TransactionStatus
from payports.application.kernel import status_inquiry
from payports.domain.capabilities import Capabilities, LookUp
from payports.domain.history import Cause
from payports.domain.observation import Channel
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.fixtures import (
    HOUR,
    MINUTE,
    ShopFixture,
    eur,
    observation,
    open_shop,
    problem,
    value_of,
    with_gateway,
    without_gateway,
)

UNKNOWN: Final = TransactionStatus.UNKNOWN
HOST: Final = Cause("host")


class Slow:
    """A gateway whose requests may be in flight for ten minutes, and whose look-up is unreliable for the first seven."""

    def __init__(self, shop: ShopFixture, **bounds: timedelta) -> None:
        known: dict[str, Any] = {
            "in_flight_bound": timedelta(minutes=10),
            "look_up_reliable_after": timedelta(minutes=7),
        }
        self.capabilities: Capabilities = attrs.evolve(shop.spy.capabilities, **(known | bounds))


class Saying(Slow):
    """A slow gateway that answers every look-up alike."""

    def __init__(self, shop: ShopFixture, answer: object, look_up: LookUp = LookUp.BY_KEY) -> None:
        super().__init__(shop)
        self.capabilities = attrs.evolve(self.capabilities, look_up=look_up)
        self.answer = answer

    def look_up(self, request: PaymentRequest, *, fence: bool) -> Any:
        assert fence, request
        return self.answer


def in_doubt(token: str = "tok_timeout_charged") -> tuple[ShopFixture, Payment, Transaction]:
    shop = open_shop()
    payment = shop.pay(token=token)
    shop.transactions.authorize(payment.id)
    stored = shop.reload(payment)
    return shop, stored, stored.transactions[0]


def interpreted(
    shop: ShopFixture, payment: Payment, transaction: Transaction, answer: Any, **bounds: timedelta
) -> Observation:
    slow: Any = Slow(shop, **bounds)
    return status_inquiry.interpreted(with_gateway(shop, transactions=slow).environment, payment, transaction, answer)


@pytest.mark.parametrize(
    ("reason", "message"),
    [("no such key", "not found at the gateway: no such key"), ("", "not found at the gateway")],
)
@pytest.mark.parametrize(
    ("waited", "status", "failure"),
    [(599, UNKNOWN, None), (600, TransactionStatus.NOT_EXECUTED, FailureType.NOT_POSSIBLE)],
)
def test_not_found_is_a_proof_once_no_request_can_be_in_flight(
    waited: int, status: TransactionStatus, failure: FailureType | None, reason: str, message: str
) -> None:
    shop, payment, transaction = in_doubt()
    shop.clock.advance(waited)
    assert interpreted(shop, payment, transaction, NotFoundYet(reason)) == Observation(
        status=status, channel=Channel.LOOK_UP, transaction_id=transaction.id, message=message, failure_type=failure
    )


@pytest.mark.parametrize(("in_flight", "reliable"), [(10, 7), (7, 10)])
def test_the_longer_of_two_bounds_counts(in_flight: int, reliable: int) -> None:
    shop, payment, transaction = in_doubt()
    bounds = {
        "in_flight_bound": timedelta(minutes=in_flight),
        "look_up_reliable_after": timedelta(minutes=reliable),
    }
    shop.clock.advance(599)
    assert interpreted(shop, payment, transaction, NotFoundYet(), **bounds).status is UNKNOWN
    shop.clock.advance(1)
    assert interpreted(shop, payment, transaction, NotFoundYet(), **bounds).status is TransactionStatus.NOT_EXECUTED


@pytest.mark.parametrize("token", ["tok_approved", "tok_async", "tok_3ds"])
def test_not_found_proves_nothing_about_a_transaction_that_the_gateway_knew(token: str) -> None:
    shop, payment, transaction = in_doubt(token)
    shop.clock.advance(HOUR)
    assert interpreted(shop, payment, transaction, NotFoundYet()).status is UNKNOWN


def test_an_observation_is_taken_as_it_is() -> None:
    shop, payment, transaction = in_doubt()
    answer = observation(TransactionStatus.SUCCEEDED)
    assert interpreted(shop, payment, transaction, answer) is answer


GONE: Final = "the gateway is not configured any more"


def test_a_removed_gateway_gives_no_answer() -> None:
    shop, payment, transaction = in_doubt("tok_3ds")
    env = without_gateway(shop).environment
    no_answer = Observation(status=UNKNOWN, channel=Channel.LOOK_UP, transaction_id=transaction.id, message=GONE)
    assert status_inquiry.ask_gateway(env, payment, transaction) == no_answer
    assert status_inquiry.give_up(env, payment, transaction) == no_answer


class Actions(ExternalActions):
    """Gives every action up, and keeps the requests."""

    def __init__(self) -> None:
        self.given_up: list[PaymentRequest] = []

    def confirm(self, request: PaymentRequest, params: Any) -> Observation | NotFoundYet:
        raise AssertionError((request, params))

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        self.given_up.append(request)
        return observation(TransactionStatus.DECLINED)


def test_give_up_is_called_with_the_waiting_transaction() -> None:
    shop, payment, transaction = in_doubt("tok_3ds")
    actions = Actions()
    observed = status_inquiry.give_up(with_gateway(shop, actions=actions).environment, payment, transaction)
    assert observed == observation(TransactionStatus.DECLINED, transaction_id=transaction.id, channel=Channel.LOOK_UP)
    assert [request.transaction_id for request in actions.given_up] == [transaction.id]


@pytest.mark.parametrize(("token", "fenced"), [("tok_timeout_charged", True), ("tok_async", False)])
def test_only_an_unknown_result_is_fenced(token: str, fenced: bool) -> None:
    shop, payment, transaction = in_doubt(token)
    fences: list[bool] = []
    inner = shop.spy.inner

    class Listening:
        capabilities = inner.capabilities

        def look_up(self, request: PaymentRequest, *, fence: bool) -> Any:
            fences.append(fence)
            return inner.look_up(request, fence=fence)

    listening: Any = Listening()
    status_inquiry.ask_gateway(with_gateway(shop, transactions=listening).environment, payment, transaction)
    assert fences == [fenced]


def test_an_answer_that_leaves_the_result_open_is_counted_and_recorded() -> None:
    shop, payment, transaction = in_doubt()
    slow: Any = Saying(shop, NotFoundYet())
    env = with_gateway(shop, transactions=slow).environment
    for number in (1, 2):
        payment = status_inquiry.look_up(env, payment, transaction, HOST)
        assert payment.transactions[0].look_ups == number
    assert payment == shop.reload(payment)
    assert [observation.message for observation in payment.transactions[0].seen][-1] == "not found at the gateway"


SILENCE: Final[dict[str, tuple[Any, bool]]] = {
    "nothing": (None, True),
    "no answer": (observation(UNKNOWN, message="timed out"), True),
    "no answer, in other words": (observation(UNKNOWN, code="E-17", account="a-1"), True),
    "not found": (NotFoundYet(), False),
    "still at it": (observation(TransactionStatus.AWAITING_RESULT), False),
    "an answer that cannot be read, about what it names": (observation(UNKNOWN, gateway_reference="r-1"), False),
    "an answer that cannot be read, about an amount": (observation(UNKNOWN, amount=eur(1)), False),
}


@pytest.mark.parametrize(("answer", "silent"), SILENCE.values(), ids=SILENCE)
def test_silence_leaves_no_trace_and_every_answer_does(answer: Any, silent: bool) -> None:
    shop, payment, transaction = in_doubt()
    slow: Any = Saying(shop, answer)
    env = with_gateway(shop, transactions=slow).environment
    assert status_inquiry.is_no_answer(status_inquiry.ask_gateway(env, payment, transaction)) is silent
    after = status_inquiry.look_up(env, payment, transaction, HOST)
    assert (after == payment) is silent
    assert after.transactions[0].look_ups == (0 if silent else 1)
    assert after == shop.reload(payment)


def test_an_intent_without_an_answer_becomes_unknown() -> None:
    shop = open_shop()
    payment = shop.pay()

    def die(_: object) -> None:
        raise KeyboardInterrupt

    shop.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        shop.transactions.authorize(payment.id)
    shop.spy.on_look_up = lambda _: None
    env, intent = shop.environment, shop.reload(payment)
    once = status_inquiry.look_up(env, intent, intent.transactions[0], HOST)
    assert (once.transactions[0].status, once.transactions[0].look_ups) == (UNKNOWN, 0)
    assert status_inquiry.look_up(env, once, once.transactions[0], HOST) == once == shop.reload(payment)


def test_silence_of_a_gateway_without_look_up_counts_as_its_answer() -> None:
    shop, payment, transaction = in_doubt()
    blind: Any = Saying(shop, observation(UNKNOWN), LookUp.NONE)
    after = status_inquiry.look_up(with_gateway(shop, transactions=blind).environment, payment, transaction, HOST)
    assert after.transactions[0].look_ups == 1


def test_a_look_up_that_cannot_be_recorded_leaves_the_payment_as_it_was() -> None:
    shop, payment, transaction = in_doubt()
    about_nothing = observation(TransactionStatus.SUCCEEDED, transaction_id="t-none")
    env = shop.environment
    assert status_inquiry.record_answer(env, payment, transaction, about_nothing, HOST) == payment


@pytest.mark.parametrize(("waited", "look_ups"), [(59, 0), (60, 1)])
def test_a_call_is_left_alone_while_it_may_be_in_flight(waited: int, look_ups: int) -> None:
    shop = open_shop()
    payment = shop.pay()

    def die(_: object) -> None:
        raise KeyboardInterrupt

    shop.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        shop.transactions.authorize(payment.id)
    shop.clock.advance(waited)
    shop.spy.on_look_up = lambda _: observation(TransactionStatus.AWAITING_RESULT)
    after = status_inquiry.look_up_indeterminate(shop.environment, shop.reload(payment), HOST)
    assert len(shop.spy.looked_up) == look_ups
    assert after.transactions[0].look_ups == look_ups


@pytest.mark.parametrize("token", ["tok_wrong_amount", "tok_approved", "tok_async", "tok_declined"])
def test_a_known_result_or_a_discrepancy_is_not_looked_up(token: str) -> None:
    shop, payment, _ = in_doubt(token)
    shop.clock.advance(MINUTE)
    assert status_inquiry.look_up_indeterminate(shop.environment, payment, HOST) == payment
    assert shop.spy.looked_up == []


def test_an_implied_release_is_looked_up_only_with_its_capture() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}})
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    shop.bank.fail_next("CAPTURE", "timeout_charged")
    problem(shop.transactions.capture(payment.id, eur(1_000)))
    stored = shop.reload(payment)
    assert [transaction.indeterminate for transaction in stored.transactions] == [False, True, True]
    shop.clock.advance(MINUTE)
    status_inquiry.look_up_indeterminate(shop.environment, stored, HOST)
    assert [request.type.value for request in shop.spy.looked_up] == ["CAPTURE"]
