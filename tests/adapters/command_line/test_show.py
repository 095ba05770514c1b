"""``show`` and ``list`` say what happened, in plain words, and change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from payports import Cart, Money, NewPayment, Owner, PaymentMethod, TransactionStatus, connect
from payports.adapters.command_line.show import state_of
from payports.application.shop import Payports
from payports.testing import FixedClock, SandboxBank
from tests.adapters.command_line.command_process import payports

TOTAL: Final = Money.of("59.90", "EUR")
OWNER: Final = Owner("cart", "c-1")
CONFIG: Final = """
[store]
url = "sqlite:///shop.db"
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "payports.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(shop: Payports, token: str = "tok_approved", cart: str = "c-1") -> str:
    new = NewPayment(
        owner=Owner("cart", cart),
        amount=TOTAL,
        gateway="card",
        method=PaymentMethod({"token": token}, {"brand": "Visa", "number": "*4242"}),
    )
    return shop.payments.create(new).unwrap().id


def test_a_payment_is_shown_with_all_that_happened(folder: Path) -> None:
    with connect("payports.toml", clock=FixedClock(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))) as shop:
        payment = plan(shop, "tok_timeout_not_charged")
        shop.checkout.submit(Cart("c-1", total=TOTAL), request_id="a-1")
        (doubtful,) = shop.payments.get(payment).unwrap().transactions
        shop.maintenance.resolve(
            doubtful.id, TransactionStatus.NOT_EXECUTED, operator="Grace", reason="the bank says no"
        )
    shown = payports("show", payment, cwd=folder, env={"COLUMNS": "120"})
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines == [
        "cart c-1: 59.90 EUR by card",
        f"payment {payment}, Visa *4242, 2026-02-03 UTC",
        "when what amount status who and why",
        "04:05:06 payment created 59.90 host",
        "04:05:06 authorize 59.90 sending checkout",
        "04:05:06 authorize 59.90 unknown answer, the connection ended without an answer",
        "04:05:06 reversal candidate checkout",
        "04:05:06 authorize 59.90 not executed operator Grace, the bank says no",
        "now: nothing has moved",
    ]
    assert "tok_" not in shown.stdout


def test_a_payment_that_is_not_there_is_one_line(folder: Path) -> None:
    for name in ("nope", "", "x" * 1_000):
        shown = payports("show", name, cwd=folder)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert len(shown.stderr.splitlines()) == 1


def test_payments_are_listed_page_by_page(folder: Path) -> None:
    assert payports("list", cwd=folder).stdout == "There are no payments.\n"
    with connect("payports.toml") as shop:
        ids = sorted(plan(shop, cart=f"c-{number}") for number in range(5))
    listed = payports("list", "--limit", "3", cwd=folder)
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:4]] == ids[:3]
    assert listed.stdout.splitlines()[-1] == f"There are more: payports list --after {ids[2]}"
    rest = payports("list", "--after", ids[2], cwd=folder)
    assert [line.split()[0] for line in rest.stdout.splitlines()[1:]] == ids[3:]
    of_owner = payports("list", "--owner", "cart:c-4", cwd=folder)
    assert " ".join(of_owner.stdout.splitlines()[-1].split()).endswith("cart c-4 card 59.90 EUR planned")
    assert payports("list", "--owner", "c-4", cwd=folder).returncode == 2


def test_without_a_configuration_nothing_is_made(tmp_path: Path) -> None:
    for command in (("list",), ("show", "p-1"), ("doctor",)):
        ended = payports(*command, cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "--config" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[store]\nurl = 5", "store.url"),
        ("this is no TOML", "payports.toml"),
        ('[store]\nurl = "sqlite:///payports.toml"', "store"),
    ],
)
def test_a_wrong_configuration_is_one_line(tmp_path: Path, config: str, says: str) -> None:
    (tmp_path / "payports.toml").write_text(config)
    ended = payports("list", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("Error: ")
    assert says in ended.stderr


def take(shop: Payports, payment: str, step: str, key: str) -> None:
    half = Money(TOTAL.minor // 2, TOTAL.currency)
    match step:
        case "s":
            shop.checkout.submit(Cart("c-1", total=TOTAL), request_id="a-1")
        case "a":
            shop.payments.archive(payment).unwrap()
        case "p":
            shop.orders.capture(OWNER, "f-1", half, key=key).unwrap()
        case "c":
            shop.orders.capture(OWNER, "f-1", TOTAL, key=key).unwrap()
        case _:
            shop.orders.refund(OWNER, key, half, key=key).unwrap()


@pytest.mark.parametrize(
    ("token", "steps", "state"),
    [
        ("tok_approved", "", "planned"),
        ("tok_approved", "s", "authorized"),
        ("tok_approved", "sp", "part captured"),
        ("tok_approved", "sc", "captured"),
        ("tok_approved", "scr", "part refunded"),
        ("tok_approved", "scrr", "refunded"),
        ("tok_approved", "a", "archived"),
        ("tok_declined", "s", "declined"),
        ("tok_3ds", "s", "requires action"),
        ("tok_async", "s", "pending"),
        ("tok_timeout_charged", "s", "unknown"),
        ("tok_wrong_amount", "s", "needs attention"),
    ],
)
def test_a_state_is_a_word_or_two(token: str, steps: str, state: str) -> None:
    bank = SandboxBank()
    config = {"store": {"url": "memory:"}, "gateways": {"card": {"adapter": "sandbox"}}}
    with connect(config, bank=bank) as shop:
        payment = plan(shop, token)
        for number, step in enumerate(steps):
            take(shop, payment, step, f"k-{number}")
        assert state_of(shop.payments.get(payment).unwrap()) == state
    bank.close()
