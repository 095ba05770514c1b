"""Another store or gateway connection is one line of configuration; the outcome stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import payports
from payports import Cart, CheckedOut, Money, NewPayment, Owner, PaymentMethod, Payports
from payports.testing import serving

CART = Cart("c-1", total=Money.of("59.90", "EUR"))
CONFIGURATION = """\
[store]
{store}

[gateways.card]
adapter = "sandbox"
{bank}

[orders]
split = "priority"
"""


@pytest.fixture(scope="module")
def bank_over_http() -> Iterator[str]:
    with serving() as bank:
        yield f'url = "{bank.url}"'


def story(shop: Payports) -> list[object]:
    """Sell, ship in two parts, and refund one, with a repeated call and a decline on the way."""
    told: list[object] = []
    declined = shop.payments.create(
        NewPayment(
            owner=Owner("cart", "c-0"),
            amount=CART.total,
            gateway="card",
            method=PaymentMethod({"token": "tok_declined"}),
        )
    ).unwrap()
    told.append(type(shop.transactions.authorize(declined.id).failure()).__name__)
    payment = shop.payments.create(
        NewPayment(
            owner=CART.owner, amount=CART.total, gateway="card", method=PaymentMethod({"token": "tok_timeout_charged"})
        )
    ).unwrap()
    told.append(type(shop.checkout.submit(CART, request_id="a-1").failure()).__name__)
    placed = shop.checkout.submit(CART, request_id="a-1").unwrap()
    assert isinstance(placed, CheckedOut)
    told.append(placed.total)
    for fulfillment, amount in (("f-1", "20.00"), ("f-2", "39.90")):
        shop.orders.capture(CART.owner, fulfillment, Money.of(amount, "EUR"), key=fulfillment).unwrap()
    shop.orders.capture(CART.owner, "f-1", Money.of("20.00", "EUR"), key="f-1").unwrap()
    shop.orders.refund(CART.owner, "r-1", Money.of("39.90", "EUR"), key="r-1").unwrap()
    after = shop.payments.get(payment.id).unwrap()
    told.extend((transaction.type, transaction.status, transaction.amount) for transaction in after.transactions)
    summary = shop.payments.summary(payment.id).unwrap()
    told.extend((summary.amount_captured, summary.amount_refunded, summary.amount_available_for_refund))
    return told


def configured(folder: Path, store: str, bank: str) -> Path:
    file = folder / "payports.toml"
    file.write_text(CONFIGURATION.format(store=store, bank=bank), encoding="utf-8")
    return file


def test_the_story_is_the_same_whatever_stands_behind_it(
    tmp_path: Path, bank_over_http: str, database_url: str
) -> None:
    in_memory, in_process = 'url = "memory:"', 'url = "memory:"'
    in_a_file = f'url = "sqlite:///{tmp_path / "shop.db"}"'
    on_a_server = f'url = "{database_url}"'
    told: list[list[object]] = []
    texts: list[list[str]] = []
    swapped_in = ((in_a_file, in_process), (on_a_server, in_process), (in_memory, bank_over_http))
    for store, bank in ((in_memory, in_process), *swapped_in):
        file = configured(tmp_path, store, bank)
        texts.append(file.read_text(encoding="utf-8").splitlines())
        with payports.connect(file) as shop:
            told.append(story(shop))
    assert told == [told[0]] * 4
    assert told[0][:3] == ["Declined", "PaymentsFailed", CART.total]
    for swapped in texts[1:]:
        assert sum(line != other for line, other in zip(texts[0], swapped, strict=True)) == 1
