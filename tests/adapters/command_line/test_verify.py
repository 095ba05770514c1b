"""``payports verify`` finds nothing in what the library has written, and finds what a hand has changed in the file."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from payports import connect
from payports.domain.audit.findings import Finding, FindingKind
from payports.testing import SandboxBank
from tests.adapters.command_line.command_process import payports
from tests.adapters.command_line.sample_sales import CONFIG, opened, sell

# The statements are this file's own words.
# ruff: noqa: S608


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("sold")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        with opened(folder) as shop:
            return folder, sell(shop)


@pytest.fixture
def folder(sold: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A copy of the shop's files, to be tampered with."""
    copy = tmp_path / "copy"
    shutil.copytree(sold[0], copy)
    return copy


def verified(folder: Path, *options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """The exit code, what was found that nobody knows of, and the tally."""
    ended = payports("verify", "--json", *options, cwd=folder)
    assert ended.stderr == ""
    *found, tally = [json.loads(line) for line in ended.stdout.splitlines()]
    unknown = [one for one in found if not one["known"]]
    assert tally["found"] == len(unknown)
    return ended.returncode, unknown, tally


def audited(folder: Path) -> tuple[Finding, ...]:
    """The same without a process of its own."""
    config = {
        "store": {"url": f"sqlite:///{folder / 'shop.db'}"},
        "gateways": {"card": {"adapter": "sandbox", "url": f"sqlite:///{folder / 'bank.db'}"}},
    }
    with connect(config) as shop:
        return shop.audit.verify().unwrap().findings


def tamper(folder: Path, *statements: str, **named: str) -> None:
    """Do by hand what no library would: without triggers and foreign keys."""
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = 0")
        connection.execute("DROP TRIGGER history_is_not_rewritten")
        connection.execute("DROP TRIGGER history_is_not_deleted")
        for statement in statements:
            assert connection.execute(statement, named).rowcount > 0, statement


def test_nothing_is_found_in_what_the_library_wrote(folder: Path) -> None:
    code, found, tally = verified(folder)
    assert (code, found, tally["payments"], tally["compared"]) == (0, [], 7, 0)
    assert tally["facts"] > tally["transactions"] > tally["payments"]
    assert tally["merchants"] == ["default"]


CAPTURE: Final = "type = 'CAPTURE' AND payment_id = :returned"
AUTHORIZE: Final = "type = 'AUTHORIZE' AND payment_id = :returned"

EDITS: Final[dict[str, tuple[FindingKind, str]]] = {
    "an amount that was asked for": (
        FindingKind.HISTORY_DIFFERS,
        f"UPDATE transactions SET requested_minor = requested_minor - 1 WHERE {AUTHORIZE}",
    ),
    "a capture above its hold": (
        FindingKind.LIMIT,
        f"UPDATE transactions SET requested_minor = requested_minor * 2, details = replace(details, '5990', '11980') WHERE {CAPTURE}",
    ),
    "what was seen": (
        FindingKind.HISTORY_DIFFERS,
        f"UPDATE transactions SET details = replace(details, 'SUCCEEDED', 'DECLINED') WHERE {CAPTURE}",
    ),
    "an amount that was seen": (
        FindingKind.HISTORY_DIFFERS,
        f"UPDATE transactions SET details = replace(details, '5990', '5991') WHERE {CAPTURE}",
    ),
    "the status that queries see": (
        FindingKind.ROWS,
        f"UPDATE transactions SET status = 'DECLINED' WHERE {CAPTURE}",
    ),
    "the amount that queries see": (
        FindingKind.ROWS,
        f"UPDATE transactions SET amount_minor = 1 WHERE {CAPTURE}",
    ),
    "the reference that queries see": (
        FindingKind.REFERENCE,
        f"UPDATE transactions SET gateway_reference = 'else' WHERE {CAPTURE}",
    ),
    "a reference that another payment has": (
        FindingKind.REFERENCE,
        "UPDATE transactions SET gateway_reference = (SELECT gateway_reference FROM transactions WHERE payment_id = :kept)"
        " WHERE type = 'AUTHORIZE' AND payment_id = :shipped",
    ),
    "a reference": (
        FindingKind.HISTORY_DIFFERS,
        f"UPDATE transactions SET details = replace(details, gateway_reference, 'else'), gateway_reference = 'else' WHERE {CAPTURE}",
    ),
    "a type": (FindingKind.LIFECYCLE, f"UPDATE transactions SET type = 'VOID' WHERE {CAPTURE}"),
    "a type that there is not": (FindingKind.UNREADABLE, f"UPDATE transactions SET type = 'GIFT' WHERE {CAPTURE}"),
    "a parent": (FindingKind.LIFECYCLE, f"UPDATE transactions SET parent_id = NULL WHERE {CAPTURE}"),
    "a currency": (FindingKind.CURRENCY, f"UPDATE transactions SET currency = 'USD' WHERE {CAPTURE}"),
    "a currency that there is not": (
        FindingKind.UNREADABLE,
        f"UPDATE transactions SET currency = 'XXQ' WHERE {CAPTURE}",
    ),
    "the time of a transaction": (
        FindingKind.TIME,
        f"UPDATE transactions SET created_at = '2001-01-01T00:00:00.000000+00:00' WHERE {CAPTURE}",
    ),
    "a time without its zone": (
        FindingKind.TIME,
        f"UPDATE transactions SET created_at = '2026-01-01T00:00:00' WHERE {CAPTURE}",
    ),
    "a time in the future": (
        FindingKind.TIME,
        "UPDATE payments SET created_at = '2999-01-01T00:00:00.000000+00:00' WHERE id = :kept",
    ),
    "a reversal's state": (
        FindingKind.REVERSAL,
        "UPDATE transactions SET reversal = 'REVERSED' WHERE payment_id = :kept",
    ),
    "a reversal that is owed": (
        FindingKind.ORPHAN,
        "UPDATE transactions SET reversal = 'REQUIRES_REVERSAL', due_at = NULL WHERE payment_id = :kept",
    ),
    "the date of a doubt": (
        FindingKind.ORPHAN,
        "UPDATE transactions SET due_at = NULL WHERE payment_id = :doubtful",
    ),
    "a date that never comes": (
        FindingKind.ORPHAN,
        "UPDATE transactions SET due_at = '2999-01-01T00:00:00.000000+00:00' WHERE payment_id = :doubtful",
    ),
    "a release's capture": (
        FindingKind.RELEASE,
        "UPDATE transactions SET details = json_set(details, '$.implied_by', 'nobody')"
        " WHERE type = 'REVERSE_AUTH' AND payment_id = :shipped",
    ),
    "a transaction that is gone": (FindingKind.HISTORY_DIFFERS, f"DELETE FROM transactions WHERE {CAPTURE}"),
    "a transaction that nobody made": (
        FindingKind.HISTORY_DIFFERS,
        "INSERT INTO transactions SELECT merchant, 'forged', payment_id, 9, type, status, requested_minor, amount_minor, currency,"
        " gateway, gateway_reference, parent_id, request_key, source_kind, source_id, reversal, discrepancy, due_at, created_at,"
        " details, attention FROM transactions WHERE type = 'REFUND' AND payment_id = :returned",
    ),
    "a transaction of another merchant": (
        FindingKind.HISTORY_DIFFERS,
        f"UPDATE transactions SET merchant = 'other' WHERE {CAPTURE}",
    ),
    "a payment of another merchant": (
        FindingKind.UNREADABLE,
        "UPDATE payments SET merchant = 'other' WHERE id = :kept",
    ),
    "a payment that is gone": (FindingKind.UNREADABLE, "DELETE FROM payments WHERE id = :kept"),
    "a payment's amount": (FindingKind.LIMIT, "UPDATE payments SET amount_minor = 1 WHERE id = :kept"),
    "a payment for nothing": (FindingKind.AMOUNT, "UPDATE payments SET amount_minor = 0 WHERE id = :declined"),
    "a payment's gateway": (FindingKind.HISTORY_DIFFERS, "UPDATE payments SET gateway = 'wire' WHERE id = :declined"),
    "a payment's owner": (FindingKind.CHECKOUT, "UPDATE payments SET owner_id = 'nobody' WHERE id = :kept"),
    "a payment put away": (FindingKind.HISTORY_DIFFERS, "UPDATE payments SET archived = 1 WHERE id = :kept"),
    "a payment's document": (FindingKind.UNREADABLE, "UPDATE payments SET details = '{' WHERE id = :kept"),
    "a version": (FindingKind.VERSION, "UPDATE payments SET version = 1 WHERE id = :returned"),
    "a fact in the middle": (
        FindingKind.HISTORY_GAP,
        "DELETE FROM history WHERE sequence = 3 AND payment_id = :returned",
    ),
    "the first fact": (FindingKind.HISTORY_GAP, "DELETE FROM history WHERE sequence = 1 AND payment_id = :returned"),
    "the last fact": (
        FindingKind.HISTORY_DIFFERS,
        "DELETE FROM history WHERE payment_id = :returned"
        " AND sequence = (SELECT max(sequence) FROM history WHERE payment_id = :returned)",
    ),
    "the number of facts": (FindingKind.ROWS, "UPDATE payments SET facts = facts + 1 WHERE id = :returned"),
    "all facts": (FindingKind.HISTORY_DIFFERS, "DELETE FROM history WHERE payment_id = :returned"),
    "the order of facts": (
        FindingKind.HISTORY_GAP,
        "UPDATE history SET position = position + 1000 WHERE sequence = 2 AND payment_id = :returned",
    ),
    "what a fact says": (
        FindingKind.HISTORY_DIFFERS,
        "UPDATE history SET details = replace(details, 'SUCCEEDED', 'DECLINED') WHERE payment_id = :returned",
    ),
    "who caused it": (FindingKind.HISTORY_DIFFERS, "UPDATE history SET who = '' WHERE payment_id = :kept"),
    "when a fact was told": (
        FindingKind.TIME,
        "UPDATE history SET at = '2001-01-01T00:00:00.000000+00:00' WHERE sequence = 2 AND payment_id = :returned",
    ),
    "a fact that cannot be read": (
        FindingKind.UNREADABLE,
        "UPDATE history SET details = '[' WHERE payment_id = :returned",
    ),
    "a key": (FindingKind.REQUEST, "UPDATE transactions SET request_key = 'else' WHERE payment_id = :again"),
    "a key's record": (FindingKind.REQUEST, "DELETE FROM requests WHERE key = 'by-hand'"),
    "what a key asked for": (FindingKind.REQUEST, "UPDATE requests SET plan = '1' WHERE key = 'by-hand'"),
    "an order's total": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET total_minor = total_minor + 1 WHERE owner_id = 'kept'",
    ),
    "an order's state": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET state = 'FAILED' WHERE owner_id = 'kept'",
    ),
    "an order that is gone": (FindingKind.CHECKOUT, "DELETE FROM checkouts WHERE owner_id = 'kept'"),
    "an order that nobody paid": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET state = 'PLACED' WHERE owner_id = 'declined'",
    ),
    "an order that was paid in part": (
        FindingKind.COVER,
        "UPDATE transactions SET requested_minor = 1000, details = replace(details, '5990', '1000') WHERE payment_id = :kept",
    ),
    "an order in another currency": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET currency = 'USD' WHERE owner_id = 'kept'",
    ),
    "a saved method's customer": (FindingKind.SAVED_METHOD, "UPDATE saved_methods SET customer = 'eve'"),
    "a saved method that is gone": (FindingKind.SAVED_METHOD, "DELETE FROM saved_methods"),
}


