"""Edits by hand in a store's rows are found; a store that the library wrote has no findings."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from payports import (
    Finding,
    FindingKind,
    Owner,
    Payment,
    PaymentMethod,
    Secret,
    StoreUnavailable,
    TransactionStatus,
    connect,
)
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.ports.store import StoreFailed
from payports.testing import FixedClock, SandboxBank
from tests.application.fixtures import (
    CUSTOMER,
    OTHER,
    SECRET,
    ShopFixture,
    eur,
    new_payment,
    open_shop,
    problem,
    value_of,
    watch,
)
from tests.application.stubs import fail


# ruff: noqa: S608 -- the statements are this file's own
def sell(shop: ShopFixture) -> dict[str, str]:
    """Leave records of every kind beside payments; returns the payments' ids."""
    ada = shop.pay("ada", customer=CUSTOMER)
    bob = shop.pay("bob", customer=OTHER)
    value_of(shop.submit("ada", customer=CUSTOMER))
    value_of(shop.submit("bob", customer=OTHER, request_id="attempt-2"))
    declined = shop.pay("declined", token="tok_declined")
    shop.submit("declined")
    away = shop.pay("away", token="tok_3ds")
    value_of(shop.submit("away"))
    notified = shop.pay("heard", token="tok_async")
    value_of(shop.submit("heard"))
    shop.bank.finish_async(shop.reload(notified).transactions[0].gateway_reference)
    shop.deliver_webhooks()
    value_of(shop.orders.capture(Owner("cart", "ada"), "f-1", eur(5_990), key="ship"))
    keyed = value_of(shop.payments.create(new_payment("keyed"), key="make"))
    value_of(shop.transactions.authorize(keyed.id))
    ruled = shop.pay("ruled", token="tok_timeout_not_charged")
    shop.transactions.authorize(ruled.id, key="by-hand")
    unknown = shop.reload(ruled).transactions[0].id
    shop.maintenance.resolve(unknown, TransactionStatus.NOT_EXECUTED, operator="eve", reason="asked the bank")
    saved: list[Payment] = []
    for customer, token in ((CUSTOMER, "tok_approved"), (OTHER, "tok_partial")):
        kept = value_of(shop.saved_methods.save(customer, "sandbox", PaymentMethod({"token": token})))
        owner = Owner("cart", f"saved-{customer.id}")
        used: Payment = value_of(shop.saved_methods.use(kept.id, customer=customer, owner=owner, amount=eur(1)))
        saved.append(used)
    value_of(shop.events.deliver(lambda _: None))
    park(shop)
    named = (ada, bob, declined, away, notified, keyed, ruled, *saved)
    names = ("ada", "bob", "declined", "away", "heard", "keyed", "ruled", "saved", "other")
    return {name: payment.id for name, payment in zip(names, named, strict=True)}


def park(shop: ShopFixture) -> None:
    """Receive a notification about an unknown transaction."""
    waiting = shop.pay("parked", token="tok_async")
    value_of(shop.submit("parked"))
    (row,) = shop.reload(waiting).transactions
    shop.bank.finish_async(row.gateway_reference)
    *_, (_, body) = shop.bank.webhooks()
    unknown = body.replace(row.id.encode(), b"of-nobody")
    headers = signed_headers(Secret(SECRET), unknown, int(shop.clock.now().timestamp()))
    assert value_of(shop.receive_webhook(headers, unknown)).applied == 0


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("sold") / "shop.db"
    shop = opened(path)
    names = sell(shop)
    shop.payports.close()
    return path, names


@pytest.fixture
def path(sold: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A copy of the file for a test to edit."""
    return Path(shutil.copy(sold[0], tmp_path / "shop.db"))


def opened(path: Path) -> ShopFixture:
    clock, bank = FixedClock(), SandboxBank(webhook_secret=SECRET)
    return watch(connect({"store": {"url": f"sqlite:///{path}"}}, bank=bank, clock=clock), bank, clock)


def tamper(path: Path, statements: str, names: Mapping[str, str]) -> None:
    """Edit the file by hand, without triggers and foreign keys."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = 0")
        connection.execute("DROP TRIGGER IF EXISTS history_is_not_rewritten")
        connection.execute("DROP TRIGGER IF EXISTS history_is_not_deleted")
        for statement in statements.split(";"):
            assert connection.execute(statement, names).rowcount > 0, statement


