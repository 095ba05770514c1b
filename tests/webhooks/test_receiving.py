"""Notifications that are genuine: repeated months later, in a batch with a bad item, and while their secret is changed."""

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
from tests.webhooks.fixtures import TEN, Scene, a_scene, config, one_batch
from tests.webhooks.signature_schemes import AT, FORMER, SECRETS, UNTIL

MONTHS = timedelta(days=120)


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as scene:
        yield scene


def ledger(scene: Scene) -> list[Any]:
    """All payments with their transactions and histories."""
    store = scene.shop.environment.store
    payments = store.payments()
    return [payments, [store.history(payment.id) for payment in payments]]


def deliver(scene: Scene, late_s: int = 0) -> list[tuple[int, int]]:
    """Deliver all that is genuine, signed ``late_s`` after the beginning."""
    return [
        scene.receive(scheme, scheme.headers(body, AT + late_s), body)
        for scheme in scene.schemes
        for body in scheme.genuine
    ]


def test_a_replay_months_later_is_refused_by_its_time(scene: Scene) -> None:
    assert set(deliver(scene)) == {(200, 1)}
    scene.clock.advance(MONTHS.total_seconds())
    before = scene.stored()
    assert set(deliver(scene)) == {(400, 0)}
    assert scene.stored() == before


@pytest.mark.parametrize("pruned", [False, True])
def test_what_a_gateway_sends_again_months_later_changes_nothing(scene: Scene, pruned: bool) -> None:
    """Signed anew, after the money has moved on; and after somebody has thrown away what was received before."""
    assert set(deliver(scene)) == {(200, 1)}
    for payment in scene.shop.environment.store.payments():
        if payment.gateway == "sandbox":
            value_of(scene.shop.transactions.capture(payment.id, TEN))
            value_of(scene.shop.transactions.refund(payment.id, TEN))
    scene.clock.advance(MONTHS.total_seconds())
    if pruned:
        with sqlite3.connect(scene.folder / "shop.db") as connection:
            assert connection.execute("DELETE FROM inbox").rowcount == 6
        connection.close()
    before = ledger(scene)
    late = int(MONTHS.total_seconds())
    assert set(deliver(scene, late)) == {(200, 1 if pruned else 0)}
    assert ledger(scene) == before
    assert set(deliver(scene, late)) == {(200, 0)}


def test_a_batch_with_one_bad_item_is_refused_whole_and_accepted_without_it(scene: Scene) -> None:
    scheme = scene.schemes[0]
    batch = one_batch(scheme)
    before = scene.stored()
    bad = [name for name in scheme.elsewhere if name.startswith("item")]
    assert len(bad) == 6
    for name in bad:
        body = json.dumps(scheme.elsewhere[name](json.loads(batch))).encode()
        assert scene.receive(scheme, scheme.headers(body), body) == (400, 0), name
    assert scene.stored() == before
    assert scene.receive(scheme, scheme.headers(batch), batch) == (200, 3)


def test_an_item_that_cannot_be_kept_refuses_the_whole_batch(scene: Scene) -> None:
    """Verified and well-formed, but with a name that no store may keep: ``receive`` refuses what the reader believed."""
    scheme = scene.schemes[0]
    batch = json.loads(one_batch(scheme))
    batch["items"][-1]["id"] = "4242 4242 4242 4242"
    body = json.dumps(batch).encode()
    before = scene.stored()
    assert isinstance(scene.reader(scheme).read(scheme.headers(body), body, {}, scene.clock.now()), Success)
    assert scene.receive(scheme, scheme.headers(body), body) == (400, 0)
    assert scene.stored() == before


@pytest.mark.parametrize("number", [0, 1], ids=["sandbox", "stripe"])
def test_a_former_secret_is_good_until_its_time_and_no_longer(scene: Scene, number: int) -> None:
    scheme = scene.schemes[number]
    body, reader = scheme.genuine[0], scene.reader(scheme)

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
    with a_scene(tmp_path) as scene:
        scene.clock.advance(-timedelta(days=2).total_seconds())
        at = int(scene.clock.now().timestamp())
        for scheme in scene.schemes:
            old, new, last = scheme.genuine
            assert scene.receive(scheme, scheme.headers(old, at, FORMER[scheme.gateway]), old) == (200, 1)
            assert scene.receive(scheme, scheme.headers(new, at), new) == (200, 1)
            scene.clock.advance(timedelta(days=2).total_seconds())
            assert scene.receive(scheme, scheme.headers(last, AT, FORMER[scheme.gateway]), last) == (400, 0)
            assert scene.receive(scheme, scheme.headers(last, AT), last) == (200, 1)
            scene.clock.advance(-timedelta(days=2).total_seconds())
        statuses = {payment.transactions[0].status for payment in scene.shop.environment.store.payments()}
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
