"""A replay places or refuses every order for a reason, and its ledgers agree: on odd orders made by hand, and on real ones."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from payports import Money
from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.demonstrations.orders_file import COLUMNS, read_orders
from payports.adapters.demonstrations.replay_setup import ReplayLocation
from payports.adapters.demonstrations.replay_workers import Workers
from payports.adapters.gateways.sandbox.bank import SandboxBank
from tests.adapters.command_line.command_process import payports

HEADER: Final = ",".join(COLUMNS)
KEYS: Final = (
    "orders", "placed", "refused", "planned_minor", "captured_minor", "refunded_minor",
    "bank_captured_minor", "bank_refunded_minor", "differences",
)  # fmt: skip
ODD: Final = (
    "plain,1,credit_card,3,10.00",
    "waits,1,boleto,1,20.00",
    "at-once,1,debit_card,1,30.00",
    "gift,1,voucher,1,4.50",
    "split,1,credit_card,1,5.00",
    "split,2,voucher,1,2.50",
    "split,3,debit_card,1,1.01",
    "split,4,boleto,1,0.99",
    "nothing,1,not_defined,1,0.00",
    "zero-among,1,voucher,1,6.00",
    "zero-among,2,voucher,1,0.00",
    "unknown-type,1,pix,1,7.00",
    "unknown-among,1,credit_card,1,8.00",
    "unknown-among,2,not_defined,1,1.00",
    "smallest,1,credit_card,1,0.01",
)
"""The tenth order, which is refunded, is the one of a single cent."""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    file = tmp_path / "odd.csv"
    file.write_text("\n".join((HEADER, *ODD)) + "\n", encoding="utf-8")
    return file


def replayed(file: Path, *options: str | Path, code: int = 0, env: dict[str, str] | None = None) -> dict[str, Any]:
    ended = payports("replay", file, "--json", *options, cwd=file.parent, env=env)
    assert (ended.returncode, ended.stderr) == (code, "")
    told: dict[str, Any] = json.loads(ended.stdout)
    assert tuple(told)[: len(KEYS)] == KEYS
    assert ended.stdout.count("\n") == 1
    return told


def test_odd_orders_are_placed_or_refused_for_a_reason(odd: Path) -> None:
    told = replayed(odd)
    assert (told["orders"], told["placed"], told["refused"]) == (10, 7, 3)
    assert told["planned_minor"] == told["captured_minor"] == told["bank_captured_minor"] == 8_001
    assert told["refunded_minor"] == told["bank_refunded_minor"] == 1
    assert (told["differences"], told["failures"]) == (0, {})
    assert told["refused_orders"] == {"InvalidInput: payment_type: is none that the shop offers": 2, "NotCovered": 1}
    assert told["refused_tenders"] == {
        "InvalidInput: payment_type: is none that the shop offers": 3,
        "InvalidInput: amount: must be above zero": 1,
    }


def test_the_table_says_the_same_by_tender(odd: Path) -> None:
    ended = payports("replay", odd, cwd=odd.parent)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = {line[:11].strip(): line[11:].split() for line in ended.stdout.splitlines()}
    assert rows["credit card"] == ["4", "23.01", "15.01", "15.01", "0.01", "8.00"]
    assert rows["voucher"] == ["4", "13.00", "13.00", "13.00", "-", "-"]
    assert rows["other"] == ["3", "8.00", "-", "-", "-", "8.00"]
    assert rows["all"] == ["15", "96.01", "80.01", "80.01", "0.01", "16.00"]
    assert "10 orders, 7 placed, 3 refused; BRL throughout" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert ended.stdout.splitlines()[-1] == "ledger: 11 payments, 19 transactions, 0 differences"


def test_a_replay_may_be_repeated_and_finishes_what_was_interrupted(odd: Path, tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    part = replayed(odd, "--database", database, "--orders", "3")
    assert (part["orders"], part["placed"]) == (3, 3)
    whole = replayed(odd, "--database", database)
    assert whole == replayed(odd, "--database", database) == replayed(odd)


def test_several_workers_come_to_the_same(odd: Path, tmp_path: Path) -> None:
    assert replayed(odd, "--workers", "3") == replayed(odd)
    database = tmp_path / "kept.db"
    replayed(odd, "--database", database, "--orders", "4")
    assert replayed(odd, "--database", database, "--workers", "2") == replayed(odd)


def test_a_replay_on_postgresql_comes_to_the_same(odd: Path, tmp_path: Path, database_url: str) -> None:
    kept = ("--database", database_url, "--workers", "2")
    assert replayed(odd, *kept) == replayed(odd, *kept) == replayed(odd)
    assert {one.name for one in tmp_path.glob("*.db")} == {"payports-replay.bank.db", "payports-replay.vouchers.db"}


def test_other_commands_find_the_shop_by_the_configuration_that_is_written(odd: Path, tmp_path: Path) -> None:
    replayed(odd, "--database", tmp_path / "kept.db", "--workers", "2", "--write-config", "shop.toml")
    assert (tmp_path / "shop.toml").stat().st_mode & 0o077 == 0
    verified = payports("verify", "--gateway-look-up", "--config", "shop.toml", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    assert "19 compared with the gateways; 0 findings" in verified.stdout


def test_a_pipe_is_refused_because_it_can_be_read_but_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "orders")
    ended = payports("replay", "orders", cwd=tmp_path)
    assert (ended.returncode, "regular" in ended.stderr) == (2, True)


def test_workers_that_cannot_begin_say_why(odd: Path, tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    place = ReplayLocation(
        configuration={"store": {"url": "no"}}, vouchers=database, bank="http://127.0.0.1:9", bank_secret="s" * 16
    )
    workers = Workers(place, 2)
    try:
        with pytest.raises(Refused, match=r"store\.url"):
            list(workers.sell_all(enumerate(read_orders(odd, "BRL", None), start=1)))
    finally:
        workers.close()


def test_a_ledger_that_says_something_else_is_a_difference(odd: Path, tmp_path: Path) -> None:
    bank = SandboxBank(str(tmp_path / "bank.db"))
    bank.close()
    told = replayed(odd, "--database", tmp_path / "ours.db", "--bank", tmp_path / "bank.db")
    assert told["differences"] == 0
    (tmp_path / "ours.vouchers.db").unlink()
    told = replayed(odd, "--database", tmp_path / "ours.db", "--bank", tmp_path / "bank.db", code=1)
    assert told["differences"] > 0
    assert told["bank_captured_minor"] < told["captured_minor"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("o-1,1,credit_card,1,1.00", "o-2,1,credit_card,1,abc"), "line 3: payment_value"),
        (("o-1,1,credit_card,1,1.00", "o-2,1,voucher,1,1.00", "o-1,2,voucher,1,1.00"), "line 4: its order"),
    ],
)
def test_of_a_file_with_a_bad_line_nothing_is_sold(tmp_path: Path, rows: tuple[str, ...], says: str) -> None:
    file, database = tmp_path / "bad.csv", tmp_path / "payments.db"
    file.write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    ended = payports("replay", file, "--json", "--database", database, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, database.exists()) == (2, "", False)
    assert ended.stderr.startswith(f"Error: bad.csv: {says}")
    assert len(ended.stderr.splitlines()) == 1


def test_what_cannot_begin_is_told_in_one_line(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "no-ledger.db").write_text("this is a letter, not a database, and it is long enough")
    for options in (
        ("--currency", "BRLX"),
        ("--bank", "http://127.0.0.1:9"),
        ("--bank", tmp_path / "no-ledger.db"),
        ("--bank", "no/such/folder/bank.db"),
        ("--database", tmp_path / "no-ledger.db"),
        ("--database", tmp_path / "no" / "such" / "payments.db"),
    ):
        ended = payports("replay", odd, *options, cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert len(ended.stderr.splitlines()) == 1, ended.stderr


def real_orders() -> Path:
    for folder in (os.environ.get("PAYPORTS_DATA"), Path(__file__).resolve().parents[4] / "shared" / "data"):
        if folder and (file := Path(folder) / "olist_order_payments.csv.gz").exists():
            return file
    pytest.skip("the real orders are not here: set PAYPORTS_DATA to the folder of olist_order_payments.csv.gz")


def test_real_orders_come_to_what_the_file_says() -> None:
    told = replayed(real_orders(), "--orders", "300")
    assert told["orders"] == told["placed"] + told["refused"] == 300
    assert told["planned_minor"] == told["captured_minor"] == told["bank_captured_minor"] == told["ordered_minor"]
    assert told["refunded_minor"] == told["bank_refunded_minor"] > 0
    assert (told["differences"], told["failures"]) == (0, {})


def test_the_strangest_real_orders_are_sold_too(tmp_path: Path) -> None:
    """Those with a tender of nothing or of no type, and the one with the most tenders."""
    with gzip.open(real_orders(), "rt", encoding="utf-8", newline="") as real:
        rows = list(csv.DictReader(real))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["order_id"]] = counts.get(row["order_id"], 0) + 1
    odd = {row["order_id"] for row in rows if row["payment_value"] == "0.00" or row["payment_type"] == "not_defined"}
    options = {*odd, max(counts, key=lambda order: counts[order])}
    file = tmp_path / "strange.csv"
    with file.open("w", encoding="utf-8", newline="") as made:
        writer = csv.DictWriter(made, list[str](COLUMNS))
        writer.writeheader()
        writer.writerows(row for row in rows if row["order_id"] in options)
    told = replayed(file)
    assert (told["orders"], told["refused"]) == (7, 3)
    assert told["planned_minor"] == told["captured_minor"] == told["bank_captured_minor"]
    assert told["planned_minor"] == sum(
        Money.of(row["payment_value"], "BRL").minor for row in rows if row["order_id"] in options
    )
    assert sum(told["refused_tenders"].values()) == 6
