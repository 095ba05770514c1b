"""Whose payments a command is about: of all merchants of the configuration, of those that are named, and of no misspelt one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from payports import Cart, Money, NewPayment, Owner, PaymentMethod, connect
from payports.adapters.command_line.shops import shops_of
from payports.ports.store import StoreFailed
from tests.adapters.command_line.command_process import payports

TOTAL: Final = Money.of("59.90", "EUR")
CONFIG: Final = """
[store]
url = "sqlite:///shop.db"
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
[merchants.outlet.checkout]
rollback = "immediate"
"""
RULING: Final = ("NOT_EXECUTED", "--operator", "Grace", "--reason", "the bank says no")


@pytest.fixture
def sold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A payment of two merchants that are configured and one that is not, each disputed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "payports.toml").write_text(CONFIG)
    payments: dict[str, str] = {}
    with connect("payports.toml") as opened:
        for merchant in ("outlet", "default", "elsewhere"):
            shop = opened.merchant(merchant)
            method = PaymentMethod({"token": "tok_wrong_amount"})
            new = NewPayment(owner=Owner("cart", "c-1"), amount=TOTAL, gateway="card", method=method)
            payments[merchant] = shop.payments.create(new).unwrap().id
            shop.checkout.submit(Cart("c-1", total=TOTAL), request_id="a-1")
    return payments


def transaction_of(merchant: str, payment_id: str) -> str:
    with connect("payports.toml") as shop:
        return shop.merchant(merchant).payments.get(payment_id).unwrap().transactions[0].id


def test_what_attention_names_is_shown_and_resolved_whosever_it_is(tmp_path: Path, sold: dict[str, str]) -> None:
    items = json.loads(payports("attention", "--json", cwd=tmp_path).stdout)["items"]
    assert {one["merchant"]: one["payment_id"] for one in items} == {name: sold[name] for name in ("default", "outlet")}
    for item in items:
        shown = payports("show", item["payment_id"], cwd=tmp_path)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.startswith("merchant outlet\n") == (item["merchant"] == "outlet")
        resolved = payports("resolve", item["transaction_id"], "SUCCEEDED", *RULING[1:], cwd=tmp_path)
        assert (resolved.returncode, resolved.stderr) == (0, "")
    assert payports("attention", cwd=tmp_path).returncode == 0


def test_a_payment_is_shown_for_its_merchant_only(tmp_path: Path, sold: dict[str, str]) -> None:
    for merchant in sold:
        shown = payports("show", sold[merchant], "--merchant", merchant, cwd=tmp_path)
        assert (shown.returncode, shown.stderr) == (0, "")
        other = payports(
            "show", sold[merchant], "--merchant", "outlet" if merchant != "outlet" else "default", cwd=tmp_path
        )
        assert (other.returncode, other.stdout) == (2, "")
        assert other.stderr == f"Error: payment: there is no {sold[merchant]}\n"
    assert payports("show", sold["elsewhere"], cwd=tmp_path).returncode == 2


def test_payments_of_several_merchants_are_listed_in_one_order(tmp_path: Path, sold: dict[str, str]) -> None:
    def listed(*options: str) -> list[list[str]]:
        ended = payports("list", *options, cwd=tmp_path, env={"COLUMNS": "200"})
        assert (ended.returncode, ended.stderr) == (0, "")
        return [line.split() for line in ended.stdout.splitlines()]

    heading, *lines = listed()
    assert heading[-1] == "merchant"
    assert [(line[0], line[-1]) for line in lines] == [(sold["outlet"], "outlet"), (sold["default"], "default")]
    assert listed("--owner", "cart:c-1")[1:] == lines
    assert listed("--limit", "1")[1] == lines[0]
    assert [line[0] for line in listed("--after", sold["outlet"])] == ["payment", sold["default"]]
    assert [line[0] for line in listed("--merchant", "elsewhere")] == ["payment", sold["elsewhere"]]
    assert listed("--merchant", "default")[0][-1] == "state"


@pytest.mark.parametrize(
    "command", ["verify", "work --once", "attention", "list", "show ID", f"resolve TX {RULING[0]}"]
)
def test_a_misspelt_merchant_is_refused_by_every_command(tmp_path: Path, sold: dict[str, str], command: str) -> None:
    given = (*command.split(), *(RULING[1:] if command.startswith("resolve") else ()))
    ended = payports(*given, "--merchant", "outlett", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "Error: --merchant: the configuration names no 'outlett', and the store holds nothing of it (there are: default, outlet)\n"
    )
    assert sold


@pytest.mark.parametrize("command", ["verify", "work --once", "attention", "list"])
@pytest.mark.parametrize("merchant", ["outlet", "elsewhere"])
def test_a_merchant_is_known_by_the_configuration_or_by_what_is_stored(
    tmp_path: Path, sold: dict[str, str], command: str, merchant: str
) -> None:
    ended = payports(*command.split(), "--merchant", merchant, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (int(command == "attention"), "")
    assert sold


def test_a_merchant_that_sold_nothing_yet_is_known_by_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "payports.toml").write_text(CONFIG)
    assert payports("verify", "--merchant", "outlet", cwd=tmp_path).returncode == 0


def test_a_store_that_fails_is_told_of_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sold: dict[str, str]
) -> None:
    assert sold
    with connect(tmp_path / "payports.toml") as shop:

        def failing(*_: object) -> None:
            raise StoreFailed("gone")

        monkeypatch.setattr("payports.adapters.repositories.common.sql_repository.SqlRepository.payment_ids", failing)
        assert list(shops_of(shop, ("elsewhere",))) == ["elsewhere"]
