"""Transactions by the host: every argument is passed on, and no more money moves than is available."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from returns.result import Failure

import payports
from payports import (
    AmountNotAvailable,
    Conflict,
    LookUp,
    Money,
    NewPayment,
    NotExecuted,
    NotFoundYet,
    Observation,
    OperationNotAllowed,
    Owner,
    PaymentMethod,
    ResultUnknown,
    Source,
    Success,
    TransactionGateway,
    TransactionStatus,
    TransactionType,
)
from payports.domain.capabilities import Capabilities, ReverseAuthorization
from payports.domain.observation import Channel
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import FixedClock
from tests.application.fixtures import ShopFixture, eur, open_shop, problem, value_of, with_capabilities

TEN = Money.of("10.00", "EUR")


class PageGateway(TransactionGateway):
    """Knows the intent that a hosted page confirmed; finds it by reference only."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(look_up=LookUp.BY_REFERENCE)

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        raise AssertionError(f"nothing is executed here: {request.type}")

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002
        if request.gateway_reference != "pi_1":
            return NotFoundYet()
        return Observation(
            status=TransactionStatus.SUCCEEDED, channel=Channel.LOOK_UP, amount=TEN, gateway_reference="pi_1"
        )


def test_a_transaction_made_by_a_hosted_page_is_recorded_and_looked_up() -> None:
    config = {"store": {"url": "memory:"}, "gateways": {"page": {"adapter": "sandbox"}}}
    with payports.connect(config, gateways={"page": PageGateway()}, clock=FixedClock()) as shop:
        payment = shop.payments.create(
            NewPayment(owner=Owner("cart", "c-1"), amount=TEN, gateway="page", method=PaymentMethod({"token": "t"}))
        ).unwrap()
        executed = Observation(
            status=TransactionStatus.UNKNOWN,
            channel=Channel.RETURN,
            type=TransactionType.AUTHORIZE,
            gateway_reference="pi_1",
        )
        recorded = shop.transactions.record(payment.id, executed)
        assert isinstance(recorded, Failure)
        assert isinstance(recorded.failure(), ResultUnknown)
        assert isinstance(shop.transactions.record(payment.id, executed), Failure)
        refreshed = shop.transactions.refresh(payment.id).unwrap()
        assert [transaction.status for transaction in refreshed.payment.transactions] == [TransactionStatus.SUCCEEDED]
        assert shop.payments.summary(payment.id).unwrap().amount_authorized == TEN


# --- requests in parts ---


REFUND: Final = TransactionType.REFUND


def test_parts_after_a_failed_part_are_recorded_as_not_executed() -> None:
    shop = open_shop()
    payment = shop.pay(minor=3_000)
    value_of(shop.transactions.authorize(payment.id))
    for _ in range(3):
        value_of(shop.transactions.capture(payment.id, eur(1_000)))
    shop.bank.fail_next("REFUND", "declined")
    problem(shop.transactions.refund(payment.id))
    refunds = [transaction for transaction in shop.reload(payment).transactions if transaction.type is REFUND]
    assert [transaction.status for transaction in refunds] == [
        TransactionStatus.DECLINED,
        *[TransactionStatus.NOT_EXECUTED] * 2,
    ]
    for transaction in refunds[1:]:
        assert transaction.seen == (
            Observation(
                status=TransactionStatus.NOT_EXECUTED,
                channel=Channel.ANSWER,
                transaction_id=transaction.id,
                message="not sent, because what came before it did not succeed",
            ),
        )
    assert len([request for request in shop.spy.executed if request.type is REFUND]) == 1


def test_a_repeated_key_sends_exactly_what_is_left() -> None:
    shop = open_shop()
    payment = shop.pay(minor=3_000)
    value_of(shop.transactions.authorize(payment.id))
    for part in (2_999, 1):
        value_of(shop.transactions.capture(payment.id, eur(part)))
    shop.bank.fail_next("REFUND", "approved")
    shop.bank.fail_next("REFUND", "unreachable")
    failed = problem(shop.transactions.refund(payment.id, key="k-1"))
    assert isinstance(failed, NotExecuted)
    report = value_of(shop.transactions.refund(payment.id, key="k-1"))
    assert [transaction.requested.minor for transaction in report.transactions] == [2_999, 1]
    assert [minor for _, minor in shop.effects(REFUND)] == [2_999, 1]


# --- arguments ---


CAPTURE: Final = TransactionType.CAPTURE
MOVES: Final[dict[str, tuple[TransactionType, Callable[[ShopFixture, str], Any]]]] = {
    "capture": (CAPTURE, lambda shop, payment_id: shop.transactions.authorize(payment_id)),
    "reverse_authorization": (
        TransactionType.REVERSE_AUTH,
        lambda shop, payment_id: shop.transactions.authorize(payment_id),
    ),
    "void": (TransactionType.VOID, lambda shop, payment_id: shop.transactions.authorize_and_capture(payment_id)),
    "refund": (REFUND, lambda shop, payment_id: shop.transactions.authorize_and_capture(payment_id)),
}