def unknown_findings(shop: ShopFixture) -> list[Finding]:
    """All unknown findings of an audit that reads the records in small pages."""
    findings: list[Finding] = list(value_of(shop.audit.verify(limit=1_000)).findings)
    after: str | None = ""
    while after is not None:
        page = value_of(shop.audit.verify_records(after, 3))
        findings += page.findings
        after = page.after or None
    shop.payports.close()
    return [finding for finding in findings if not finding.known]


def test_nothing_is_found_in_a_store_that_the_library_wrote(path: Path) -> None:
    assert unknown_findings(opened(path)) == []


def cut(name: str) -> str:
    """Delete a payment with all rows that name its id."""
    tables = {"payments": "id", "transactions": "payment_id", "history": "payment_id"}
    return ";".join(f"DELETE FROM {table} WHERE {column} = :{name}" for table, column in tables.items())


def exchanged(table: str, column: str, key: str, first: str, second: str) -> str:
    """Exchange the values of a column between two rows."""
    was = f"(SELECT max({column}) FROM {table} WHERE {key} = :{{}})"
    return (
        f"UPDATE {table} SET {column} = CASE {key} WHEN :{first} THEN {was.format(second)} ELSE {was.format(first)} END"
        f" WHERE {key} IN (:{first}, :{second})"
    )


NEVER: Final = "'2999-01-01T00:00:00.000000+00:00'"