@pytest.mark.parametrize("changed", EDITS)
def test_what_a_hand_has_changed_is_found(folder: Path, sold: tuple[Path, dict[str, str]], changed: str) -> None:
    kind, statement = EDITS[changed]
    named = {name: payment for name, payment in sold[1].items() if f":{name}" in statement}
    tamper(folder, statement, **named)
    found = [one for one in audited(folder) if not one.known]
    assert kind in {one.kind for one in found}, found
    touched = set(named.values()) or {one.payment_id for one in found}
    assert {one.payment_id for one in found} & touched


def test_findings_are_told_in_a_sentence_each(folder: Path, sold: tuple[Path, dict[str, str]]) -> None:
    tamper(folder, "UPDATE transactions SET due_at = NULL WHERE payment_id = :doubtful", doubtful=sold[1]["doubtful"])
    ended = payports("verify", cwd=folder)
    assert (ended.returncode, ended.stderr) == (1, "")
    told, tally = ended.stdout.splitlines()
    assert told.startswith(f"FOUND  orphan: {sold[1]['doubtful']} ")
    assert told.endswith(": AUTHORIZE is UNKNOWN, without a date for the next look and shown to nobody")
    assert tally.startswith("verified: 7 payments,")
    assert tally.endswith("; 1 findings")