@pytest.mark.parametrize("name", MOVES)
def test_every_argument_of_an_operation_is_passed_on(name: str) -> None:
    kind, before = MOVES[name]
    shop = with_capabilities(open_shop(), partial_void=True, reverse_authorization=ReverseAuthorization.PARTIAL)
    payment = shop.pay(minor=3_000)
    first = value_of(before(shop, payment.id)).transactions[0]
    move, source = getattr(shop.transactions, name), Source("order line", "l-1")
    made = value_of(move(payment.id, eur(3_000), parent=first.id, source=source, key="k-1")).transactions[0]
    assert (made.type, made.requested, made.parent_id, made.source, made.key) == (
        *(kind, eur(3_000), first.id, source),
        "k-1",
    )
    assert problem(move(payment.id, eur(1), parent=first.id, source=source, key="k-1")) == Conflict("k-1")
    assert isinstance(problem(move(payment.id, eur(1), parent="t-none")), OperationNotAllowed)


@pytest.mark.parametrize("name", ["authorize", "authorize_and_capture"])
def test_an_authorization_takes_an_amount_and_a_key(name: str) -> None:
    shop = open_shop()
    made = value_of(getattr(shop.transactions, name)(shop.pay().id, eur(1_000), key="k-1")).transactions[0]
    assert (made.type.value, made.requested, made.key) == (name.upper(), eur(1_000), "k-1")


def test_a_credit_and_a_settlement_take_their_arguments() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "detached_credit": True}}})
    payment = shop.pay()
    sale = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    source = Source("goodwill", "g-1")
    credit = value_of(shop.transactions.credit(payment.id, eur(100), source=source, key="k-1")).transactions[0]
    assert (credit.requested, credit.source, credit.key, credit.parent_id) == (eur(100), source, "k-1", None)
    settled = value_of(shop.transactions.settle(payment.id, eur(5_990), parent=sale.id, key="k-2")).transactions[0]
    assert (settled.requested, settled.parent_id, settled.key) == (eur(5_990), sale.id, "k-2")


@pytest.mark.parametrize(
    ("token", "look_ups"),
    [
        ("tok_approved", 0),
        ("tok_declined", 0),
        ("tok_unreachable", 0),
        ("tok_async", 1),
        ("tok_3ds", 1),
        ("tok_timeout_charged", 1),
    ],
)
def test_a_refresh_looks_up_what_may_still_change(token: str, look_ups: int) -> None:
    shop = open_shop()
    payment = shop.pay(token=token)
    shop.transactions.authorize(payment.id)
    shop.transactions.refresh(payment.id)
    assert len(shop.spy.looked_up) == look_ups


def test_a_request_without_a_return_url_and_a_parent_has_none() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.refresh(payment.id))
    for request in (*shop.spy.executed, *shop.spy.looked_up):
        assert (request.return_url, request.parent_id, request.parent_reference) == ("", "", "")


@pytest.mark.parametrize("which", [0, 1])
def test_the_named_capture_of_several_is_settled(which: int) -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    captures = [value_of(shop.transactions.capture(payment.id, eur(minor))).transactions[0] for minor in (1_000, 2_000)]
    settled = value_of(shop.transactions.settle(payment.id, parent=captures[which].id)).transactions
    assert [(transaction.parent_id, transaction.requested) for transaction in settled] == [
        (captures[which].id, captures[which].requested)
    ]


def test_no_more_is_settled_than_was_requested() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    first, _ = [value_of(shop.transactions.capture(payment.id, eur(minor))).transactions[0] for minor in (1_000, 2_000)]
    settled = value_of(shop.transactions.settle(payment.id, eur(1_000))).transactions
    assert [(transaction.parent_id, transaction.requested) for transaction in settled] == [(first.id, eur(1_000))]


# --- limits ---


def at_once(call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(call, range(8)))


def test_eight_threads_with_one_key_have_one_effect() -> None:
    shop = open_shop()
    payment = shop.pay()
    answers = at_once(lambda _: shop.transactions.authorize(payment.id, key="k-1"))
    assert any(isinstance(answer, Success) for answer in answers)
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_eight_threads_without_a_key_never_hold_more_than_the_payment() -> None:
    shop = open_shop()
    payment = shop.pay()
    at_once(lambda _: shop.transactions.authorize(payment.id))
    assert shop.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("kind", ["refund", "capture"])
def test_two_of_sixty_on_a_hundred_at_once_do_not_both_go_through(kind: str) -> None:
    """Hyperswitch and Vendure refund 120 of 100."""
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    if kind == "refund":
        value_of(shop.transactions.capture(payment.id))
    move = getattr(shop.transactions, kind)
    answers = at_once(lambda _: move(payment.id, eur(6_000)))
    assert sum(isinstance(answer, Success) for answer in answers) == 1
    refusals = [problem(answer) for answer in answers if not isinstance(answer, Success)]
    assert set(map(type, refusals)) <= {AmountNotAvailable, OperationNotAllowed}
    assert shop.effects(TransactionType[kind.upper()]) == [(kind.upper(), 6_000)]


def test_an_authorization_of_ten_is_not_captured_twice_for_ten() -> None:
    """Kill Bill captures it twice."""
    shop = open_shop()
    payment = shop.pay(minor=1_000)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.capture(payment.id, eur(1_000)))
    assert problem(shop.transactions.capture(payment.id, eur(1_000))) == AmountNotAvailable(eur(0))


def test_no_more_is_captured_than_was_authorized() -> None:
    """django-payments: capture 999 of 100."""
    shop = open_shop()
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize(payment.id))
    assert problem(shop.transactions.capture(payment.id, eur(99_900))) == AmountNotAvailable(eur(10_000))
