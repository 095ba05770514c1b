"""The demonstration and the replay against localstripe; the doctor and keys of the wrong mode."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.adapters.command_line.command_process import payports

DATA = os.environ.get("PAYPORTS_DATA", "")
ORDERS = "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"


def test_the_same_stories_end_with_ledgers_that_agree(tmp_path: Path) -> None:
    ended = payports("demo", "--gateway", "stripe", cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "ledger: 7 payments, 17 transactions, 0 differences"
    assert "the bank wants to see the shopper" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_orders_are_replayed_and_compared_with_what_localstripe_holds(tmp_path: Path) -> None:
    kinds = ["credit_card", "boleto", "debit_card", "voucher"] * 6 + ["not_defined"]
    rows = [f"o-{number},1,{kind},1,{number}.30\n" for number, kind in enumerate(kinds, start=1)]
    (tmp_path / "orders.csv").write_text(ORDERS + "".join(rows))
    ended = payports("replay", "orders.csv", "--gateway", "stripe", "--json", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    assert (told["orders"], told["placed"], told["differences"]) == (25, 24, 0)
    assert told["bank_captured_minor"] == told["captured_minor"] == told["planned_minor"]
    assert told["bank_refunded_minor"] == told["refunded_minor"] > 0


@pytest.mark.skipif(not DATA, reason="PAYPORTS_DATA names no folder with real orders")
def test_real_orders_are_found_where_the_data_lies(tmp_path: Path) -> None:
    ended = payports("replay", "--gateway", "stripe", "--orders", "20", cwd=tmp_path, env={"PAYPORTS_DATA": DATA})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].endswith(", 0 differences")


def test_without_orders_it_says_what_to_name(tmp_path: Path) -> None:
    ended = payports("replay", "--gateway", "stripe", cwd=tmp_path)
    assert ended.returncode == 2
    assert "PAYPORTS_DATA" in ended.stderr


@pytest.mark.parametrize(("key", "live"), [("sk_test_x", "true"), ("sk_live_x", "false")])
def test_the_doctor_refuses_a_key_of_the_other_mode(tmp_path: Path, key: str, live: str) -> None:
    config = f'[gateways.card]\nadapter = "stripe"\nsecret_key = {{ env = "KEY" }}\nlivemode = {live}\n'
    (tmp_path / "payports.toml").write_text(config)
    ended = payports("doctor", cwd=tmp_path, env={"KEY": key})
    assert ended.returncode == 1
    assert "gateways.card.secret_key" in ended.stdout
    assert key not in ended.stdout
