"""The public contract: the names that hosts use exist, take the promised arguments, and can be matched exhaustively."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

import attrs
import pytest
from returns.result import Failure, Success

import payports
from payports import Cart, FailedPayment, Money, NewPayment, Owner, PaymentMethod, Payports, TransactionProblem
from payports.testing import FixedClock, SandboxBank

SERVICES = {
    "options": ["for_cart(cart)"],
    "payments": [
        "create(new)",
        "update(payment_id, amount, method)",
        "archive(payment_id)",
        "get(payment_id)",
        "of_owner(owner)",
        "summary(payment_id)",
        "coverage(cart)",
    ],
    "transactions": [
        "authorize(payment_id, amount, *, key)",
        "authorize_and_capture(payment_id, amount, *, key)",
        "capture(payment_id, amount, *, parent, source, key)",
        "reverse_authorization(payment_id, amount, *, key)",
        "void(payment_id, *, parent, key)",
        "refund(payment_id, amount, *, key)",
        "credit(payment_id, amount, *, key)",
        "settle(payment_id, *, key)",
        "record(payment_id, observation)",
        "refresh(payment_id)",
    ],
    "checkout": ["submit(cart, *, request_id)", "resume(gateway, params)", "cancel(owner)"],
    "orders": [
        "capture(owner, fulfillment_id, amount, *, key)",
        "cancel(owner, fulfillment_id, amount, *, key)",
        "refund(owner, return_id, amount, *, key)",
        "release(owner)",
    ],
    "saved_methods": [
        "save(customer, gateway, method)",
        "of_customer(customer)",
        "remove(saved_method_id, *, customer)",
        "use(saved_method_id, *, customer, owner, amount)",
    ],
    "tokenization": ["open(gateway, cart, customer)", "accept(gateway, payload)"],
    "webhooks": ["receive(gateway, headers, body, params)"],
    "maintenance": ["run()", "needs_attention()", "resolve(transaction_id, status, *, operator, reason)"],
    "events": ["deliver(handler)", "history(payment_id)"],
    "audit": ["verify(after, limit, *, gateway_look_up)", "verify_records(after, limit)"],
}
READ_BY_HOSTS = {
    "Money": "minor currency",
    "Currency": "code",
    "Payment": "id owner amount gateway transactions version",
    "Transaction": "id type status amount parent_id gateway_reference source discrepancy",
    "Customer": "id",
    "Cart": "id total version customer",
    "TransactionReport": "payment transactions",
    "AmountNotAvailable": "available",
    "Declined": "code failure_type hard",
    "ResultUnknown": "transaction_id",
    "Coverage": "planned secured awaiting remaining state",
    "WebhookReceipt": "status_code body applied",
    "PaymentSummary": (
        "amount_authorized amount_captured total_ever_captured amount_refunded amount_credited amount_awaiting "
        "amount_available_for_authorize amount_available_for_capture amount_available_for_reverse_authorization "
        "amount_available_for_void amount_available_for_refund fully_authorized fully_captured partially_captured "
        "next_action"
    ),
}
FAILURES = (
    "OperationNotAllowed AmountNotAvailable CurrencyMismatch PaymentNotFound Declined NotExecuted ResultUnknown Conflict Busy "
    "GatewayUnsupported StoreUnavailable"
)


@pytest.fixture
def shop() -> Iterator[Payports]:
    with connected("memory:") as shop:
        yield shop


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Payports]:
    """The same shop on every store."""
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url")
    with connected(url) as shop:
        yield shop


@contextmanager
def connected(url: str) -> Generator[Payports]:
    bank = SandboxBank()
    with payports.connect({"store": {"url": url}}, bank=bank, clock=FixedClock()) as shop:
        yield shop
    bank.close()


@pytest.mark.parametrize(
    ("service", "method"), [(name, method) for name, methods in SERVICES.items() for method in methods]
)
def test_every_service_takes_what_it_promises(shop: Payports, service: str, method: str) -> None:
    name, _, given = method.rstrip(")").partition("(")
    positional, _, keywords = given.partition("*")
    signature = inspect.signature(getattr(getattr(shop, service), name))
    places = [name for name in positional.replace(" ", "").split(",") if name]
    names = [name for name in keywords.replace(" ", "").split(",") if name]
    bound = signature.bind(*places, **dict.fromkeys(names))
    assert list(bound.arguments)[: len(places)] == places


@pytest.mark.parametrize("name", READ_BY_HOSTS)
def test_hosts_read_these_names(name: str) -> None:
    kind = getattr(payports, name)
    fields = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set[str]()
    assert set(READ_BY_HOSTS[name].split()) <= fields | set(dir(kind))


@pytest.mark.parametrize("name", FAILURES.split())
def test_every_failure_can_be_logged_and_shown(name: str) -> None:
    kind = getattr(payports, name)
    assert isinstance(kind.message, property)
    shown = kind.shopper_message  # the same sentence for all of a class, or a property of the value
    assert isinstance(shown, property) or (isinstance(shown, str) and shown.strip())


def test_the_front_door_offers_what_it_lists() -> None:
    assert all(hasattr(payports, name) for name in payports.__all__)
    assert sorted(payports.__all__) == payports.__all__


def say(problem: TransactionProblem) -> str:
    """An exhaustive match in a host: type checkers reject it when a failure is missing."""
    match problem:
        case payports.InvalidInput(field, _):
            return field
        case payports.OperationNotAllowed() | payports.CurrencyMismatch() | payports.GatewayUnsupported():
            return "refused"
        case payports.AmountNotAvailable(available):
            return str(available)
        case payports.PaymentNotFound():
            return "not found"
        case payports.Declined(code, _, hard):
            return f"{code} {hard}"
        case payports.NotExecuted() | payports.Busy() | payports.StoreUnavailable():
            return "again"
        case payports.ResultUnknown(transaction_id):
            return transaction_id
        case payports.Conflict(key):
            return key
        case _ as other:  # pyright: ignore[reportUnnecessaryComparison] -- nothing is left, which is the point
            assert_never(other)


def test_the_first_checkout_reads_as_promised(kept_shop: Payports) -> None:
    payment = kept_shop.payments.create(
        NewPayment(
            owner=Owner("cart", "c-1"),
            amount=Money.of("59.90", "EUR"),
            gateway="sandbox",
            method=PaymentMethod({"token": "tok_approved"}),
        )
    ).unwrap()
    match kept_shop.checkout.submit(Cart("c-1", total=Money.of("59.90", "EUR")), request_id="attempt-1"):
        case Success(placed):
            assert isinstance(placed, payports.CheckedOut)
        case Failure(problem):
            pytest.fail(problem.message)
    match kept_shop.transactions.capture(payment.id, Money.of("60.00", "EUR")):
        case Success(report):
            pytest.fail(f"{report} took more than there is")
        case Failure(refused):
            assert say(refused) == "59.90 EUR"


def test_what_one_merchant_has_no_other_sees(kept_shop: Payports) -> None:
    payment = kept_shop.payments.create(
        NewPayment(
            owner=Owner("cart", "c-1"),
            amount=Money.of("1.00", "EUR"),
            gateway="sandbox",
            method=PaymentMethod({"token": "tok_approved"}),
        )
    ).unwrap()
    other = kept_shop.merchant("m-2")
    assert other.payments.get(payment.id) == Failure(payports.PaymentNotFound(payment.id))
    assert other.payments.of_owner(Owner("cart", "c-1")).unwrap() == ()
    assert isinstance(other.transactions.authorize(payment.id), Failure)


def test_what_a_payment_said_is_told_payment_by_payment(kept_shop: Payports) -> None:
    kept_shop.payments.create(
        NewPayment(
            owner=Owner("cart", "c-1"),
            amount=Money.of("1.00", "EUR"),
            gateway="sandbox",
            method=PaymentMethod({"token": "tok_declined_hard"}),
        )
    ).unwrap()
    refused = kept_shop.checkout.submit(Cart("c-1", total=Money.of("1.00", "EUR")), request_id="a-1").failure()
    assert isinstance(refused, payports.PaymentsFailed)
    assert [type(detail) for detail in refused.details] == [FailedPayment]
    assert say(refused.details[0].problem) == "lost_card True"
