"""The audit finds nothing after anything that shoppers, hosts, banks and networks may do, and changes nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from payports import AuditPage, FindingKind, InvalidInput, Owner, StoreUnavailable, TransactionStatus
from payports.ports.commit import Change, Commit
from payports.ports.store import StoreFailed
from tests.application.audit.findings import findings, kinds_at_the_gateway
from tests.application.fixtures import DAY, ShopFixture, eur, open_shop, problem, snapshot, value_of, with_gateway
from tests.application.stubs import fail, override
from tests.simulation.machine import ShopMachine

BRIEF = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


class AuditedShop(ShopMachine):
    """A shop that is audited before and after the bank has reported every result."""

    def teardown(self) -> None:
        self.look()
        super().teardown()
        self.look(gateway_look_up=True)

    def look(self, *, gateway_look_up: bool = False) -> None:
        if hasattr(self, "gifts"):
            page: AuditPage = self.on.audit.verify(limit=1_000, gateway_look_up=gateway_look_up).unwrap()
            assert [finding for finding in page.findings if not finding.known] == []
            beside: AuditPage = self.on.audit.verify_records(limit=1_000).unwrap()
            assert beside.findings == ()


def test_whatever_happens_nothing_is_found() -> None:
    run_state_machine_as_test(AuditedShop, settings=BRIEF)


def tampered(shop: ShopFixture, tamper: Callable[[Change], Change]) -> ShopFixture:
    """The same shop on a store that writes other changes than it is given."""
    inner: Any = shop.store.inner

    class Tampering:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def of(self, merchant: str) -> Any:
            repository = inner.of(merchant)

            class Repository:
                def __getattr__(self, name: str) -> Any:
                    return getattr(repository, name)

                def commit(self, commit: Commit) -> Any:
                    return repository.commit(attrs.evolve(commit, changes=tuple(map(tamper, commit.changes))))

            return Repository()

    store: Any = Tampering()
    shop.store.inner = store
    return shop


def without_last_words(change: Change) -> Change:
    return attrs.evolve(change, facts=change.facts[:1])


def without_dates(change: Change) -> Change:
    undated = [attrs.evolve(transaction, due_at=None) for transaction in change.after.transactions]
    return attrs.evolve(change, after=change.after.replacing(*undated))


class SilentShop(AuditedShop):
    """A bug: only the first fact of a commit is stored."""

    def planted(self, shop: ShopFixture) -> ShopFixture:
        return tampered(shop, without_last_words)


class DatelessShop(AuditedShop):
    """A bug: no transaction has a due date."""

    def planted(self, shop: ShopFixture) -> ShopFixture:
        return tampered(shop, without_dates)


@pytest.mark.parametrize("planted", [SilentShop, DatelessShop])
def test_a_bug_that_was_planted_is_found(planted: type[AuditedShop]) -> None:
    searching = settings(
        BRIEF, max_examples=100, print_blob=False, report_multiple_bugs=False, phases=[hypothesis.Phase.generate]
    )
    with pytest.raises(AssertionError, match=r"HISTORY_DIFFERS|ORPHAN"):
        run_state_machine_as_test(planted, settings=searching)


def sell(shop: ShopFixture) -> ShopFixture:
    shop.pay()
    value_of(shop.submit())
    return shop


def test_an_audit_changes_nothing_and_fences_nothing() -> None:
    shop = open_shop()
    shop.pay(token="tok_timeout_not_charged")
    shop.submit()
    sold_too = shop.pay("c-2")
    shop.submit("c-2")
    shop.clock.advance(DAY)
    fences: list[bool] = []
    inner = shop.spy.inner

    class Listening:
        capabilities = inner.capabilities

        def look_up(self, request: Any, *, fence: bool = False) -> Any:
            fences.append(fence)
            return inner.look_up(request, fence=fence)

    before = snapshot(shop)
    listening: Any = Listening()
    page = value_of(with_gateway(shop, transactions=listening).audit.verify(gateway_look_up=True))
    assert (page.payments, page.transactions, page.compared, page.findings, page.after) == (2, 2, 2, (), "")
    assert fences == [False, False]
    assert snapshot(shop) == before
    assert shop.reload(sold_too).transactions[0].status is TransactionStatus.SUCCEEDED


@pytest.mark.parametrize("limit", [0, 10_001, True, "10"])
def test_an_invalid_limit_is_refused(limit: Any) -> None:
    assert problem(open_shop().audit.verify(limit=limit)).field == "limit"


def test_a_cursor_that_is_no_text_is_refused() -> None:
    nowhere: Any = None
    assert problem(open_shop().audit.verify(nowhere)) == InvalidInput("after", "must be text")


def test_a_commit_between_two_reads_is_no_finding() -> None:
    shop = open_shop()
    payment = shop.pay()
    store: Any = shop.environment.store
    read, commits = store.history, ["authorize", "capture"]

    def history(payment_id: str) -> Any:
        if commits:
            value_of(getattr(shop.transactions, commits.pop(0))(payment.id))
        return read(payment_id)

    store.history = history
    assert findings(shop) == []
    assert not commits


def test_a_store_that_is_down_is_not_reported_as_damage() -> None:
    shop = sell(open_shop())
    store: Any = shop.environment.store
    store.payment = fail("a row cannot be read")
    assert [(finding.kind, finding.message) for finding in findings(shop)] == [
        (FindingKind.UNREADABLE, "a row cannot be read")
    ]
    ids = store.payment_ids
    down = iter([ids])

    def once(*args: Any) -> Any:
        for first in down:
            return first(*args)
        raise StoreFailed("the connection was lost")

    store.payment_ids = once
    assert problem(shop.audit.verify()) == StoreUnavailable("the connection was lost")


def test_an_order_whose_awaited_result_failed_is_found_as_known() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    assert findings(shop) == []
    waiting = shop.reload(payment).transactions[0]
    shop.bank.finish_async(waiting.gateway_reference, succeed=False)
    shop.deliver_webhooks()
    assert shop.reload(payment).transactions[0].status is TransactionStatus.DECLINED
    assert [(finding.kind, finding.known) for finding in findings(shop)] == [(FindingKind.COVER, True)]


def test_a_fulfilment_that_was_claimed_and_cancelled_is_no_finding() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "perform_authorize_and_capture": True}}})
    payment = shop.pay()
    value_of(shop.submit())
    owner = Owner("cart", "c-1")
    value_of(shop.orders.capture(owner, "f-1", eur(4_000), key="ship"))
    value_of(shop.orders.cancel(owner, "f-1", eur(4_000), key="cancel"))
    assert shop.reload(payment).allocations == ()
    kinds = [recorded.fact.kind for recorded in value_of(shop.events.history(payment.id))]
    assert (kinds.count("payment.allocated"), kinds.count("payment.unallocated")) == (1, 1)
    assert findings(shop) == []


def test_postgresql_is_audited_as_well(database_url: str) -> None:
    shop = open_shop({"store": {"url": database_url}})
    payments = sorted(shop.pay(f"c-{number}").id for number in range(3))
    for number in range(3):
        value_of(shop.submit(f"c-{number}"))
    store = shop.environment.store
    assert store.payment_ids("", 2) == tuple(payments[:2])
    assert store.payment_ids(payments[1], 2) == tuple(payments[2:])
    assert kinds_at_the_gateway(shop) == []
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=payports") as connection:
        connection.execute("UPDATE transactions SET amount_minor = 1 WHERE payment_id = %s", (payments[0],))
        connection.execute("ALTER TABLE transactions DROP CONSTRAINT transactions_merchant_payment_id_fkey")
        connection.execute("ALTER TABLE history DROP CONSTRAINT history_merchant_payment_id_fkey")
        connection.execute("DELETE FROM payments WHERE id = %s", (payments[1],))
    assert [(finding.kind, finding.payment_id) for finding in findings(shop)] == [
        (FindingKind.ROWS, payments[0]),
        (FindingKind.UNREADABLE, payments[1]),
    ]
    shop.payports.close()


def test_a_finding_that_an_operator_has_noted_is_known() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    hold = shop.reload(payment).transactions[0]
    shop.bank.revoke(hold.gateway_reference)
    shop.deliver_webhooks()
    shown = value_of(shop.maintenance.needs_attention())
    value_of(shop.maintenance.resolve(hold.id, TransactionStatus.REVOKED, operator="ada", reason="delivered nothing"))
    assert (len(shown), value_of(shop.maintenance.needs_attention())) == (1, ())
    assert [(finding.kind, finding.known) for finding in value_of(shop.audit.verify()).findings] == [
        (FindingKind.COVER, True)
    ]


def test_a_gap_in_a_history_is_reported_with_its_payment() -> None:
    shop = open_shop()
    payment = shop.pay()
    store: Any = shop.environment.store
    (first,) = store.history(payment.id)
    override(store, "history", lambda _: (attrs.evolve(first, sequence=2),))
    gaps = [finding for finding in value_of(shop.audit.verify()).findings if finding.kind is FindingKind.HISTORY_GAP]
    assert [finding.payment_id for finding in gaps] == [payment.id]
