"""What a page executed at the gateway by itself, on the payment that it was for."""

from __future__ import annotations

from typing import Any

import pytest
from returns.result import Failure

from payports.domain.judgement import ContradictionKind
from payports.domain.observation import Channel, Observation
from payports.domain.observe import Discrepancy, UnmatchedObservation, adopt, find_transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.domain.strategies import NOW, USD, eur, new_payment


def executed(**changes: Any) -> Observation:
    told: dict[str, Any] = {
        "status": TransactionStatus.SUCCEEDED,
        "channel": Channel.RETURN,
        "type": TransactionType.AUTHORIZE,
        "gateway_reference": "pi_1",
        "amount": eur(10),
    }
    return Observation(**(told | changes))


def test_it_is_recorded_under_our_id_and_found_by_the_gateways_reference() -> None:
    payment = adopt(new_payment(10), executed(), "t-1", NOW).unwrap()
    (made,) = payment.transactions
    assert (made.id, made.type, made.status, made.amount) == ("t-1", TransactionType.AUTHORIZE, "SUCCEEDED", eur(10))
    assert (made.requested, made.created_at, made.gateway_reference) == (eur(10), NOW, "pi_1")
    assert find_transaction(payment, executed()) == made


def test_without_an_amount_it_is_for_the_whole_payment() -> None:
    told = executed(amount=None, status=TransactionStatus.UNKNOWN)
    assert adopt(new_payment(10), told, "t-1", NOW).unwrap().transactions[0].requested == eur(10)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"type": TransactionType.REFUND},
        {"gateway_reference": ""},
        {"transaction_id": "t-9"},
        {"parent_reference": "pi_0"},
        {"amount": new_payment(10, USD).amount},
    ],
)
def test_nothing_else_is_adopted(changes: dict[str, Any]) -> None:
    assert adopt(new_payment(10), executed(**changes), "t-1", NOW) == Failure(UnmatchedObservation("p-1"))


@pytest.mark.parametrize("kind", [TransactionType.AUTHORIZE, TransactionType.AUTHORIZE_AND_CAPTURE])
def test_it_is_adopted_once(kind: TransactionType) -> None:
    payment = adopt(new_payment(10), executed(type=kind, amount=eur(4)), "t-1", NOW).unwrap()
    again = adopt(payment, executed(type=kind, amount=eur(4)), "t-2", NOW).unwrap()
    assert (list(again.by_id), again.transactions[0].amount) == (["t-1"], eur(4))
    revoked = adopt(again, executed(type=kind, status=TransactionStatus.REVOKED, amount=None), "t-3", NOW).unwrap()
    assert [one.status for one in revoked.transactions] == [TransactionStatus.REVOKED]


def test_more_than_the_payment_is_recorded_as_it_is_and_needs_attention() -> None:
    told = adopt(new_payment(10), executed(amount=eur(11)), "t-1", NOW).failure()
    assert isinstance(told, Discrepancy)
    assert told.payment.transactions[0].amount == eur(11)
    assert told.payment.transactions[0].succeeded
    assert told.contradiction.kind is ContradictionKind.BEYOND_LIMIT


def test_another_on_top_of_one_that_secures_the_payment_needs_attention() -> None:
    payment = adopt(new_payment(10), executed(amount=eur(6)), "t-1", NOW).unwrap()
    assert isinstance(
        adopt(payment, executed(amount=eur(5), gateway_reference="pi_2"), "t-2", NOW).failure(), Discrepancy
    )
    assert len(adopt(payment, executed(amount=eur(4), gateway_reference="pi_2"), "t-2", NOW).unwrap().transactions) == 2
