"""The gateways' answers are compared with the stored transactions."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from payports import AuditPage, FindingKind, TransactionStatus
from payports.domain.capabilities import LookUp
from payports.domain.observation import Channel, Observation
from payports.ports.gateway import NotFoundYet
from tests.application.audit.findings import kinds_at_the_gateway, of_payment, of_transaction, sold
from tests.application.fixtures import ShopFixture, eur, observation, open_shop, value_of, with_gateway, without_gateway

SAYS: Final[dict[str, tuple[str, Any, FindingKind, str, bool]]] = {
    "unknown there": (
        "tok_approved",
        NotFoundYet(),
        FindingKind.GATEWAY_DIFFERS,
        "AUTHORIZE is SUCCEEDED, and the gateway does not know it",
        False,
    ),
    "silent": (
        "tok_approved",
        observation(TransactionStatus.UNKNOWN),
        FindingKind.GATEWAY_SILENT,
        "the gateway could not be asked about AUTHORIZE: no usable answer",
        False,
    ),
    "silent, with a reason": (
        "tok_approved",
        observation(TransactionStatus.UNKNOWN, message="closed"),
        FindingKind.GATEWAY_SILENT,
        "the gateway could not be asked about AUTHORIZE: closed",
        False,
    ),
    "another status": (
        "tok_declined",
        observation(TransactionStatus.SUCCEEDED),
        FindingKind.GATEWAY_DIFFERS,
        "AUTHORIZE is DECLINED, the gateway says SUCCEEDED",
        False,
    ),
    "another status, still open": (
        "tok_async",
        observation(TransactionStatus.DECLINED),
        FindingKind.GATEWAY_DIFFERS,
        "AUTHORIZE is AWAITING_RESULT, the gateway says DECLINED",
        True,
    ),
    "another amount": (
        "tok_approved",
        observation(TransactionStatus.SUCCEEDED, amount=eur(1)),
        FindingKind.GATEWAY_DIFFERS,
        "AUTHORIZE moved 59.90 EUR, the gateway says 0.01 EUR",
        False,
    ),
    "another name": (
        "tok_approved",
        observation(TransactionStatus.SUCCEEDED, gateway_reference="au_9"),
        FindingKind.GATEWAY_DIFFERS,
        "AUTHORIZE is {reference} here, and au_9 at the gateway",
        False,
    ),
}


@pytest.mark.parametrize("case", SAYS)
def test_each_difference_from_the_gateway_is_reported(case: str) -> None:
    token, answer, kind, message, known = SAYS[case]
    shop = open_shop()
    payment = shop.pay(token=token)
    shop.submit()
    shop.spy.on_look_up = lambda _: answer
    stored = shop.reload(payment)
    text = message.format(reference=stored.transactions[0].gateway_reference)
    page = value_of(shop.audit.verify(gateway_look_up=True))
    assert (list(page.findings), page.compared) == (of_transaction(kind, stored, text, known=known), 1)


def test_a_transaction_made_outside_that_the_gateway_does_not_know_is_no_finding() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize_and_capture(payment.id))
    (effect,) = shop.bank.effects()
    shop.bank.dashboard("REFUND", effect.gateway_reference, eur(1_000))
    shop.deliver_webhooks()
    inner = shop.spy.inner
    shop.spy.on_look_up = lambda request: (
        NotFoundYet() if request.type.value == "REFUND" else inner.look_up(request, fence=False)
    )
    page = value_of(shop.audit.verify(gateway_look_up=True))
    assert (page.findings, page.compared) == ((), 2)


def test_a_removed_gateway_is_reported_once_for_each_payment() -> None:
    shop, _, payment = sold()
    value_of(shop.transactions.capture(payment.id))
    page = value_of(without_gateway(shop).audit.verify(gateway_look_up=True))
    message = "gateway sandbox is not configured any more and cannot be asked"
    assert (list(page.findings), page.compared) == (of_payment(FindingKind.GATEWAY_SILENT, payment, message), 0)


def test_every_transaction_is_looked_up_and_each_difference_reported() -> None:
    shop, _, payment = sold()
    value_of(shop.transactions.capture(payment.id))
    shop.spy.on_look_up = lambda _: NotFoundYet()
    page = value_of(shop.audit.verify(gateway_look_up=True))
    assert page.compared == 2
    assert [finding.message.split()[0] for finding in page.findings] == ["AUTHORIZE", "CAPTURE"]


def sell(shop: ShopFixture) -> ShopFixture:
    shop.pay()
    value_of(shop.submit())
    return shop


ANSWERS_ABOUT_A_SUCCESS: list[tuple[dict[str, Any], list[tuple[FindingKind, bool]]]] = [
    ({}, []),
    ({"amount": eur(5_990)}, []),
    ({"amount": eur(5_991)}, [(FindingKind.GATEWAY_DIFFERS, False)]),
    ({"gateway_reference": "else"}, [(FindingKind.GATEWAY_DIFFERS, False)]),
    ({"status": TransactionStatus.DECLINED}, [(FindingKind.GATEWAY_DIFFERS, False)]),
    ({"status": TransactionStatus.REVOKED}, [(FindingKind.GATEWAY_DIFFERS, False)]),
    ({"status": TransactionStatus.UNKNOWN}, [(FindingKind.GATEWAY_SILENT, False)]),
]


@pytest.mark.parametrize(("says", "expected"), ANSWERS_ABOUT_A_SUCCESS)
def test_the_gateways_answer_is_compared_with_a_success(
    says: dict[str, Any], expected: list[tuple[FindingKind, bool]]
) -> None:
    shop = sell(open_shop())
    answer: dict[str, Any] = {"status": TransactionStatus.SUCCEEDED, "channel": Channel.LOOK_UP}
    shop.spy.on_look_up = lambda _: Observation(**(answer | says))
    assert kinds_at_the_gateway(shop) == expected


@pytest.mark.parametrize(
    ("token", "says", "expected"),
    [
        ("tok_declined", TransactionStatus.NOT_EXECUTED, []),
        ("tok_declined", TransactionStatus.AWAITING_RESULT, []),
        ("tok_declined", TransactionStatus.SUCCEEDED, [(FindingKind.GATEWAY_DIFFERS, False)]),
        ("tok_timeout_charged", TransactionStatus.SUCCEEDED, [(FindingKind.GATEWAY_DIFFERS, True)]),
        ("tok_timeout_charged", TransactionStatus.UNKNOWN, []),
        ("tok_async", TransactionStatus.SUCCEEDED, [(FindingKind.GATEWAY_DIFFERS, True)]),
        ("tok_async", TransactionStatus.AWAITING_RESULT, []),
        ("tok_wrong_amount", TransactionStatus.SUCCEEDED, [(FindingKind.GATEWAY_DIFFERS, True)]),
    ],
)
def test_a_difference_that_recovery_or_an_operator_works_on_is_known(
    token: str, says: TransactionStatus, expected: list[tuple[FindingKind, bool]]
) -> None:
    shop = open_shop()
    shop.pay(token=token)
    shop.submit()
    shop.spy.on_look_up = lambda _: Observation(status=says, channel=Channel.LOOK_UP)
    assert kinds_at_the_gateway(shop) == expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("tok_approved", [(FindingKind.GATEWAY_DIFFERS, False)]),
        ("tok_async", [(FindingKind.GATEWAY_DIFFERS, False)]),
        ("tok_declined", []),
        ("tok_timeout_not_charged", []),
    ],
)
def test_a_transaction_that_the_gateway_does_not_know_must_not_have_succeeded(
    token: str, expected: list[tuple[FindingKind, bool]]
) -> None:
    shop = open_shop()
    shop.pay(token=token)
    shop.submit()
    shop.spy.on_look_up = lambda _: NotFoundYet()
    assert kinds_at_the_gateway(shop) == expected


def test_a_call_in_flight_is_not_looked_up() -> None:
    shop = open_shop()
    payment = shop.pay()
    pages: list[AuditPage] = []
    shop.spy.during = lambda _: pages.append(value_of(shop.audit.verify(gateway_look_up=True)))
    value_of(shop.transactions.authorize(payment.id))
    assert [(page.transactions, page.compared, page.findings) for page in pages] == [(1, 0, ())]


def test_a_gateway_without_look_up_is_skipped_and_a_removed_gateway_is_reported() -> None:
    shop = sell(open_shop())
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(shop.spy.capabilities, look_up=LookUp.NONE)})()
    assert kinds_at_the_gateway(with_gateway(shop, transactions=blind)) == []
    assert kinds_at_the_gateway(without_gateway(shop)) == [(FindingKind.GATEWAY_SILENT, False)]
    empty = open_shop()
    empty.pay()
    assert kinds_at_the_gateway(without_gateway(empty)) == []


def test_nothing_is_compared_at_a_gateway_without_look_up() -> None:
    shop = open_shop()
    value_of(shop.transactions.authorize(shop.pay().id))
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(shop.spy.capabilities, look_up=LookUp.NONE)})()
    assert value_of(shop.audit.verify(gateway_look_up=True)).compared == 1
    assert value_of(with_gateway(shop, transactions=blind).audit.verify(gateway_look_up=True)).compared == 0
