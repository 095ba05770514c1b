"""What a set of observations amounts to, whatever their order and number."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.judgement import Contradiction, ContradictionKind, judge
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import (
    FAILED,
    INDETERMINATE,
    MAY_HAVE_HAPPENED,
    RANK,
    USABLE,
    ReversalState,
    TransactionStatus,
    TransactionType,
)
from tests.domain.strategies import EUR, NOW, USD, eur, fact, facts_about, statuses

S = TransactionStatus
NEW: Final = Transaction(id="t0", type=TransactionType.AUTHORIZE, requested=eur(10), created_at=NOW, account="acct-1")


def after(*seen: Observation, transaction: Transaction = NEW) -> Transaction:
    for one in seen:
        transaction = transaction.with_observation(one)
    return transaction


def says(status: TransactionStatus = S.SUCCEEDED, **rest: Any) -> Observation:
    return fact("t0", status, **rest)


FACTS: Final = st.lists(facts_about((NEW,)), max_size=6)


@given(FACTS, st.data())
def test_the_order_and_number_of_facts_does_not_matter(seen: list[Observation], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(seen + data.draw(st.lists(st.sampled_from(seen)) if seen else st.just([]))))
    assert after(*seen) == after(*shuffled)
    assert after(*seen).judgement == after(*shuffled).judgement
    assert after(*seen).attributes == after(*shuffled).attributes


@given(FACTS, facts_about((NEW,)))
def test_a_status_only_rises(seen: list[Observation], one: Observation) -> None:
    assert RANK[after(*seen, one).status] >= RANK[after(*seen).status]


@given(FACTS)
def test_more_counts_against_limits_than_surely_happened(seen: list[Observation]) -> None:
    judged = after(*seen)
    assert judged.exposure >= judged.amount
    assert judged.amount <= NEW.requested
    assert judged.exposure >= NEW.requested or judged.succeeded
    if judged.discrepancy:
        assert judged.exposure >= NEW.requested
        claims = [one.amount for one in seen if one.amount and one.amount.currency == EUR]
        assert all(judged.exposure >= claim for claim in claims)


@given(FACTS)
def test_a_success_for_another_amount_never_becomes_a_success(seen: list[Observation]) -> None:
    plain = [
        one
        for one in seen
        if one.amount in (None, eur(10)) or (one.partial and one.amount.currency == EUR and eur(0) < one.amount < eur(10))
    ]  # fmt: skip
    assert after(*seen).status is (
        after(*plain).status if plain else S.UNKNOWN if seen else S.SENDING_TO_PROCESSOR
    ) or (after(*plain).status is S.SENDING_TO_PROCESSOR and after(*seen).status is S.UNKNOWN)
    contradicted = len(plain) < len(seen) and all(one.channel is not Channel.OPERATOR for one in seen)
    assert not contradicted or after(*seen).discrepancy is not None


@given(statuses)
def test_one_plain_fact_is_believed(status: TransactionStatus) -> None:
    judged = after(says(status))
    assert judged.status is status
    assert judged.discrepancy is None
    assert judged.amount == judged.exposure == eur(10)
    assert judged.may_have_happened is (status in MAY_HAVE_HAPPENED)
    assert judged.succeeded is (status is S.SUCCEEDED)
    assert judged.indeterminate is (status in INDETERMINATE)


def test_nothing_seen_is_on_its_way() -> None:
    assert NEW.status is S.SENDING_TO_PROCESSOR
    assert NEW.may_have_happened
    assert NEW.indeterminate
    assert NEW.gateway_reference == ""
    assert NEW.discrepancy is None
    assert NEW.next_action is None
    assert NEW.attributes == {}
    assert NEW.judgement.telling is None


def test_the_ranks_are_those_of_the_design() -> None:
    assert [status.value for status in sorted(S, key=lambda one: RANK[one])] == [
        "SENDING_TO_PROCESSOR", "UNKNOWN", "REQUIRES_ACTION", "AWAITING_RESULT", "NOT_EXECUTED", "DECLINED", "SUCCEEDED", "REVOKED",
    ]  # fmt: skip
    assert set(S) - MAY_HAVE_HAPPENED == {S.NOT_EXECUTED, S.DECLINED, S.REVOKED}
    assert {S.SENDING_TO_PROCESSOR, S.UNKNOWN} == INDETERMINATE
    assert {S.NOT_EXECUTED, S.DECLINED} == FAILED
    assert {ReversalState.NONE, ReversalState.REVERSAL_CANDIDATE} == USABLE


CONTRADICTIONS: Final[list[tuple[dict[str, Any], ContradictionKind, str]]] = [
    ({"amount": eur(9)}, ContradictionKind.AMOUNT, "asked for 0.10 EUR, the gateway says 0.09 EUR"),
    ({"amount": eur(11), "partial": True}, ContradictionKind.AMOUNT, "asked for 0.10 EUR, the gateway says 0.11 EUR"),
    ({"amount": eur(0), "partial": True}, ContradictionKind.AMOUNT, "asked for 0.10 EUR, the gateway says 0.00 EUR"),
    ({"amount": Money(10, USD)}, ContradictionKind.CURRENCY, "asked for EUR, the gateway says USD"),
    ({"amount": Money(5, USD), "partial": True}, ContradictionKind.CURRENCY, "asked for EUR, the gateway says USD"),
    ({"account": "acct-2"}, ContradictionKind.ACCOUNT, "the gateway speaks of another account"),
]


@pytest.mark.parametrize(("lie", "kind", "message"), CONTRADICTIONS)
def test_a_contradiction_is_an_unknown_result_that_needs_attention(
    lie: dict[str, Any], kind: ContradictionKind, message: str
) -> None:
    judged = after(says(**lie))
    assert judged.status is S.UNKNOWN
    assert judged.discrepancy == Contradiction(kind, message)
    assert judged.gateway_reference == ""
    truth_known = after(says(**lie), says())
    assert truth_known.status is S.SUCCEEDED
    assert truth_known.amount == eur(10)
    assert truth_known.discrepancy == Contradiction(kind, message)


@pytest.mark.parametrize("told", [{"amount": eur(10)}, {"account": "acct-1"}, {"amount": None, "account": ""}])
def test_what_fits_the_request_is_no_contradiction(told: dict[str, Any]) -> None:
    assert after(says(**told)).discrepancy is None


def test_an_account_is_only_compared_where_one_was_named() -> None:
    nowhere = attrs.evolve(NEW, account="")
    assert after(says(account="acct-2"), transaction=nowhere).discrepancy is None


def test_less_may_be_approved_openly() -> None:
    judged = after(says(amount=eur(4), partial=True))
    assert (judged.status, judged.amount, judged.exposure) == (S.SUCCEEDED, eur(4), eur(4))
    assert judged.discrepancy is None


def test_of_two_amounts_the_smaller_is_sure_and_the_larger_counts() -> None:
    judged = after(says(amount=eur(4), partial=True), says(amount=eur(7), partial=True))
    assert (judged.amount, judged.exposure) == (eur(4), eur(10))
    assert judged.discrepancy == Contradiction(ContradictionKind.AMOUNT, "two amounts for one transaction")


def test_an_amount_counts_only_once_it_succeeded() -> None:
    judged = after(says(S.AWAITING_RESULT, amount=eur(4), partial=True))
    assert (judged.amount, judged.exposure) == (eur(10), eur(10))
    revoked = after(says(amount=eur(4), partial=True), says(S.REVOKED))
    assert (revoked.status, revoked.amount) == (S.REVOKED, eur(10))


def test_two_references_are_a_contradiction_and_the_one_that_succeeded_is_used() -> None:
    for declined, succeeded in (("a", "b"), ("b", "a")):
        judged = after(says(S.DECLINED, gateway_reference=declined), says(gateway_reference=succeeded))
        assert judged.gateway_reference == succeeded
        assert judged.judgement.references == ("a", "b")
        assert judged.discrepancy == Contradiction(
            ContradictionKind.REFERENCE, "two gateway references for one transaction"
        )
    assert after(says(gateway_reference="a"), says(S.REVOKED)).gateway_reference == "a"


def test_a_failure_that_a_contradicting_success_puts_in_doubt_keeps_the_money_reserved() -> None:
    doubtful = after(says(S.DECLINED), says(amount=eur(12)))
    assert doubtful.status is S.DECLINED
    assert doubtful.may_have_happened
    assert doubtful.exposure == eur(12)
    assert not doubtful.indeterminate
    assert not after(says(S.DECLINED), says(S.UNKNOWN, amount=eur(12))).may_have_happened
    assert not after(says(S.REVOKED), says(amount=eur(12))).may_have_happened
    assert not after(says(S.DECLINED)).may_have_happened


@pytest.mark.parametrize("ruling", [S.SUCCEEDED, S.NOT_EXECUTED, S.DECLINED, S.REVOKED])
def test_an_operator_settles_a_contradiction(ruling: TransactionStatus) -> None:
    settled = after(says(amount=eur(12)), says(ruling, channel=Channel.OPERATOR, operator="ann"))
    assert settled.status is ruling
    assert settled.discrepancy is None
    assert settled.exposure == settled.amount == eur(10)
    assert settled.may_have_happened is (ruling is S.SUCCEEDED)
    assert settled.judgement.ruled


def test_more_than_its_parent_can_bear_needs_attention_until_an_operator_has_ruled() -> None:
    beyond = attrs.evolve(after(says()), excess=True)
    assert beyond.discrepancy == Contradiction(ContradictionKind.BEYOND_LIMIT, "more happened than its parent can bear")
    assert after(says(channel=Channel.OPERATOR), transaction=beyond).discrepancy is None


ACTION: Final = NextAction(type="redirect", url="https://bank.example/3ds", reference="act-1")


def test_the_next_action_is_told_as_long_as_it_is_waited_for() -> None:
    asked = says(S.REQUIRES_ACTION, next_action=ACTION)
    silent = says(S.REQUIRES_ACTION, channel=Channel.WEBHOOK)
    assert after(asked).next_action == after(asked, silent).next_action == ACTION
    assert after(silent).next_action is None
    assert after(asked, says(S.AWAITING_RESULT)).next_action is None
    assert after(says(S.UNKNOWN, next_action=ACTION), silent).next_action is None
    later = NextAction(type="redirect", url="https://bank.example/zzz")
    both = {after(asked, says(S.REQUIRES_ACTION, next_action=later)).next_action} | {
        after(says(S.REQUIRES_ACTION, next_action=later), asked).next_action
    }
    assert len(both) == 1


def test_attributes_come_from_what_is_credible_and_the_higher_status_has_the_last_word() -> None:
    low, high = says(S.AWAITING_RESULT, attributes={"id": "z", "low": "1"}), says(attributes={"id": "a"})
    assert after(low, high).attributes == after(high, low).attributes == {"id": "a", "low": "1"}
    assert after(high, says(S.REVOKED, account="acct-2", attributes={"id": "x"})).attributes == {"id": "a"}


def test_attributes_are_the_same_however_they_were_given() -> None:
    assert says(attributes={"b": "1", "a": "2"}) == says(attributes=(("b", "1"), ("a", "2")))
    assert says(attributes={"b": "1", "a": "2"}).attributes == (("a", "2"), ("b", "1"))


def test_the_fact_that_tells_most_about_a_decline_is_the_telling_one() -> None:
    soft, hard = says(S.DECLINED, code="51"), says(S.DECLINED, hard=True, code="41")
    silent = says(S.DECLINED, channel=Channel.WEBHOOK, message="zzz")
    assert after(soft, hard, silent).judgement.telling == hard
    assert after(silent, soft).judgement.telling == soft
    assert after(soft, hard, says()).judgement.telling == says()


@given(FACTS, st.data())
def test_a_judgement_does_not_ask_in_which_order_it_was_told(seen: list[Observation], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(seen))
    assert judge(eur(10), "acct-1", tuple(seen)) == judge(eur(10), "acct-1", tuple(shuffled))


def test_of_two_facts_that_weigh_the_same_the_judgement_takes_always_the_same() -> None:
    one, other = says(attributes={"id": "1"}), says(attributes={"id": "2"})
    assert judge(eur(10), "", (one, other)) == judge(eur(10), "", (other, one))


def test_what_was_seen_is_a_set() -> None:
    once = after(says())
    assert once.with_observation(says()) is once
    assert after(says(), says(S.DECLINED)).seen == after(says(S.DECLINED), says()).seen
