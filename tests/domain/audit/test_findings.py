"""What the audit of a ledger and its history says, word for word, and about which transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports.domain.audit.findings import AuditLimits, Finding, FindingKind, new_finding
from payports.domain.audit.history import audit_history, audit_positions
from payports.domain.audit.ledger import audit_ledger
from payports.domain.card_data import mask_card_numbers
from payports.domain.frozen_mapping import FrozenMapping
from payports.domain.history import Cause, derive_facts
from payports.domain.lifecycle import AUTHORIZE_AND_CAPTURE, REFUND
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from tests.domain.audit.test_history import DIFFERENT
from tests.domain.audit.test_ledger import BAD
from tests.domain.strategies import NOW, eur, new_payment


def test_a_finding_about_a_whole_payment_names_no_transaction() -> None:
    payment = new_payment()
    said = Finding(kind=FindingKind.ROWS, payment_id=payment.id, transaction_id="", message="odd", known=False)
    assert new_finding(FindingKind.ROWS, payment, "odd") == said


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
    assert [(one.kind, one.payment_id, one.message) for one in audit_positions("p-1", places)] == [
        (FindingKind.HISTORY_GAP, "p-1", message) for message in said
    ]


def test_a_time_without_a_zone_is_said_so() -> None:
    payment = attrs.evolve(new_payment(), version=1)
    (created,) = derive_facts(None, payment, Cause("host"), NOW)
    zoneless = attrs.evolve(created, at=NOW.replace(tzinfo=None))
    assert [
        one.message for one in audit_history(payment, [zoneless], AuditLimits()) if one.kind is FindingKind.TIME
    ] == ["a time of the history has no zone"]


def test_a_time_that_differs_is_said_of_its_transaction() -> None:
    one = Transaction(id="t-1", type=REFUND, requested=eur(1), created_at=NOW)
    payment = attrs.evolve(new_payment(), version=2, transactions=(one,))
    told = derive_facts(None, payment, Cause("host"), NOW)
    created = told[0]
    late = derive_facts(attrs.evolve(payment, transactions=()), payment, Cause("host"), NOW + timedelta(hours=1))
    found = audit_history(payment, [created, *late], AuditLimits())
    assert [(each.kind, each.transaction_id) for each in found if each.kind is FindingKind.TIME] == [
        (FindingKind.TIME, "t-1")
    ]


def test_what_is_told_otherwise_is_said_of_its_transaction_in_plain_words() -> None:
    one = Transaction(id="t-1", type=REFUND, requested=eur(1), created_at=NOW)
    payment = attrs.evolve(new_payment(), version=2, transactions=(one,))
    told = derive_facts(None, payment, Cause("host"), NOW)
    changed = attrs.evolve(payment, transactions=(attrs.evolve(one, requested=eur(2)),))
    said = [each for each in audit_history(changed, told, AuditLimits()) if each.message.startswith("recorded")]
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
    found = audit_ledger(outside(1_000, requested), NOW, AuditLimits())
    said = [one.message for one in found if "was made outside and is recorded with" in one.message]
    assert said == (
        ["REFUND was made outside and is recorded with 9.99 EUR, but 10.00 EUR was observed"] if odd else []
    )


def test_an_unchangeable_mapping_says_so() -> None:
    fixed: Any = FrozenMapping({"a": "b"})
    with pytest.raises(TypeError, match=r"^a FrozenMapping cannot be changed$"):
        fixed["a"] = "c"


def test_a_card_number_that_touches_letters_is_masked_too() -> None:
    assert "4242424242424242" not in mask_card_numbers("card4242424242424242x")


# --- every rule that is broken, as the tests of the audit break it ---


_STANDING: Final = "FAILED_REVERSAL or NONE or REQUIRES_REVERSAL or REVERSAL_CANDIDATE"
LEDGERS: Final[dict[str, list[str]]] = {
    "a payment for nothing": ["AMOUNT: the payment's amount must be above zero"],
    "a payment for too much": ["AMOUNT: the payment's amount is too large"],
    "a movement of nothing": ["AMOUNT t0: the amount of AUTHORIZE must be above zero"],
    "made outside, with another amount than told": [
        "AMOUNT o-51c0406651ca692f76f9fdbc: CHARGEBACK was made outside and is recorded with 0.09 EUR, but 0.10 EUR was observed"
    ],
    "another currency": ["CURRENCY t0: AUTHORIZE is in USD, its payment in EUR"],
    "a payment without a zone": ["TIME: the payment's time has no zone"],
    "a transaction without a zone": ["TIME t0: a time of AUTHORIZE has no zone"],
    "a date without a zone": ["TIME t0: a time of AUTHORIZE has no zone"],
    "a payment in the future": ["TIME: the payment was made in the future"],
    "a transaction in the future": ["TIME t0: AUTHORIZE was made in the future"],
    "a transaction before its payment": ["TIME t0: AUTHORIZE is older than what it was made on top of"],
    "a child before its parent": ["TIME t1: CAPTURE is older than what it was made on top of"],
    "an id twice": [
        "IDENTITY t0: 2 transactions have the id t0",
        "REFERENCE t0: 2 transactions of type AUTHORIZE share the gateway reference r0",
    ],
    "a hold with a parent": ["LIFECYCLE t0: AUTHORIZE stands for itself, and this one names a parent"],
    "a capture without one": ["LIFECYCLE t1: CAPTURE has no parent before it on the payment"],
    "a capture of nobody": ["LIFECYCLE t1: CAPTURE has no parent before it on the payment"],
    "a capture of a later hold": ["LIFECYCLE t1: CAPTURE has no parent before it on the payment"],
    "a refund of a hold": ["LIFECYCLE t2: REFUND cannot be made on top of AUTHORIZE"],
    "a capture of what is unknown": ["LIFECYCLE t1: CAPTURE was made on top of AUTHORIZE, which has not succeeded"],
    "a chargeback that was commanded": [
        "LIFECYCLE o-51c0406651ca692f76f9fdbc: CHARGEBACK is only reported by gateways, but this one was requested"
    ],
    "held and taken in one go, too": ["LIFECYCLE t9: it was authorized, and authorized and captured, too"],
    "settled and voided": ["LIFECYCLE t1: CAPTURE was settled, and voided, too"],
    "more captured than held": ["LIMIT t0: 0.11 EUR happened on AUTHORIZE, which bears 0.10 EUR"],
    "more let go than held": ["LIMIT t0: 0.11 EUR happened on AUTHORIZE, which bears 0.10 EUR"],
    "more captured and let go than held": ["LIMIT t0: 0.11 EUR happened on AUTHORIZE, which bears 0.10 EUR"],
    "captured again, although its void put nothing back": [
        "LIMIT t0: 0.20 EUR happened on AUTHORIZE, which bears 0.10 EUR"
    ],
    "captured again, although its void failed": ["LIMIT t0: 0.20 EUR happened on AUTHORIZE, which bears 0.10 EUR"],
    "a single unit held for nothing": [
        "AMOUNT: the payment's amount must be above zero",
        "LIMIT: 0.01 EUR is held or taken for a payment of 0.00 EUR",
    ],
    "more refunded than captured": ["LIMIT t1: 0.11 EUR happened on CAPTURE, which bears 0.10 EUR"],
    "more refunded than sold": ["LIMIT t0: 0.11 EUR happened on AUTHORIZE_AND_CAPTURE, which bears 0.10 EUR"],
    "captured of what was declined": [
        "LIMIT t0: 0.10 EUR happened on AUTHORIZE, which bears 0.00 EUR",
        "LIFECYCLE t1: CAPTURE was made on top of AUTHORIZE, which has not succeeded",
    ],
    "settled twice": ["LIMIT t1: CAPTURE of 0.10 EUR was settled with 0.11 EUR, 2 times"],
    "settled for more": ["LIMIT t1: CAPTURE of 0.10 EUR was settled with 0.11 EUR, 1 times"],
    "more held than the payment is for": ["LIMIT: 0.10 EUR is held or taken for a payment of 0.09 EUR"],
    "undone, and held": [f"REVERSAL t0: the reversal of AUTHORIZE is REVERSED, and must be {_STANDING}"],
    "undone, and taken": [f"REVERSAL t0: the reversal of AUTHORIZE_AND_CAPTURE is REVERSED, and must be {_STANDING}"],
    "being undone by nobody": [
        f"REVERSAL t0: the reversal of AUTHORIZE is REVERSAL_IN_PROGRESS, and must be {_STANDING}"
    ],
    "undone, and it does not say so": ["REVERSAL t0: the reversal of AUTHORIZE is NONE, and must be REVERSED"],
    "being undone, and it does not say so": [
        "REVERSAL t0: the reversal of AUTHORIZE is NONE, and must be REVERSAL_IN_PROGRESS"
    ],
    "a refund that is to be undone": [
        "REVERSAL t2: REFUND is none that can be reversed, and its reversal is REVERSAL_CANDIDATE"
    ],
    "implied by nobody": ["RELEASE t2: REVERSE_AUTH is implied by no capture of the payment"],
    "implied by a hold": ["RELEASE t2: REVERSE_AUTH is implied by no capture of the payment"],
    "a refund that is implied": ["RELEASE t2: REFUND is implied by no capture of the payment"],
    "let go otherwise than captured": [
        "RELEASE t2: it is AWAITING_RESULT, and the capture that implied it is SUCCEEDED"
    ],
    "let go of another hold": [
        "LIMIT t9: 0.06 EUR happened on AUTHORIZE, which bears 0.00 EUR",
        "LIFECYCLE t2: REVERSE_AUTH has no parent before it on the payment",
        "RELEASE t2: it frees another hold than its capture took from",
    ],
    "unknown without a date": ["ORPHAN t0: AUTHORIZE is UNKNOWN, without a date for the next look and shown to nobody"],
    "sending without a date": [
        "ORPHAN t0: AUTHORIZE is SENDING_TO_PROCESSOR, without a date for the next look and shown to nobody"
    ],
    "awaited without a date": [
        "ORPHAN t0: AUTHORIZE is AWAITING_RESULT, without a date for the next look and shown to nobody"
    ],
    "unknown for ever": ["ORPHAN t0: AUTHORIZE is UNKNOWN, and nobody looks before 2026-03-31"],
    "owed back without a date": [
        "ORPHAN t0: AUTHORIZE is owed back (REQUIRES_REVERSAL), without a date for the next look and shown to nobody"
    ],
    "no reference": ["REFERENCE t0: AUTHORIZE succeeded without a gateway reference"],
    "a reference that another refund has": [
        "REFERENCE t3: 2 transactions of type REFUND share the gateway reference r2"
    ],
    "a reference that a capture of another hold has": [
        "REFERENCE t3: 2 transactions of type CAPTURE share the gateway reference rc"
    ],
}
HISTORIES: Final[dict[str, list[str]]] = {
    "nothing is told": [
        "HISTORY_DIFFERS: the history tells 0 times that the payment was created, and must begin with it",
        "HISTORY_DIFFERS: archived is True, and its history says otherwise",
        "HISTORY_DIFFERS: an order was placed on it, and its history does not say so",
        "HISTORY_DIFFERS: 1 parts are set aside, and its history tells of others",
        "HISTORY_DIFFERS t0: AUTHORIZE is in the ledger, and nothing tells that it was recorded",
        "HISTORY_DIFFERS t1: CAPTURE is in the ledger, and nothing tells that it was recorded",
        "HISTORY_DIFFERS t2: REFUND is in the ledger, and nothing tells that it was recorded",
        "HISTORY_DIFFERS t0: of AUTHORIZE 1 observations are kept, and its history tells of others",
        "HISTORY_DIFFERS t0: AUTHORIZE is SUCCEEDED, its history says SENDING_TO_PROCESSOR",
        "HISTORY_DIFFERS t1: of CAPTURE 1 observations are kept, and its history tells of others",
        "HISTORY_DIFFERS t1: CAPTURE is SUCCEEDED, its history says SENDING_TO_PROCESSOR",
        "HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others",
        "HISTORY_DIFFERS t2: REFUND is SUCCEEDED, its history says SENDING_TO_PROCESSOR",
    ],
    "not that it was created": [
        "HISTORY_DIFFERS: the history tells 0 times that the payment was created, and must begin with it"
    ],
    "twice that it was created": [
        "HISTORY_DIFFERS: the history tells 2 times that the payment was created, and must begin with it"
    ],
    "nobody caused it": ["HISTORY_DIFFERS: a fact transaction.observed names nobody who caused it, or another payment"],
    "another payment": ["HISTORY_DIFFERS: a fact transaction.observed names nobody who caused it, or another payment"],
    "another amount of the payment": ["HISTORY_DIFFERS: the payment is for 0.11 EUR, its history says 0.10 EUR"],
    "another gateway": ["HISTORY_DIFFERS: the payment goes through wire, its history says card"],
    "not archived": ["HISTORY_DIFFERS: archived is False, and its history says otherwise"],
    "not that it was archived": ["HISTORY_DIFFERS: archived is True, and its history says otherwise"],
    "not that it was placed": ["HISTORY_DIFFERS: an order was placed on it, and its history does not say so"],
    "not that it was allocated": ["HISTORY_DIFFERS: 1 parts are set aside, and its history tells of others"],
    "allocated for another": ["HISTORY_DIFFERS: 1 parts are set aside, and its history tells of others"],
    "allocated another amount": ["HISTORY_DIFFERS: 1 parts are set aside, and its history tells of others"],
    "allocated as something else": ["HISTORY_DIFFERS: 1 parts are set aside, and its history tells of others"],
    "a transaction that the ledger has no more": [
        "HISTORY_DIFFERS: REFUND t2 was recorded, and the ledger has it no more"
    ],
    "a transaction that nobody recorded": [
        "HISTORY_DIFFERS t2: REFUND is in the ledger, and nothing tells that it was recorded"
    ],
    "transactions in another order": [
        "HISTORY_DIFFERS: the ledger's transactions stand in another order than they were recorded in"
    ],
    "another type": ["HISTORY_DIFFERS t2: recorded was VOID 0.04 EUR t1, now it is REFUND 0.04 EUR t1"],
    "another amount asked": ["HISTORY_DIFFERS t2: recorded was REFUND 0.05 EUR t1, now it is REFUND 0.04 EUR t1"],
    "another parent": ["HISTORY_DIFFERS t2: recorded was REFUND 0.04 EUR t0, now it is REFUND 0.04 EUR t1"],
    "another source": ["HISTORY_DIFFERS t2: recorded was REFUND 0.04 EUR t1 return r-1, now it is REFUND 0.04 EUR t1"],
    "not what was seen": [
        "HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others",
        "HISTORY_DIFFERS t2: REFUND is SUCCEEDED, its history says SENDING_TO_PROCESSOR",
    ],
    "another channel": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another status seen": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another reference seen": [
        "HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"
    ],
    "another code seen": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another failure seen": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another message seen": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another operator": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another type seen": ["HISTORY_DIFFERS t2: of REFUND 1 observations are kept, and its history tells of others"],
    "another last status": ["HISTORY_DIFFERS t2: REFUND is SUCCEEDED, its history says UNKNOWN"],
    "another last amount": ["HISTORY_DIFFERS t2: REFUND moved 0.04 EUR, its history says 0.05 EUR"],
    "another reversal": ["HISTORY_DIFFERS t0: the reversal of AUTHORIZE is REVERSAL_CANDIDATE, its history says NONE"],
    "another end of the reversal": [
        "VERSION: the payment is of version 0, its history tells of 1 commits at least",
        "HISTORY_DIFFERS t1: of REVERSE_AUTH 1 observations are kept, and its history tells of others",
        "HISTORY_DIFFERS t1: REVERSE_AUTH is SUCCEEDED, its history says SENDING_TO_PROCESSOR",
    ],
    "not that it is contradicted": [
        "VERSION: the payment is of version 0, its history tells of 1 commits at least",
        "HISTORY_DIFFERS t0: AUTHORIZE has a discrepancy that its history does not tell of",
    ],
}


def words(findings: Iterable[Finding]) -> list[str]:
    return [f"{one.kind} {one.transaction_id}".rstrip() + f": {one.message}" for one in findings]


def test_every_broken_ledger_has_its_words() -> None:
    assert {name: words(audit_ledger(ledger, NOW, AuditLimits())) for name, (_, ledger) in BAD.items()} == LEDGERS


def test_every_differing_history_has_its_words() -> None:
    assert {
        name: words(audit_history(ledger, told, AuditLimits())) for name, (ledger, told) in DIFFERENT.items()
    } == HISTORIES
