"""Genuine webhooks: repeated months later, in a batch with a bad item, and while the secret changes."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from payports import ConfigurationError, Secret, TransactionStatus, connect
from payports.testing import SandboxBank
from tests.application.fixtures import value_of
from tests.webhooks.fixtures import TEN, WebhookFixture, batch_of, config, open_fixture
from tests.webhooks.signature_schemes import AT, FORMER, SECRETS, UNTIL

MONTHS = timedelta(days=120)


@pytest.fixture(name="fixture")
def _fixture(tmp_path: Path) -> Iterator[WebhookFixture]:
    with open_fixture(tmp_path) as fixture:
        yield fixture


def ledger(fixture: WebhookFixture) -> list[Any]:
    """All payments with their transactions and histories."""
    store = fixture.shop.environment.store
    payments = store.payments()
    return [payments, [store.history(payment.id) for payment in payments]]


def deliver(fixture: WebhookFixture, late_s: int = 0) -> list[tuple[int, int]]:
    """Deliver all genuine webhooks, signed ``late_s`` after the beginning."""
    return [
        fixture.receive(scheme, scheme.headers(body, AT + late_s), body)
        for scheme in fixture.schemes
        for body in scheme.genuine
    ]


def test_a_replay_months_later_is_refused_by_its_time(fixture: WebhookFixture) -> None:
    assert set(deliver(fixture)) == {(200, 1)}
    fixture.clock.advance(MONTHS.total_seconds())
    before = fixture.stored()
    assert set(deliver(fixture)) == {(400, 0)}
    assert fixture.stored() == before


@pytest.mark.parametrize("pruned", [False, True])
def test_what_a_gateway_sends_again_months_later_changes_nothing(fixture: WebhookFixture, pruned: bool) -> None:
    """A webhook signed anew, after the money moved on, with the inbox kept or pruned."""
    assert set(deliver(fixture)) == {(200, 1)}
    for payment in fixture.shop.environment.store.payments():
        if payment.gateway == "sandbox":
            value_of(fixture.shop.transactions.capture(payment.id, TEN))
            value_of(fixture.shop.transactions.refund(payment.id, TEN))
    fixture.clock.advance(MONTHS.total_seconds())
    if pruned:
        with sqlite3.connect(fixture.folder / "shop.db") as connection:
            assert connection.execute("DELETE FROM inbox").rowcount == 6
        connection.close()
    before = ledger(fixture)
    late = int(MONTHS.total_seconds())
    assert set(deliver(fixture, late)) == {(200, 1 if pruned else 0)}
    assert ledger(fixture) == before
    assert set(deliver(fixture, late)) == {(200, 0)}


def test_a_batch_with_one_bad_item_is_refused_whole_and_accepted_without_it(fixture: WebhookFixture) -> None:
    scheme = fixture.schemes[0]
    batch = batch_of(scheme)
    before = fixture.stored()
    bad = [name for name in scheme.elsewhere if name.startswith("item")]
    assert len(bad) == 6
    for name in bad:
        body = json.dumps(scheme.elsewhere[name](json.loads(batch))).encode()
        assert fixture.receive(scheme, scheme.headers(body), body) == (400, 0), name
    assert fixture.stored() == before
    assert fixture.receive(scheme, scheme.headers(batch), batch) == (200, 3)


def test_an_item_that_cannot_be_kept_refuses_the_whole_batch(fixture: WebhookFixture) -> None:
    """A valid webhook whose event id no store may keep: the reader believes it, but ``receive`` refuses it."""
    scheme = fixture.schemes[0]
    batch = json.loads(batch_of(scheme))
    batch["items"][-1]["id"] = "4242 4242 4242 4242"
    body = json.dumps(batch).encode()
    before = fixture.stored()
    assert isinstance(fixture.reader(scheme).read(scheme.headers(body), body, {}, fixture.clock.now()), Success)
    assert fixture.receive(scheme, scheme.headers(body), body) == (400, 0)
    assert fixture.stored() == before


@pytest.mark.parametrize("number", [0, 1], ids=["sandbox", "stripe"])
def test_a_former_secret_is_good_until_its_time_and_no_longer(fixture: WebhookFixture, number: int) -> None:
    scheme = fixture.schemes[number]
    body, reader = scheme.genuine[0], fixture.reader(scheme)

    def believed(secret: Mapping[str, Secret], at: datetime) -> bool:
        headers = scheme.headers(body, int(at.timestamp()), secret[scheme.gateway])
        return isinstance(reader.read(headers, body, {}, at), Success)

    moment = timedelta(microseconds=1)
    assert believed(FORMER, UNTIL - timedelta(days=30))
    assert believed(FORMER, UNTIL - moment)
    assert not believed(FORMER, UNTIL)
    assert not believed(FORMER, UNTIL + moment)
    assert all(believed(SECRETS, UNTIL + off) for off in (-MONTHS, -moment, timedelta(), moment, MONTHS))
    swapped = {"sandbox": FORMER["card"], "card": FORMER["sandbox"]}
    assert not believed(swapped, UNTIL - moment)


def test_while_a_secret_changes_both_kinds_of_notifications_are_applied(tmp_path: Path) -> None:
    with open_fixture(tmp_path) as fixture:
        fixture.clock.advance(-timedelta(days=2).total_seconds())
        at = int(fixture.clock.now().timestamp())
        for scheme in fixture.schemes:
            old, new, last = scheme.genuine
            assert fixture.receive(scheme, scheme.headers(old, at, FORMER[scheme.gateway]), old) == (200, 1)
            assert fixture.receive(scheme, scheme.headers(new, at), new) == (200, 1)
            fixture.clock.advance(timedelta(days=2).total_seconds())
            assert fixture.receive(scheme, scheme.headers(last, AT, FORMER[scheme.gateway]), last) == (400, 0)
            assert fixture.receive(scheme, scheme.headers(last, AT), last) == (200, 1)
            fixture.clock.advance(-timedelta(days=2).total_seconds())
        statuses = {payment.transactions[0].status for payment in fixture.shop.environment.store.payments()}
        assert statuses == {TransactionStatus.SUCCEEDED}


@pytest.mark.parametrize("gateway", ["sandbox", "card"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("former_webhook_secret", None),
        ("former_webhook_secret_until", None),
        ("former_webhook_secret", "too short"),
        ("former_webhook_secret", "a secret of sixteen bytes and \ud800"),
        ("former_webhook_secret", 5),
        ("former_webhook_secret_until", "2026-12-31T00:00:00Z"),
        ("former_webhook_secret_until", UNTIL.replace(tzinfo=None)),
        ("former_webhook_secret_until", UNTIL.date()),
        ("webhook_secret", ""),
        ("webhook_secret", "\udcff" * 20),
    ],
)
def test_a_former_secret_needs_its_time_and_is_long_enough(
    gateway: str, key: str, value: object, tmp_path: Path
) -> None:
    wrong = config(tmp_path)
    table = wrong["gateways"][gateway]
    table.pop(key)
    wrong["gateways"][gateway] = table if value is None else {**table, key: value}
    with pytest.raises(ConfigurationError) as raised:
        connect(wrong, bank=SandboxBank(webhook_secret=SECRETS["sandbox"])).close()
    assert raised.value.key == f"gateways.{gateway}.{key}"


def test_toml_writes_the_time_as_it_is() -> None:
    text = '[gateways.sandbox]\nadapter = "sandbox"\nformer_webhook_secret = "at least sixteen bytes"\n'
    table = tomllib.loads(text + "former_webhook_secret_until = 2026-12-31T00:00:00+01:00\n")
    with connect({**table, "store": {"url": "memory:"}}) as shop:
        reader: Any = shop.gateways["sandbox"].gateway.webhooks
        assert reader.secrets.former.until == datetime.fromisoformat("2026-12-30T23:00:00Z")
    assert isinstance(reader.read({}, b"", {}, datetime.fromisoformat("2026-12-30T23:00:00Z")), Failure)