EDITS: Final[dict[str, tuple[FindingKind, str]]] = {
    "the cursor, beyond the end": (FindingKind.DELIVERY, "UPDATE delivery SET position = position + 1000"),
    "the cursor, before the beginning": (FindingKind.DELIVERY, "UPDATE delivery SET position = -1"),
    "a lease without an end": (
        FindingKind.LEASE,
        f"INSERT INTO leases SELECT merchant, 'payment ' || id, 'eve', {NEVER} FROM payments WHERE id = :away",
    ),
    "when a checkout is looked at": (
        FindingKind.CHECKOUT,
        f"UPDATE checkouts SET lease_until = {NEVER} WHERE owner_id = 'away'",
    ),
    "a checkout's time, without its zone": (
        FindingKind.TIME,
        "UPDATE checkouts SET started_at = '2026-01-01T00:00:00' WHERE owner_id = 'away'",
    ),
    "when a checkout began": (
        FindingKind.TIME,
        f"UPDATE checkouts SET started_at = {NEVER} WHERE owner_id = 'ada'",
    ),
    "whose checkout it is": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET owner_id = 'else' WHERE owner_id = 'declined'",
    ),
    "the attempt that placed an order": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET request_id = 'else' WHERE owner_id = 'ada'",
    ),
    "the customer of an order": (FindingKind.CHECKOUT, "UPDATE checkouts SET customer = 'eve' WHERE owner_id = 'ada'"),
    "a checkout whose shopper is away": (
        FindingKind.CHECKOUT,
        "UPDATE checkouts SET state = 'FAILED' WHERE owner_id = 'away'",
    ),
    "a checkout that failed and is gone": (FindingKind.CHECKOUT, "DELETE FROM checkouts WHERE owner_id = 'declined'"),
    "a checkout that cannot be read": (
        FindingKind.UNREADABLE,
        "UPDATE checkouts SET state = 'LOST' WHERE owner_id = 'declined'",
    ),
    "the inbox": (FindingKind.INBOX, "DELETE FROM inbox"),
    "a notification that was parked, as if applied": (
        FindingKind.INBOX,
        "UPDATE inbox SET due_at = NULL WHERE due_at IS NOT NULL",
    ),
    "a notification that is parked for ever": (
        FindingKind.INBOX,
        f"UPDATE inbox SET due_at = {NEVER} WHERE due_at IS NOT NULL",
    ),
    "what a notification said": (
        FindingKind.INBOX,
        "UPDATE inbox SET details = replace(details, 'SUCCEEDED', 'DECLINED') WHERE due_at IS NULL",
    ),
    "a payment, and its order stays": (FindingKind.CHECKOUT, cut("bob")),
    "a payment, and its attempt stays": (FindingKind.CHECKOUT, cut("declined")),
    "a payment, and its key stays": (FindingKind.REQUEST, cut("keyed")),
    "a payment, and the plan over it stays": (FindingKind.REQUEST, cut("ada")),
    "a payment, and its notification stays": (FindingKind.INBOX, cut("heard")),
    "a payment with all that belongs to it": (
        FindingKind.HISTORY_GAP,
        cut("keyed") + ";DELETE FROM requests WHERE payment_id = :keyed",
    ),
    "which payment a key made": (FindingKind.REQUEST, "UPDATE requests SET payment_id = '' WHERE key = 'make'"),
    "what a key made": (FindingKind.REQUEST, "UPDATE requests SET key = 'else' WHERE key = 'by-hand'"),
    "a plan": (FindingKind.REQUEST, "UPDATE requests SET plan = replace(plan, '[[', '[[[[') WHERE key = 'ship'"),
    "a plan that is none": (FindingKind.REQUEST, "UPDATE requests SET plan = '{}' WHERE key = 'ship'"),
    "owners, exchanged": (FindingKind.HISTORY_DIFFERS, exchanged("payments", "owner_id", "id", "keyed", "saved")),
    "tokens of saved methods, exchanged": (
        FindingKind.SAVED_METHOD,
        exchanged("payments", "details", "id", "saved", "other"),
    ),
    "a token": (
        FindingKind.SAVED_METHOD,
        "UPDATE saved_methods SET details = (SELECT max(details) FROM saved_methods)",
    ),
    "who created a payment": (FindingKind.CAUSE, "UPDATE history SET who = 'order' WHERE kind = 'payment.created'"),
    "who placed an order": (FindingKind.CAUSE, "UPDATE history SET who = 'host' WHERE kind = 'payment.placed'"),
    "who cannot have seen it": (
        FindingKind.CAUSE,
        "UPDATE history SET who = 'webhook of sandbox' WHERE kind = 'transaction.observed' AND payment_id = :ada",
    ),
    "who is nobody": (FindingKind.CAUSE, "UPDATE history SET who = 'eve' WHERE payment_id = :ada AND sequence = 2"),
    "which gateway told it": (
        FindingKind.CAUSE,
        "UPDATE history SET who = 'webhook of else' WHERE who = 'webhook of sandbox'",
    ),
    "which notification told it": (
        FindingKind.INBOX,
        "UPDATE history SET why = 'event else' WHERE who = 'webhook of sandbox'",
    ),
    "why it was done": (
        FindingKind.CAUSE,
        "UPDATE history SET why = 'to help' WHERE payment_id = :ada AND sequence = 2",
    ),
    "who ruled": (FindingKind.CAUSE, "UPDATE history SET who = 'operator bob' WHERE who = 'operator eve'"),
    "who ruled, as nobody": (FindingKind.CAUSE, "UPDATE history SET who = 'operator ' WHERE who = 'operator eve'"),
    "who ruled, as the host": (
        FindingKind.CAUSE,
        "UPDATE history SET who = 'host', why = '' WHERE who = 'operator eve'",
    ),
    "why it was ruled": (FindingKind.CAUSE, "UPDATE history SET why = 'no reason' WHERE who = 'operator eve'"),
}


@pytest.mark.parametrize("edited", EDITS)
def test_every_edit_by_hand_is_found(path: Path, sold: tuple[Path, dict[str, str]], edited: str) -> None:
    kind, statements = EDITS[edited]
    tamper(path, statements, sold[1])
    findings = unknown_findings(opened(path))
    assert kind in {finding.kind for finding in findings}, findings


def test_a_notification_that_is_parked_again_is_a_known_finding(path: Path) -> None:
    tamper(path, "UPDATE inbox SET due_at = received_at WHERE due_at IS NULL", {})
    shop = opened(path)
    parked = [finding for finding in value_of(shop.audit.verify()).findings if finding.kind is FindingKind.INBOX]
    assert {fact.known for fact in parked} == {True}
    value_of(shop.maintenance.run())
    assert not any(finding.kind is FindingKind.INBOX for finding in value_of(shop.audit.verify()).findings)
    assert unknown_findings(shop) == []


