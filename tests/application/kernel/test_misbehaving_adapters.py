"""Misbehaving adapters: anything but an answer is an unknown result, which a look-up finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from payports import Money, ResultUnknown, TransactionStatus
from payports.domain.observation import Channel, Observation
from payports.ports.gateway import PaymentRequest, PaymentResponse
from tests.application.fixtures import MINUTE, eur, open_shop, problem, value_of

Answering = Callable[[PaymentRequest], Any]


def _answering(status: Any = TransactionStatus.SUCCEEDED, **rest: Any) -> Answering:
    def answer(request: PaymentRequest) -> PaymentResponse:
        known: dict[str, Any] = {"channel": Channel.ANSWER, "transaction_id": request.transaction_id}
        return PaymentResponse(seen=Observation(status=status, **(known | rest)))

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
def test_a_misbehaving_adapter_gives_an_unknown_result_that_a_look_up_finds(wrong: Any) -> None:
    shop = open_shop()
    payment = shop.pay()
    inner = shop.spy.inner

    def do_it_and_say_it_wrong(request: PaymentRequest) -> Any:
        inner.execute(request)
        return wrong(request)

    shop.spy.instead = do_it_and_say_it_wrong
    assert isinstance(problem(shop.transactions.authorize(payment.id)), ResultUnknown)
    shop.clock.advance(MINUTE)
    value_of(shop.maintenance.run())
    assert shop.reload(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    assert value_of(shop.maintenance.needs_attention()) == ()


@pytest.mark.parametrize("wrong", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_misbehaving_look_up_gives_no_result_and_does_not_stop_maintenance(wrong: Any) -> None:
    shop = open_shop()
    payment, other = shop.pay("c-1", token="tok_timeout_charged"), shop.pay("c-2", token="tok_timeout_charged")
    for unknown in (payment, other):
        problem(shop.transactions.authorize(unknown.id))

    def misbehave(request: PaymentRequest) -> Any:
        if request.payment_id == other.id:
            return shop.spy.inner.look_up(request)
        answer = wrong(request)
        return answer.seen if isinstance(answer, PaymentResponse) else answer if answer is None else "found"

    shop.spy.on_look_up = misbehave
    shop.clock.advance(2 * MINUTE)
    value_of(shop.maintenance.run())
    assert shop.reload(payment).transactions[0].status is TransactionStatus.UNKNOWN
    assert shop.reload(other).transactions[0].status is TransactionStatus.SUCCEEDED


def test_an_answer_with_another_amount_is_never_a_success() -> None:
    """hyperswitch-prism: an answer of EUR 1 to a charge of USD 1000 was reported as charged."""
    shop = open_shop()
    for number, amount in enumerate([eur(100), eur(5_991), Money(5_990, "USD"), Money(0, "EUR")]):
        payment = shop.pay(f"c-{number}")
        shop.spy.instead = _answering(amount=amount, gateway_reference=f"au_{number}")
        assert isinstance(problem(shop.transactions.authorize(payment.id)), ResultUnknown)
        assert shop.reload(payment).transactions[0].discrepancy
        summary = value_of(shop.payments.summary(payment.id))
        assert not summary.amount_authorized
        assert not summary.amount_available_for_authorize


def test_an_answer_for_another_account_is_never_a_success() -> None:
    shop = open_shop()
    payment = shop.pay()
    shop.spy.instead = _answering(amount=eur(5_990), gateway_reference="au_1", account="somebody-else")
    assert isinstance(problem(shop.transactions.authorize(payment.id)), ResultUnknown)
    (item,) = value_of(shop.maintenance.needs_attention())
    assert item.transaction_id == shop.reload(payment).transactions[0].id


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_leaves_the_transaction_sending_until_recovery(error: type[BaseException]) -> None:
    shop = open_shop()
    payment = shop.pay()

    def interrupt(request: PaymentRequest) -> None:
        shop.spy.inner.execute(request)
        raise error

    shop.spy.during = interrupt
    with pytest.raises(error):
        shop.transactions.authorize(payment.id)
    shop.spy.during = None
    assert shop.reload(payment).transactions[0].status is TransactionStatus.SENDING_TO_PROCESSOR
    shop.clock.advance(MINUTE)
    value_of(shop.maintenance.run())
    assert shop.reload(payment).transactions[0].status is TransactionStatus.SUCCEEDED
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_a_card_number_in_an_answer_is_masked() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_approved")
    shop.spy.instead = _answering(
        TransactionStatus.DECLINED, message="card 4242 4242 4242 4242 refused\r\n\x1b[31m", code="4242424242424242"
    )
    declined = problem(shop.transactions.authorize(payment.id))
    stored = repr(shop.reload(payment)) + repr(shop.events.history(payment.id)) + declined.message
    assert "4242424242424242" not in stored.replace(" ", "")
    assert "\\x1b" not in stored
    assert "\\r" not in stored
