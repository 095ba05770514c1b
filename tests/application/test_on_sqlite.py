"""Promises that depend on the store, kept on SQLite, which hosts use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from payports import Success, connect
from payports.ports.gateway import PaymentRequest
from payports.testing import FixedClock, SandboxBank
from tests.application.fixtures import SECRET, ShopFixture, eur, new_payment, value_of, watch


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopFixture]:
    clock, bank = FixedClock(), SandboxBank(webhook_secret=SECRET)
    with connect({"store": {"url": f"sqlite:///{tmp_path}/shop.db"}}, bank=bank, clock=clock) as shop:
        yield watch(shop, bank, clock)


def test_another_connection_can_write_while_the_gateway_is_called(shop: ShopFixture, tmp_path: Path) -> None:
    payment = shop.pay()
    url = f"sqlite:///{tmp_path}/shop.db"
    made: list[Any] = []

    def write_elsewhere(_: PaymentRequest) -> None:
        with connect({"store": {"url": url}}, bank=SandboxBank(), clock=FixedClock()) as other:
            assert value_of(other.payments.get(payment.id)).transactions[0].indeterminate
            made.append(value_of(other.payments.create(new_payment("c-2"))))

    shop.spy.during = write_elsewhere
    value_of(shop.transactions.authorize(payment.id))
    assert shop.reload(made[0]) == made[0]


def test_a_transaction_is_exactly_two_commits(shop: ShopFixture) -> None:
    payment = shop.pay()
    before = len(shop.store.commits)
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    assert len(shop.store.commits) - before == 2


@pytest.mark.parametrize("request_ids", ["a" * 8, "abcdefgh"])
def test_eight_clicks_at_once_have_one_effect(shop: ShopFixture, request_ids: str) -> None:
    shop.pay()

    def click(request_id: str) -> Any:
        return shop.submit(request_id=request_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, request_ids))
    assert shop.effects() == [("AUTHORIZE", 5_990)]
    assert any(isinstance(answer, Success) for answer in answers)


def test_eight_refunds_at_once_never_give_back_more_than_was_captured(shop: ShopFixture) -> None:
    payment = shop.pay(minor=10_000)
    value_of(shop.transactions.authorize_and_capture(payment.id))

    def refund(_: int) -> Any:
        return shop.transactions.refund(payment.id, eur(6_000))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refund, range(8)))
    assert sum(isinstance(answer, Success) for answer in answers) == 1
    assert shop.effects()[1:] == [("REFUND", 6_000)]
