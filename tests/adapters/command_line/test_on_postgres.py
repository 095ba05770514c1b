"""The commands that look at a shop look at one on PostgreSQL as well, and show no password."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from payports import Cart, Money, NewPayment, PaymentMethod, connect
from tests.adapters.command_line.command_process import payports

TOTAL: Final = Money.of("59.90", "EUR")
CART: Final = Cart("c-1", total=TOTAL)
CONFIG: Final = """
[store]
url = "{url}"
password = {{ env = "PW" }}
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
"""
SECRET: Final = {"PW": "pw_canary"}


def test_doctor_show_and_list_work_on_postgresql(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "payports.toml").write_text(CONFIG.format(url=database_url))
    given = {
        "store": {"url": database_url},
        "gateways": {"card": {"adapter": "sandbox", "url": f"sqlite:///{tmp_path}/bank.db"}},
    }
    with connect(given) as shop:
        new = NewPayment(
            owner=CART.owner, amount=TOTAL, gateway="card", method=PaymentMethod({"token": "tok_approved"})
        )
        payment = shop.payments.create(new).unwrap().id
        shop.checkout.submit(CART, request_id="a-1").unwrap()
    for arguments, expected in (
        (("doctor",), "store postgresql"),
        (("list",), payment),
        (("show", payment), "59.90 EUR by card"),
    ):
        told = payports(*arguments, cwd=tmp_path, env={**SECRET, "COLUMNS": "200"})
        assert (told.returncode, told.stderr) == (0, "")
        assert expected in told.stdout
        assert "pw_canary" not in told.stdout


def test_doctor_tells_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "payports.toml").write_text(CONFIG.format(url="postgresql://me@127.0.0.1:1/shop"))
    told = payports("doctor", cwd=tmp_path, env={**SECRET, "COLUMNS": "200"})
    assert told.returncode == 1
    assert "no server answers at this address" in told.stdout
    assert "pw_canary" not in told.stdout + told.stderr
