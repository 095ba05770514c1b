"""Stored value: balances never fall below zero, and the statement holds every change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.stored_value import StoredValueGateway, StoredValueLedger, connect
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    DETACHED_CREDIT,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money
from payports.domain.observation import Observation
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.gateway import Gateway
from tests.adapters.gateways.fixtures import EUR, a_context, a_request, execute

FIVE = Money.of("5.00", "EUR")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REVERSE_AUTH, VOID, REFUND]),
        st.integers(0, 10),
        st.integers(1, 800),
    ),
    max_size=15,
)


@pytest.fixture
def ledger() -> Iterator[StoredValueLedger]:
    ledger = StoredValueLedger()
    ledger.issue("gift-1", EUR, "issue-1")
    yield ledger
    ledger.close()


def gateway_of(ledger: StoredValueLedger, **options: object) -> Gateway:
    return connect(a_context("gift", attachments={"gift": ledger}, options=options))


def test_a_hold_takes_from_the_balance_and_what_is_undone_gives_back(ledger: StoredValueLedger) -> None:
    gateway = gateway_of(ledger)
    balances: list[int] = []

    def then(kind: TransactionType, amount: Money, on: Observation | None = None) -> Observation:
        seen = execute(gateway, a_request(kind, amount, token="gift-1", on=on))
        assert seen.status is TransactionStatus.SUCCEEDED, seen
        balance = ledger.balance("gift-1")
        assert balance is not None
        balances.append(balance.minor)
        return seen

    hold = then(AUTHORIZE, Money(800, "EUR"))
    capture = then(CAPTURE, FIVE, hold)
    then(REVERSE_AUTH, Money(100, "EUR"), hold)
    then(VOID, FIVE, capture)
    again = then(CAPTURE, Money(700, "EUR"), hold)
    then(REFUND, Money(200, "EUR"), again)
    sale = then(AUTHORIZE_AND_CAPTURE, FIVE)
    then(VOID, FIVE, sale)
    assert balances == [200, 200, 300, 300, 300, 500, 0, 500]
    statement = ledger.statement("gift-1")
    assert [(line.what, line.change_minor) for line in statement] == [
        ("ISSUE", 1_000),
        ("AUTHORIZE", -800),
        ("REVERSE_AUTH", 100),
        ("REFUND", 200),
        ("AUTHORIZE_AND_CAPTURE", -500),
        ("VOID", 500),
    ]
    assert statement[-1].balance == FIVE
    assert ledger.totals()[(CAPTURE, "EUR")] == 1_200


def test_too_little_is_a_soft_decline_and_an_unknown_account_a_hard_one(ledger: StoredValueLedger) -> None:
    gateway = gateway_of(ledger)
    short = execute(gateway, a_request(AUTHORIZE, Money(1_001, "EUR"), token="gift-1"))
    assert (short.status, short.code, short.hard) == (TransactionStatus.DECLINED, "insufficient_funds", False)
    unknown = execute(gateway, a_request(AUTHORIZE, token="gift-9"))
    assert (unknown.failure_type, unknown.hard) == (FailureType.INVALID_PAYMENT_METHOD, True)
    other = execute(gateway, a_request(AUTHORIZE, Money(1, "USD"), token="gift-1"))
    assert (other.status, other.code) == (TransactionStatus.DECLINED, "other_currency")
    assert ledger.balance("gift-1") == EUR
    assert ledger.balance("gift-9") is None


def test_a_refund_goes_back_to_the_account_that_paid(ledger: StoredValueLedger) -> None:
    ledger.issue("gift-2", EUR, "issue-2")
    gateway = gateway_of(ledger)
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE, token="gift-1"))
    execute(gateway, a_request(REFUND, token="gift-2", on=sale))
    assert (ledger.balance("gift-1"), ledger.balance("gift-2")) == (EUR, EUR)


def test_a_detached_credit_puts_value_on_an_account_if_that_is_enabled(ledger: StoredValueLedger) -> None:
    assert (
        execute(gateway_of(ledger), a_request(DETACHED_CREDIT, token="gift-1")).status is TransactionStatus.NOT_EXECUTED
    )
    execute(gateway_of(ledger, detached_credit=True), a_request(DETACHED_CREDIT, token="gift-1"))
    assert ledger.balance("gift-1") == EUR + EUR


def test_value_is_issued_once_a_key(ledger: StoredValueLedger) -> None:
    assert ledger.issue("gift-1", EUR, "issue-1") == EUR
    assert ledger.issue("gift-1", FIVE, "issue-2") == EUR + FIVE
    for account, amount, key in [
        ("gift-1", FIVE, "issue-1"),
        ("gift-2", EUR, "issue-1"),
        ("gift-1", Money(1, "USD"), "issue-3"),
        ("gift-1", Money(0, "EUR"), "issue-3"),
        ("gift-1", Money(MAX_MINOR, "EUR"), "issue-3"),
        ("4242424242424242", EUR, "issue-3"),
        ("", EUR, "issue-3"),
        ("gift-3", EUR, ""),
    ]:
        with pytest.raises(ValueError, match=r".+"):
            ledger.issue(account, amount, key)
    assert ledger.balance("gift-1") == EUR + FIVE
    assert ledger.balance("gift-2") is None


def test_the_host_reaches_the_ledger_through_the_gateway(tmp_path: Path) -> None:
    context = a_context("gift", options={"url": f"sqlite:///{tmp_path}/gift.db"})
    for expected in (EUR, EUR):
        transactions = connect(context).transactions
        assert isinstance(transactions, StoredValueGateway)
        assert transactions.ledger.issue("gift-1", EUR, "issue-1") == expected
        transactions.ledger.close()


def test_a_ledger_that_fails_is_an_unknown_result(ledger: StoredValueLedger) -> None:
    gateway = gateway_of(ledger)
    ledger.close()
    request = a_request(AUTHORIZE, token="gift-1")
    assert execute(gateway, request).status is TransactionStatus.UNKNOWN
    found = gateway.transactions.look_up(request)
    assert isinstance(found, Observation)
    assert found.status is TransactionStatus.UNKNOWN


def test_of_many_at_once_only_those_that_the_balance_bears_succeed(tmp_path: Path) -> None:
    ledgers = [StoredValueLedger(str(tmp_path / "gift.db")) for _ in range(2)]
    ledgers[0].issue("gift-1", EUR, "issue-1")
    statuses: list[TransactionStatus] = []

    def spend(gateway: Gateway, thread: int) -> None:
        for number in range(5):
            request = a_request(AUTHORIZE, Money(300, "EUR"), token="gift-1", key=f"race-{thread}-{number}")
            statuses.append(execute(gateway, request).status)

    threads = [threading.Thread(target=spend, args=(gateway_of(ledgers[number % 2]), number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(TransactionStatus.SUCCEEDED) == 3
    assert ledgers[0].balance("gift-1") == Money(100, "EUR")
    for ledger in ledgers:
        ledger.close()


@given(steps=STEPS)
def test_no_sequence_spends_more_than_was_issued(steps: list[tuple[TransactionType, int, int]]) -> None:
    ledger = StoredValueLedger()
    ledger.issue("gift-1", EUR, "issue-1")
    gateway = gateway_of(ledger)
    made: list[Observation] = []
    for kind, which, minor in steps:
        parents = [parent for parent in made if parent.type in PARENTS[kind]]
        if PARENTS[kind] and not parents:
            continue
        on = parents[which % len(parents)] if parents else None
        seen = execute(gateway, a_request(kind, Money(minor, "EUR"), token="gift-1", on=on))
        if seen.status is TransactionStatus.SUCCEEDED:
            made.append(seen)
        statement = ledger.statement("gift-1")
        assert all(line.balance.minor >= 0 for line in statement)
        assert ledger.balance("gift-1") == Money(sum(line.change_minor for line in statement), "EUR")
    ledger.close()


def test_effects_are_read_page_by_page(ledger: StoredValueLedger) -> None:
    gateway = gateway_of(ledger)
    for minor in range(1, 8):
        execute(gateway, a_request(AUTHORIZE, Money(minor, "EUR"), token="gift-1"))
    assert tuple(ledger.iter_effects(limit=3)) == ledger.effects()
    assert [effect.amount.minor for effect in ledger.iter_effects(ledger.effects()[4].position, limit=1)] == [6, 7]
