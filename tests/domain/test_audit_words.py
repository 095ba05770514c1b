"""What the audit of a ledger and its history says, word for word, and about which transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from payports.domain.audit import audit
from payports.domain.audit_history import audit_history, audit_places
from payports.domain.findings import Bounds, Finding, FindingKind, finding
from payports.domain.fixed import FixedMapping
from payports.domain.history import Cause, facts
from payports.domain.lifecycle import AUTHORIZE_AND_CAPTURE, REFUND
from payports.domain.payment import Payment
from payports.domain.screening import mask_card_numbers
from payports.domain.transaction import Transaction
from tests.domain.strategies import NOW, eur, new_payment


def test_a_finding_about_a_whole_payment_names_no_transaction() -> None:
    payment = new_payment()
    said = Finding(kind=FindingKind.ROWS, payment_id=payment.id, transaction_id="", message="odd", known=False)
    assert finding(FindingKind.ROWS, payment, "odd") == said


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([(1, 1), (2, 2)], []),
        ([(1, 1), (2, 3)], ["fact 2 of the history is missing, number 3 stands there"]),
        ([(2, 1), (1, 2)], ["the facts of the history do not stand in the order of the commits"]),
        ([(1, 1), (1, 2)], ["the facts of the history do not stand in the order of the commits"]),
    ],
)
def test_places_of_facts_have_no_gap_and_rise(places: list[tuple[int, int]], said: list[str]) -> None:
    assert [(one.kind, one.payment_id, one.message) for one in audit_places("p-1", places)] == [
        (FindingKind.HISTORY_GAP, "p-1", message) for message in said
    ]


def test_a_time_without_a_zone_is_said_so() -> None:
    payment = attrs.evolve(new_payment(), version=1)
    (created,) = facts(None, payment, Cause("host"), NOW)
    zoneless = attrs.evolve(created, at=NOW.replace(tzinfo=None))
    assert [one.message for one in audit_history(payment, [zoneless], Bounds()) if one.kind is FindingKind.TIME] == [
        "a time of the history has no zone"
    ]


def test_a_time_that_differs_is_said_of_its_transaction() -> None:
    one = Transaction(id="t-1", type=REFUND, requested=eur(1), created_at=NOW)
    payment = attrs.evolve(new_payment(), version=2, transactions=(one,))
    told = facts(None, payment, Cause("host"), NOW)
    created = told[0]
    late = facts(attrs.evolve(payment, transactions=()), payment, Cause("host"), NOW + timedelta(hours=1))
    found = audit_history(payment, [created, *late], Bounds())
    assert [(each.kind, each.transaction_id) for each in found if each.kind is FindingKind.TIME] == [
        (FindingKind.TIME, "t-1")
    ]


def test_what_is_told_otherwise_is_said_of_its_transaction_in_plain_words() -> None:
    one = Transaction(id="t-1", type=REFUND, requested=eur(1), created_at=NOW)
    payment = attrs.evolve(new_payment(), version=2, transactions=(one,))
    told = facts(None, payment, Cause("host"), NOW)
    changed = attrs.evolve(payment, transactions=(attrs.evolve(one, requested=eur(2)),))
    said = [each for each in audit_history(changed, told, Bounds()) if each.message.startswith("recorded")]
    assert [(each.transaction_id, each.message) for each in said] == [
        ("t-1", "recorded was REFUND 0.01 EUR, now it is REFUND 0.02 EUR")
    ]


def outside(parent_amount: int, requested: int) -> Payment:
    """A refund made at the gateway's dashboard, of which no amount was told."""
    parent = Transaction(id="t-1", type=AUTHORIZE_AND_CAPTURE, requested=eur(parent_amount), created_at=NOW)
    refund = Transaction(
        id="t-2", type=REFUND, requested=eur(requested), created_at=NOW, parent_id="t-1", observed_only=True
    )
    return attrs.evolve(new_payment(), transactions=(parent, refund))


@pytest.mark.parametrize(("requested", "odd"), [(1_000, False), (999, True)])
def test_what_was_made_outside_stands_with_its_whole_parent_if_no_amount_was_told(requested: int, odd: bool) -> None:
    found = audit(outside(1_000, requested), NOW, Bounds())
    said = [one.message for one in found if "was made outside and stands with" in one.message]
    assert said == (["REFUND was made outside and stands with 9.99 EUR; 10.00 EUR was told"] if odd else [])


def test_an_unchangeable_mapping_says_so() -> None:
    fixed: Any = FixedMapping({"a": "b"})
    with pytest.raises(TypeError, match=r"^it is fixed$"):
        fixed["a"] = "c"


def test_a_card_number_that_touches_letters_is_masked_too() -> None:
    assert "4242424242424242" not in mask_card_numbers("card4242424242424242x")
