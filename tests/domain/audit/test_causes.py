"""Who may have caused what, and why: whoever the library writes is believed, everybody else is found."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from payports.domain.audit.causes import audit_causes, named_notifications
from payports.domain.audit.findings import Finding, FindingKind
from payports.domain.history import Cause, Fact, derive_facts, webhook_cause
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.payment import Payment, Restriction
from tests.domain.strategies import NOW, done, new_payment

APPLICATION: Final = Path(__file__).parents[3] / "application"
HELD: Final = done(new_payment(10), AUTHORIZE)
PLACED: Final = attrs.evolve(HELD, restrictions=frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED}))
CALLERS: Final = ("host", "order", "checkout", "recovery")


def fact(kind: str, by: str, why: str = "", **detail: str) -> Fact:
    return Fact(kind=kind, payment_id=HELD.id, at=NOW, by=by, why=why, detail=detail)


def observed(channel: str, by: str, why: str = "", **detail: str) -> Fact:
    return fact("transaction.observed", by, why, channel=channel, **detail)


def written_causes() -> Iterator[tuple[str, str]]:
    """All causes that the services spell out."""
    for path in APPLICATION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
                words: list[Any] = [one.value for one in node.args if isinstance(one, ast.Constant)]
                if len(words) == len(node.args):
                    yield words[0], words[1] if len(words) > 1 else ""


def test_every_cause_that_a_service_spells_out_is_believed() -> None:
    causes = set(written_causes())
    assert {by for by, _ in causes} == set(CALLERS)
    for by, why in causes:
        assert audit_causes(HELD, [fact("transaction.reversal", by, why)]) == (), (by, why)


BELIEVED: Final = [
    fact("payment.created", "host"),
    fact("payment.updated", "checkout"),
    fact("payment.archived", "host"),
    fact("payment.placed", "checkout"),
    fact("payment.allocated", "order"),
    fact("transaction.expiring", "recovery"),
    fact("transaction.recorded", "webhook of card", "event e-1"),
    fact("transaction.discrepancy", "operator eve", "she saw it"),
    *(observed(channel, by) for channel in ("ANSWER", "LOOK_UP") for by in CALLERS),
    *(observed("RETURN", by) for by in ("checkout", "host")),
    observed("RETURN", "checkout", "the shopper came back"),
    observed("WEBHOOK", "host"),
    observed("WEBHOOK", "webhook of card", "event e-1"),
    observed("OPERATOR", "operator eve", "she saw it", operator="eve", message="she saw it"),
    observed("OPERATOR", "operator eve", "what a capture released"),
]
REFUSED: Final = [
    fact("payment.created", "checkout"),
    fact("payment.updated", "webhook of card"),
    fact("payment.updated", "operator eve", "why not"),
    fact("payment.archived", "order"),
    fact("payment.placed", "host"),
    fact("payment.allocated", "host"),
    fact("transaction.expiring", "host"),
    fact("transaction.recorded", "Host"),
    fact("transaction.recorded", "webhook of else"),
    fact("transaction.recorded", "webhook of "),
    fact("transaction.recorded", "operator "),
    fact("transaction.recorded", "operator eve"),
    fact("transaction.recorded", "host", "cancelled"),
    fact("transaction.recorded", "order", "event e-1"),
    fact("transaction.recorded", "webhook of card"),
    fact("transaction.recorded", "webhook of card", "cancelled"),
    fact("transaction.recorded", "webhook of card", "event "),
    *(observed(channel, "webhook of card") for channel in ("ANSWER", "LOOK_UP", "RETURN", "OPERATOR")),
    *(observed(channel, "operator eve", "why not") for channel in ("ANSWER", "LOOK_UP", "RETURN", "WEBHOOK")),
    *(observed("RETURN", by) for by in ("order", "recovery")),
    *(observed("WEBHOOK", by) for by in ("order", "recovery", "checkout")),
    *(observed("OPERATOR", by) for by in CALLERS),
    observed("OPERATOR", "operator bob", "she saw it", operator="eve", message="she saw it"),
    observed("OPERATOR", "operator eve", "he saw it", operator="eve", message="she saw it"),
]


@pytest.mark.parametrize("one", BELIEVED, ids=repr)
def test_who_may_cause_a_fact_is_believed(one: Fact) -> None:
    assert audit_causes(HELD, [one]) == ()


@pytest.mark.parametrize("one", REFUSED, ids=repr)
def test_who_cannot_have_caused_a_fact_is_found(one: Fact) -> None:
    (finding,) = audit_causes(HELD, [one])
    assert (finding.kind, finding.payment_id, finding.known) == (FindingKind.CAUSE, HELD.id, False)
    assert finding.message.startswith(f"fact 1, {one.kind}, is said to be caused by {one.by!r}")


def test_a_finding_names_the_fact_and_its_transaction() -> None:
    told = [
        *derive_facts(None, new_payment(10), Cause("host"), NOW),
        *derive_facts(new_payment(10), HELD, Cause("eve"), NOW),
    ]
    (row,) = HELD.transactions
    nobody = "is said to be caused by 'eve', and nobody of that name tells of this payment"
    assert audit_causes(HELD, told) == tuple(
        Finding(
            kind=FindingKind.CAUSE,
            payment_id=HELD.id,
            transaction_id=row.id,
            message=f"fact {number}, {one.kind}, {nobody}",
        )
        for number, one in enumerate(told, 1)
        if one.by == "eve"
    )


def test_a_fact_of_nobody_is_told_elsewhere() -> None:
    assert audit_causes(HELD, [fact("payment.created", "")]) == ()


def test_every_notification_is_named_once_and_what_names_no_event_not_at_all() -> None:
    def of(before: Payment, after: Payment, cause: Cause) -> list[Fact]:
        return list(derive_facts(before, after, cause, NOW))

    named = of(new_payment(10), PLACED, webhook_cause("card", "e 1")) + of(HELD, PLACED, webhook_cause("card", "e-2"))
    eventless = of(new_payment(10), HELD, Cause("webhook of card"))
    told = [*eventless, *named, fact("payment.created", "host", "event e-3")]
    assert named_notifications(told) == (("card", "e 1"), ("card", "e-2"))
