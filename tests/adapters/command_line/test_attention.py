"""``payports attention`` names what a person must decide, and ``payports resolve`` records what they decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from payports import Payment, TransactionStatus, connect
from tests.adapters.command_line.command_process import payports
from tests.adapters.command_line.sample_sales import CONFIG, opened, sell


@pytest.fixture
def sold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    with opened(tmp_path) as shop:
        return sell(shop)


def loaded(payment_id: str) -> Payment:
    with connect("payports.toml") as shop:
        return shop.payments.get(payment_id).unwrap()


def listed(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    ended = payports("attention", "--json", *options, cwd=folder)
    assert ended.stderr == ""
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["count"] == len(told["items"])
    return ended.returncode, told


def test_what_needs_a_person_is_listed_with_what_to_do(tmp_path: Path, sold: dict[str, str]) -> None:
    disputed = loaded(sold["disputed"]).transactions[0]
    ended = payports("attention", cwd=tmp_path, env={"COLUMNS": "120"})
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines == [
        "why what",
        "discrepancy asked for 59.90 EUR, the gateway says 60.90 EUR",
        f"payment {sold['disputed']}",
        f"transaction {disputed.id}",
        "-> compare with the gateway's own records, then resolve() with what is true",
        "",
        "1 needs attention",
    ]


def test_machines_read_it_as_json_for_each_merchant(tmp_path: Path, sold: dict[str, str]) -> None:
    (tmp_path / "payports.toml").write_text(f"{CONFIG}[merchants.outlet.checkout]\nrollback = 'immediate'\n")
    code, told = listed(tmp_path)
    assert (code, told["count"]) == (1, 1)
    (item,) = told["items"]
    assert (item["merchant"], item["kind"], item["payment_id"]) == ("default", "DISCREPANCY", sold["disputed"])
    assert listed(tmp_path, "--merchant", "outlet") == (0, {"count": 0, "items": []})
    assert payports("attention", "--merchant", "outlet", cwd=tmp_path).stdout == "Nothing needs attention.\n"


def test_what_was_decided_is_shown_before_and_after_and_kept(tmp_path: Path, sold: dict[str, str]) -> None:
    disputed = loaded(sold["disputed"]).transactions[0]
    by = ("--operator", "Grace", "--reason", "the bank's statement says 59.90")
    said = (disputed.id, "succeeded", *by, "--gateway-reference", disputed.gateway_reference)
    ended = payports("resolve", *said, cwd=tmp_path, env={"COLUMNS": "120"})
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines[0] == f"authorize {disputed.id} of payment {sold['disputed']}, cart disputed"
    assert "status unknown succeeded" in lines
    assert "contradiction asked for 59.90 EUR, the gateway says 60.90 EUR -" in lines
    assert any(
        line.startswith("history ")
        and "transaction.observed by operator Grace, the bank's statement says 59.90:" in line
        for line in lines
    )
    assert lines[-1] == "It is SUCCEEDED now."
    after = loaded(sold["disputed"]).transactions[0]
    assert (after.status, after.discrepancy) == (TransactionStatus.SUCCEEDED, None)
    assert after.gateway_reference == disputed.gateway_reference
    with connect("payports.toml") as shop:
        (told,) = [
            one.fact
            for one in shop.events.history(sold["disputed"]).unwrap()
            if one.fact.detail.get("operator") == "Grace"
        ]
    assert (told.by, told.why) == ("operator Grace", "the bank's statement says 59.90")
    assert listed(tmp_path) == (0, {"count": 0, "items": []})
    assert payports("verify", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("status", ["NOT_EXECUTED", "declined", "not-executed"])
def test_a_failure_may_be_ruled_as_well(tmp_path: Path, sold: dict[str, str], status: str) -> None:
    doubtful = loaded(sold["doubtful"]).transactions[0]
    ended = payports("resolve", doubtful.id, status, "--operator", "Grace", "--reason", "asked", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    ruled = status.upper().replace("-", "_")
    assert ended.stdout.splitlines()[-1] == f"It is {ruled} now."
    assert loaded(sold["doubtful"]).transactions[0].status == ruled


def test_a_final_status_is_not_lowered_and_that_is_said(tmp_path: Path, sold: dict[str, str]) -> None:
    kept = loaded(sold["kept"]).transactions[0]
    ended = payports("resolve", kept.id, "DECLINED", "--operator", "Grace", "--reason", "a mistake", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[-1].startswith("It stays SUCCEEDED")
    shown = payports("show", sold["kept"], cwd=tmp_path, env={"COLUMNS": "200"}).stdout
    assert [line.split("  ")[-1].strip() for line in shown.splitlines() if "Grace" in line] == [
        "operator Grace, a mistake, without effect"
    ]
    assert loaded(sold["kept"]).transactions[0].status is TransactionStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("nobody", "SUCCEEDED", "--operator", "Grace", "--reason", "r"), "transaction"),
        ((" ", "SUCCEEDED", "--operator", "Grace", "--reason", "r"), "transaction"),
        (("TX", "MAYBE", "--operator", "Grace", "--reason", "r"), "status"),
        (("TX", "UNKNOWN", "--operator", "Grace", "--reason", "r"), "status"),
        (("TX", "SUCCEEDED", "--operator", "", "--reason", "r"), "operator"),
        (("TX", "SUCCEEDED", "--operator", "Grace", "--reason", ""), "reason"),
        (("TX", "SUCCEEDED", "--operator", "Grace", "--reason", "paid with 4242424242424242"), "reason"),
        (
            ("TX", "SUCCEEDED", "--operator", "G", "--reason", "r", "--gateway-reference", " x"),
            "gateway_reference",
        ),
        (("TX", "SUCCEEDED", "--operator", "G", "--reason", "r", "--merchant", " x"), "--merchant"),
        (("TX", "SUCCEEDED", "--operator", "G", "--reason", "r", "--merchant", "other"), "--merchant"),
    ],
)
def test_what_cannot_be_ruled_names_the_field_and_changes_nothing(
    tmp_path: Path, sold: dict[str, str], options: tuple[str, ...], names: str
) -> None:
    before = loaded(sold["doubtful"])
    given = [before.transactions[0].id if one == "TX" else one for one in options]
    ended = payports("resolve", *given, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: {names}: ")
    assert len(ended.stderr.splitlines()) == 1
    assert loaded(sold["doubtful"]) == before


def test_who_and_why_must_be_said(tmp_path: Path, sold: dict[str, str]) -> None:
    ended = payports("resolve", sold["kept"], "SUCCEEDED", cwd=tmp_path)
    assert (ended.returncode, "--operator" in ended.stderr) == (2, True)
