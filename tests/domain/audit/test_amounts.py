"""What counts against a capture when its ledger is audited: whatever went back, by any way, less what was won back."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import attrs
import pytest

from payports.domain.audit.amounts import audit_amounts
from payports.domain.audit.findings import FindingKind
from payports.domain.lifecycle import AUTHORIZE_AND_CAPTURE, CHARGEBACK, CHARGEBACK_REVERSAL, REFUND, SETTLED, VOID
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionType
from tests.domain.strategies import NOW, done, eur, fact, new_payment

SOLD: Final = done(new_payment(10), AUTHORIZE_AND_CAPTURE)
SALE: Final = SOLD.transactions[0]


def with_child(payment: Payment, kind: TransactionType, minor: int, parent: Transaction = SALE) -> Payment:
    """The payment with one more success on top of a transaction, whatever the core thinks of it."""
    name = f"t{len(payment.transactions)}"
    made = Transaction(
        id=name, type=kind, requested=eur(minor), created_at=NOW, parent_id=parent.id, seen=(fact(name),)
    )
    return attrs.evolve(payment, transactions=(*payment.transactions, made))


def said(payment: Payment) -> list[str]:
    found = list(audit_amounts(payment))
    assert all(one.kind is FindingKind.LIMIT for one in found)
    return [one.message for one in found]


@pytest.mark.parametrize(("one", "other"), list(combinations((REFUND, VOID, CHARGEBACK), 2)))
def test_all_ways_back_count_together(one: TransactionType, other: TransactionType) -> None:
    assert said(with_child(with_child(SOLD, one, 6), other, 4)) == []
    assert said(with_child(with_child(SOLD, one, 6), other, 5)) == [
        "0.11 EUR happened on AUTHORIZE_AND_CAPTURE, which bears 0.10 EUR"
    ]


def test_what_was_won_back_counts_no_more_but_only_as_far_as_it_was_lost() -> None:
    lost = with_child(with_child(SOLD, CHARGEBACK, 6), REFUND, 8)
    assert len(said(lost)) == 1
    dispute = lost.transactions[1]
    assert said(with_child(lost, CHARGEBACK_REVERSAL, 4, dispute)) == []
    assert said(with_child(lost, CHARGEBACK_REVERSAL, 3, dispute)) == [
        "0.11 EUR happened on AUTHORIZE_AND_CAPTURE, which bears 0.10 EUR"
    ]


def test_nothing_is_won_back_by_what_stands_on_something_else() -> None:
    lost = with_child(with_child(SOLD, CHARGEBACK, 6), REFUND, 8)
    assert len(said(with_child(lost, REFUND, 4, lost.transactions[1]))) == 1
    assert len(said(with_child(lost, CHARGEBACK_REVERSAL, 4, lost.transactions[2]))) == 1


def test_a_capture_is_settled_once() -> None:
    assert said(with_child(SOLD, SETTLED, 10)) == []
    assert said(with_child(with_child(SOLD, SETTLED, 5), SETTLED, 5)) == [
        "AUTHORIZE_AND_CAPTURE of 0.10 EUR was settled with 0.10 EUR, 2 times"
    ]
