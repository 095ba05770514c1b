"""The inbox: notifications find their payment, or are parked, tried again and shown."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from payports import AttentionKind, Payment, TransactionStatus, connect
from payports.application.webhooks.inbox import Applied, apply, find_payment
from payports.domain.attention import AttentionItem
from payports.ports.commit import InboxEntry
from payports.testing.clock import START
from tests.application.concurrent_writers import with_stale_commits
from tests.application.fixtures import DAY, MEMORY, MINUTE, ShopFixture, eur, observation, open_shop, value_of, watch
from tests.application.maintenance.scenarios import attention_items, attention_kinds


def test_an_observation_finds_its_payment_by_our_id_or_else_by_the_gateways_reference() -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    env = shop.environment

    def is_found(gateway: str = "sandbox", **names: str) -> bool:
        fact = find_payment(env, gateway, observation(TransactionStatus.SUCCEEDED, **names))
        assert fact in (None, shop.reload(payment))
        return fact is not None

    known = row.gateway_reference
    assert is_found(transaction_id=row.id)
    assert is_found(gateway_reference=known)
    assert is_found(parent_reference=known)
    assert is_found(gateway_reference="re_9", parent_reference=known)
    assert is_found(gateway_reference=known, parent_reference="re_9")
    assert not is_found()
    assert not is_found(gateway_reference="re_9")
    assert not is_found(transaction_id="t-9", gateway_reference=known)  # it names a transaction of another shop
    assert not is_found("other", transaction_id=row.id)
    assert not is_found("other", gateway_reference=known)


def entry(**names: str) -> InboxEntry:
    fact = observation(TransactionStatus.SUCCEEDED, **names)
    return InboxEntry(gateway="sandbox", event_id="ev_1", received_at=START, seen=fact)


def test_a_notification_that_cannot_be_recorded_now_is_answered_with_busy() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    assert apply(with_stale_commits(shop).environment, entry(transaction_id=row.id)) is Applied.BUSY
    assert shop.environment.store.inbox_entry("sandbox", "ev_1") is None
    shop.bank.finish_async(row.gateway_reference)
    ((headers, body),) = shop.bank.webhooks()
    receipt = value_of(with_stale_commits(shop).receive_webhook(headers, body))
    assert (receipt.status_code, receipt.body, receipt.applied) == (503, b"busy", 0)


def test_a_notification_about_no_transaction_of_its_payment_is_parked() -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    odd = attrs.evolve(entry(parent_reference=row.gateway_reference), event_id="ev_2")
    assert apply(shop.environment, odd) is Applied.PARKED
    assert shop.environment.store.inbox_entry("sandbox", "ev_2") == attrs.evolve(
        odd, due_at=START + timedelta(minutes=1), tries=1
    )


NOBODYS: Final[dict[str, tuple[dict[str, Any], int, AttentionItem]]] = {
    "lost": (
        {"transaction_id": "t-none"},
        2,
        AttentionItem(
            kind=AttentionKind.LOST_TRANSACTION,
            payment_id="",
            transaction_id="t-none",
            message="notification ev_1 of sandbox names a transaction that this store does not have",
            what_to_do="compare with the gateway: the store was restored to an older state, or another shop shares the account",
        ),
    ),
    "parked": (
        {"gateway_reference": "au_none"},
        8,
        AttentionItem(
            kind=AttentionKind.PARKED_NOTIFICATION,
            payment_id="",
            transaction_id="",
            message="notification ev_1 of sandbox is about no transaction that we know",
            what_to_do="find out at the gateway what it is about; record a payment made there with record()",
        ),
    ),
}


@pytest.mark.parametrize("case", NOBODYS)
def test_a_notification_that_nobody_can_place_waits_longer_each_time_and_is_shown(case: str) -> None:
    names, tries, item = NOBODYS[case]
    shop = open_shop()
    env = shop.environment
    entry = InboxEntry(
        gateway="sandbox",
        event_id="ev_1",
        received_at=START,
        seen=observation(TransactionStatus.SUCCEEDED, **names),
    )
    waits: list[timedelta] = []
    for number in range(1, 14):
        assert apply(env, entry) is Applied.PARKED
        is_found = env.store.inbox_entry("sandbox", "ev_1")
        assert is_found
        assert is_found.due_at
        entry = is_found
        assert entry.tries == number
        waits.append(is_found.due_at - shop.clock.now())
        assert attention_items(shop) == ([item] if number >= tries else [])
    minutes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_440, 1_440]
    assert waits == [timedelta(minutes=waited) for waited in minutes]


def test_an_applied_notification_is_kept_with_the_number_of_its_tries() -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    entry = InboxEntry(gateway="sandbox", event_id="ev_1", received_at=START, seen=fact, due_at=START, tries=3)
    assert apply(shop.environment, entry) is Applied.APPLIED
    assert shop.environment.store.inbox_entry("sandbox", "ev_1") == attrs.evolve(entry, due_at=None, tries=4)


def captured(shop: ShopFixture) -> tuple[Payment, str]:
    payment = shop.pay()
    made = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    return payment, made.gateway_reference


def test_a_store_restored_from_an_older_backup_is_noticed_by_the_first_notification(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    shop = open_shop({"store": {"url": url}})
    shop.pay("c-1")
    shop.payports.close()
    shutil.copyfile(tmp_path / "shop.db", tmp_path / "kept.db")
    shop = watch(connect({"store": {"url": url}}, bank=shop.bank, clock=shop.clock), shop.bank, shop.clock)
    lost = shop.pay("c-2")
    value_of(shop.transactions.authorize_and_capture(lost.id))
    shop.payports.close()
    restored = {"store": {"url": f"sqlite:///{tmp_path}/kept.db"}}
    shop = watch(connect(restored, bank=shop.bank, clock=shop.clock), shop.bank, shop.clock)
    assert attention_kinds(shop) == set()
    shop.deliver_webhooks()
    shop.let_time_pass(2 * MINUTE, 1)
    (item,) = value_of(shop.maintenance.needs_attention())
    assert (item.kind, item.transaction_id) == (AttentionKind.LOST_TRANSACTION, shop.bank.effects()[0].transaction_id)
    shop.payports.close()


def test_a_notification_about_another_shop_is_shown_after_days() -> None:
    shop = open_shop()
    elsewhere = watch(connect(MEMORY, bank=shop.bank, clock=shop.clock), shop.bank, shop.clock)
    _, reference = captured(elsewhere)
    shop.bank.webhooks()
    shop.bank.dashboard("REFUND", reference, eur(1_000))
    shop.deliver_webhooks()
    assert attention_kinds(shop) == set()
    shop.let_time_pass(DAY, 8)
    assert attention_kinds(shop) == {AttentionKind.PARKED_NOTIFICATION}
