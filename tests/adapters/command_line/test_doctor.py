"""The doctor finds what is wrong, says what to do, and shows no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from payports import Money, NewPayment, Owner, PaymentMethod, connect
from tests.adapters.command_line.command_process import payports

SECRET: Final = "whsec-" + "s" * 20
GOOD: Final = """
[store]
url = "sqlite:///shop.db"
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
webhook_secret = { env = "BANK_SECRET" }
[gateways.gift]
adapter = "stored_value"
[gateways.invoice]
adapter = "offline"
[checkout]
priority = ["card", "gift", "invoice"]
"""


def examined(folder: Path, config: str, *, secret: str | None = SECRET) -> tuple[int, str]:
    (folder / "payports.toml").write_text(config)
    env = {} if secret is None else {"BANK_SECRET": secret}
    ended = payports("doctor", cwd=folder, env=env)
    assert ended.stderr == ""
    assert SECRET not in ended.stdout
    return ended.returncode, " ".join(ended.stdout.split())


def test_a_good_configuration_is_well(tmp_path: Path) -> None:
    code, told = examined(tmp_path, GOOD)
    assert (code, told.endswith("all checks passed")) == (0, True)
    assert "problem" not in told


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ('"sqlite:///bank.db"', '"http://127.0.0.1:9"', "card does not answer"),
        ('["card", "gift", "invoice"]', '["card"]', "checkout.priority does not name gift, invoice"),
        ("[checkout]", '[[options]]\ngateway = "card"\n[checkout]', "gift is offered to no cart"),
        ("[store]", "[shop]", "configuration configuration: unknown key 'shop'"),
        ('"sqlite:///shop.db"', '"sqlite:///no/such/folder/shop.db"', "store.url"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, good: str, bad: str, says: str) -> None:
    code, told = examined(tmp_path, GOOD.replace(good, bad, 1))
    assert code == 1
    assert f"problem {says}" in told or f"problem configuration {says}" in told
    assert "-> " in told


def test_a_secret_that_is_not_set_is_found(tmp_path: Path) -> None:
    code, told = examined(tmp_path, GOOD, secret=None)
    assert (code, "gateways.card.webhook_secret: the environment variable BANK_SECRET is not set" in told) == (1, True)


def test_a_gateway_that_can_verify_nothing_is_found(tmp_path: Path) -> None:
    config = GOOD.replace('webhook_secret = { env = "BANK_SECRET" }', "")
    code, told = examined(tmp_path, config.replace('"sqlite:///bank.db"', '"http://127.0.0.1:9"'))
    assert code == 1
    assert "notifications: no webhook secret is configured -> set its webhook_secret" in told


def test_a_file_that_others_may_read_is_found(tmp_path: Path) -> None:
    examined(tmp_path, GOOD)
    (tmp_path / "shop.db").chmod(0o644)
    code, told = examined(tmp_path, GOOD)
    assert (code, "-> chmod 600 the file" in told) == (1, True)


def test_merchants_are_examined_each(tmp_path: Path) -> None:
    own = '[merchants.second.gateways.card]\nurl = "http://127.0.0.1:9"\n'
    code, told = examined(tmp_path, GOOD + own)
    assert (code, "problem second: card does not answer" in told) == (1, True)


def test_what_needs_a_person_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BANK_SECRET", SECRET)
    examined(tmp_path, GOOD)
    with connect("payports.toml") as shop:
        new = NewPayment(
            owner=Owner("cart", "c-1"),
            amount=Money(100, "EUR"),
            gateway="card",
            method=PaymentMethod({"token": "tok_wrong_amount"}),
        )
        payment = shop.payments.create(new).unwrap()
        shop.transactions.authorize(payment.id)
    code, told = examined(tmp_path, GOOD)
    assert code == 1
    assert "asked for 1.00 EUR, the gateway says 2.00 EUR" in told
    assert "problem attention" in told