def test_edits_in_postgresql_are_found(database_url: str) -> None:
    shop = open_shop({"store": {"url": database_url}})
    names = sell(shop)
    audit = shop.audit
    assert [finding for finding in value_of(audit.verify()).findings if not finding.known] == []
    assert value_of(audit.verify_records()).findings == ()
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=payports") as connection:
        connection.execute("ALTER TABLE history DISABLE TRIGGER USER")
        gone = (names["heard"],)
        connection.execute("DELETE FROM transactions WHERE payment_id = %s", gone)
        connection.execute("DELETE FROM history WHERE payment_id = %s", gone)
        connection.execute("DELETE FROM payments WHERE id = %s", gone)
        connection.execute("UPDATE delivery SET position = position + 1000")
        connection.execute(
            f"INSERT INTO leases (merchant, name, holder, ends_at) VALUES ('default', 'x', 'y', {NEVER})"
        )
    kinds = {finding.kind for finding in value_of(audit.verify_records()).findings}
    assert kinds == {
        FindingKind.DELIVERY,
        FindingKind.LEASE,
        FindingKind.REQUEST,
        FindingKind.CHECKOUT,
        FindingKind.INBOX,
    }
    shop.payports.close()


@pytest.mark.parametrize(
    "after",
    [
        *(
            None,
            1,
            b"[]",
            "x",
            "{}",
            "[]",
            "NaN",
            '["requests"]',
            '["inbox", "a"]',
            '["gifts", "a"]',
            '["requests", 1]',
        ),
        *('{"requests": 1, "a": 2}', '[["requests"], "a"]', '["requests", "\\u0000"]', '["checkouts", "a", "\\ud800"]'),
        *("[" * 20_000, "[" * 200_000, "9" * 20_000, "\0", "\ud800", '["requests", "\0"]'),
    ],
    ids=lambda after: ascii(after)[:20],
)
def test_a_cursor_that_no_page_gave_is_refused(after: Any) -> None:
    assert problem(open_shop().audit.verify_records(after)).field == "after"


@pytest.mark.parametrize(
    "after", [None, 1, b"p", "\0", "p\0", "\ud800", "p" * 100_000], ids=lambda after: ascii(after)[:20]
)
def test_a_cursor_that_is_no_identifier_is_refused_before_the_store_is_read(after: Any) -> None:
    shop = open_shop()
    shop.pay()
    assert problem(shop.audit.verify(after)).field == "after"
    assert value_of(shop.audit.verify("")).payments == 1


@pytest.mark.parametrize("after", ["!", "payment\n", "\u00e9\U0001f600", " "])
def test_a_cursor_may_be_an_odd_identifier_because_a_damaged_store_holds_such(after: str) -> None:
    value_of(open_shop().audit.verify(after))
    for kept, more in (("requests", []), ("checkouts", ["c"]), ("inbox", ["e"])):
        value_of(open_shop().audit.verify_records(json.dumps([kept, after, *more])))


@pytest.mark.parametrize("limit", [0, 10_001, True])
def test_an_invalid_limit_is_refused(limit: Any) -> None:
    assert problem(open_shop().audit.verify_records(limit=limit)).field == "limit"


def test_pages_of_records_follow_one_another(path: Path) -> None:
    shop = opened(path)
    whole = value_of(shop.audit.verify_records(limit=1_000))
    for limit in (1, 2, whole.records):
        after, seen = "", 0
        while True:
            page = value_of(shop.audit.verify_records(after, limit))
            after, seen = page.after, seen + page.records
            if not after:
                break
        assert seen == whole.records
    shop.payports.close()


def test_a_store_that_is_down_is_not_reported_as_a_damaged_record() -> None:
    shop = open_shop()
    value_of(shop.payments.create(new_payment(), key="make"))
    store: Any = shop.environment.store
    store.request = fail("a row cannot be read")
    (finding,) = value_of(shop.audit.verify_records()).findings
    assert (finding.kind, finding.record) == (FindingKind.UNREADABLE, "requests make")
    assert finding.message == "it, or what it belongs to, cannot be read: a row cannot be read"
    keys = store.keys
    down = iter([keys])

    def once(*args: Any) -> Any:
        for first in down:
            return first(*args)
        raise StoreFailed("the connection was lost")

    store.keys = once
    assert problem(shop.audit.verify_records(limit=1)) == StoreUnavailable("the connection was lost")