def test_gateways_are_asked_and_say_the_same(folder: Path) -> None:
    code, found, tally = verified(folder, "--gateway-look-up")
    assert (code, found) == (0, [])
    assert tally["compared"] == tally["transactions"] - 1  # what a partial capture implies has no name of its own


def test_a_gateway_that_says_otherwise_is_found(folder: Path) -> None:
    (folder / "bank.db").unlink()
    SandboxBank(str(folder / "bank.db")).close()
    before = (folder / "shop.db").read_bytes()
    code, found, _ = verified(folder, "--gateway-look-up")
    assert code == 1
    assert {one["kind"] for one in found} == {"GATEWAY_DIFFERS"}
    assert all(one["message"].endswith(" is SUCCEEDED, and the gateway does not know it") for one in found)
    assert (folder / "shop.db").read_bytes() == before
    assert verified(folder)[0] == 0


def test_a_gateway_that_does_not_answer_is_no_agreement(folder: Path) -> None:
    config = CONFIG.replace("sqlite:///bank.db", "http://127.0.0.1:9")
    (folder / "payports.toml").write_text(config)
    code, found, _ = verified(folder, "--gateway-look-up")
    assert (code, {one["kind"] for one in found}) == (1, {"GATEWAY_SILENT"})


def test_every_merchant_of_the_configuration_is_verified(folder: Path, sold: tuple[Path, dict[str, str]]) -> None:
    tamper(folder, "UPDATE payments SET merchant = 'outlet' WHERE id = :kept", kept=sold[1]["kept"])
    assert {one["merchant"] for one in verified(folder, "--merchant", "default")[1]} == {"default"}
    (folder / "payports.toml").write_text(f"{CONFIG}[merchants.outlet.checkout]\nrollback = 'immediate'\n")
    code, found, tally = verified(folder)
    assert (code, tally["merchants"]) == (1, ["default", "outlet"])
    assert {one["merchant"] for one in found} == {"default", "outlet"}
    assert payports("verify", "--merchant", " ", cwd=folder).returncode == 2


def test_a_store_that_is_read_page_by_page_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(tmp_path) as shop:
        sell(shop)
        whole = shop.audit.verify(limit=100).unwrap()
        after, payments, facts = "", 0, 0
        for _ in range(4):
            page = shop.audit.verify(after, 2).unwrap()
            after, payments, facts = page.after, payments + page.payments, facts + page.facts
        assert (after, payments, facts) == ("", whole.payments, whole.facts)


def test_nothing_is_found_after_the_demonstration(tmp_path: Path) -> None:
    assert payports("demo", "--directory", tmp_path / "shop", cwd=tmp_path).returncode == 0
    code, found, tally = verified(tmp_path / "shop", "--gateway-look-up")
    assert (code, found, tally["compared"] > 0) == (0, [], True)
