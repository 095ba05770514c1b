"""What holds for all services: merchants apart, threads side by side, facts for the host, people who decide."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from payports import (
    AmountNotAvailable,
    Cart,
    CheckedOut,
    InvalidInput,
    Money,
    OperationNotAllowed,
    Owner,
    PaymentNotFound,
    Success,
    TransactionReport,
    TransactionStatus,
    TransactionType,
)
from payports.domain.attention import AttentionKind
from tests.application.shops import (
    HOUR,
    MEMORY,
    MINUTE,
    bench,
    eur,
    new_payment,
    only,
    problem,
    seen,
    told,
    without_gateway,
)


def at_once(call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(call, range(8)))


# --- merchants ---


def test_nothing_of_one_merchant_is_visible_to_another() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    other = on.shop.merchant("m-2")
    owner = Owner("cart", "c-1")
    assert isinstance(problem(other.payments.get(payment.id)), PaymentNotFound)
    assert isinstance(problem(other.transactions.capture(payment.id, eur(1))), PaymentNotFound)
    assert isinstance(problem(other.orders.capture(owner, "f-1", eur(1), key="k-1")), PaymentNotFound)
    assert isinstance(problem(other.events.history(payment.id)), PaymentNotFound)
    assert isinstance(problem(other.checkout.cancel(owner)), PaymentNotFound)
    row = on.again(payment).transactions[0]
    ruled = other.maintenance.resolve(row.id, TransactionStatus.REVOKED, operator="eve", reason="mine")
    assert isinstance(problem(ruled), PaymentNotFound)
    assert told(other.payments.of_owner(owner)) == ()
    assert told(other.events.deliver(lambda _: None)).delivered == 0
    assert isinstance(told(other.checkout.submit(Cart("c-1", total=eur(0)), request_id="attempt-1")), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_keys_of_two_merchants_do_not_meet() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id, key="k-1"))
    other = on.shop.merchant("m-2")
    new = told(other.payments.create(new_payment("c-9")))
    assert isinstance(told(other.transactions.authorize(new.id, eur(1), key="k-1")), TransactionReport)


def test_a_merchant_may_have_gateways_and_rules_of_their_own() -> None:
    on = bench(
        {
            "gateways": {"sandbox": {"adapter": "sandbox"}},
            "merchants": {
                "m-2": {
                    "gateways": {"sandbox": {"perform_authorize_and_capture": True}},
                    "checkout": {"rollback": "immediate"},
                }
            },
        }
    )
    other = on.shop.merchant("m-2")
    assert other.environment.captures_at_once() == {"sandbox"}
    assert other.environment.policy.rollback_immediately
    assert on.shop.environment.captures_at_once() == frozenset()
    assert not on.shop.environment.policy.rollback_immediately
    assert on.shop.merchant("m-3").environment.policy == on.shop.environment.policy


# --- threads ---


def test_eight_threads_with_one_key_have_one_effect() -> None:
    on = bench()
    payment = on.pay()
    answers = at_once(lambda _: on.shop.transactions.authorize(payment.id, key="k-1"))
    assert any(isinstance(one, Success) for one in answers)
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_eight_threads_without_a_key_never_hold_more_than_the_payment() -> None:
    on = bench()
    payment = on.pay()
    at_once(lambda _: on.shop.transactions.authorize(payment.id))
    assert on.effects() == [("AUTHORIZE", 5_990)]


@pytest.mark.parametrize("kind", ["refund", "capture"])
def test_two_of_sixty_on_a_hundred_at_once_do_not_both_go_through(kind: str) -> None:
    """Hyperswitch and Vendure refund 120 of 100."""
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    if kind == "refund":
        told(on.shop.transactions.capture(payment.id))
    move = getattr(on.shop.transactions, kind)
    answers = at_once(lambda _: move(payment.id, eur(6_000)))
    assert sum(isinstance(one, Success) for one in answers) == 1
    refusals = [problem(one) for one in answers if not isinstance(one, Success)]
    assert set(map(type, refusals)) <= {AmountNotAvailable, OperationNotAllowed}
    assert on.effects(TransactionType[kind.upper()]) == [(kind.upper(), 6_000)]


def test_an_authorization_of_ten_is_not_captured_twice_for_ten() -> None:
    """Kill Bill."""
    on = bench()
    payment = on.pay(minor=1_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(1_000)))
    assert problem(on.shop.transactions.capture(payment.id, eur(1_000))) == AmountNotAvailable(eur(0))


def test_more_than_was_authorised_is_not_captured() -> None:
    """django-payments: capture 999 of 100."""
    on = bench()
    payment = on.pay(minor=10_000)
    told(on.shop.transactions.authorize(payment.id))
    assert problem(on.shop.transactions.capture(payment.id, eur(99_900))) == AmountNotAvailable(eur(10_000))


def test_amounts_below_zero_do_not_exist() -> None:
    """Vendure, django-payments, getpaid: refund of -5."""
    with pytest.raises(ValueError, match="between 0"):
        Money(-500, "EUR")
    assert isinstance(problem(Money.parse("-5", "EUR")), InvalidInput)
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize_and_capture(payment.id))
    assert isinstance(problem(on.shop.transactions.refund(payment.id, eur(0))), InvalidInput)


def test_half_a_yen_does_not_exist() -> None:
    """Medusa accepts JPY 100.5."""
    assert isinstance(problem(Money.parse("100.5", "JPY")), InvalidInput)
    with pytest.raises(ValueError, match="decimals"):
        Money.of("100.5", "JPY")


def test_a_doubt_is_never_written_down_as_a_failure_however_often_nobody_answers() -> None:
    """Hyperswitch writes a timeout as failed after the last poll, Spree as failed and retryable."""
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    on.spy.on_look_up = lambda _: None
    on.settle_down(HOUR, 48)
    row = only(on.again(payment), TransactionType.AUTHORIZE)
    assert row.status is TransactionStatus.UNKNOWN
    assert row.due_at is not None
    assert row.due_at > on.clock.now()
    (item,) = told(on.shop.maintenance.needs_attention())
    assert (item.kind, item.transaction_id) == (AttentionKind.UNKNOWN_RESULT, row.id)
    assert told(on.shop.payments.summary(payment.id)).amount_available_for_authorize == eur(0)


@pytest.mark.parametrize(
    ("answer", "fewest", "most"), [(seen(TransactionStatus.AWAITING_RESULT), 3, 10), (None, 60, 60)]
)
def test_unknown_rows_are_looked_up_within_a_minute_and_then_as_often_as_answers_come(
    answer: Any, fewest: int, most: int
) -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    due = on.again(payment).transactions[0].due_at
    assert due is not None
    assert (due - on.clock.now()).total_seconds() <= MINUTE
    on.spy.on_look_up = lambda _: answer
    on.settle_down(10 * MINUTE, 60)
    assert fewest <= len(on.spy.looked_up) <= most


def test_a_transaction_keeps_the_gateway_it_was_sent_to_and_one_that_is_gone_is_shown() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox"}, "other": {"adapter": "sandbox"}}})
    payment = on.pay(token="tok_timeout_charged")

    def die(_: object) -> None:
        raise KeyboardInterrupt

    on.spies["sandbox"].during = die
    with pytest.raises(KeyboardInterrupt):
        on.shop.transactions.authorize(payment.id)
    gone = without_gateway(on)
    gone.settle_down(HOUR, 3)
    assert on.spies["other"].calls == 0
    (item,) = told(gone.shop.maintenance.needs_attention())
    assert item.kind is AttentionKind.UNKNOWN_GATEWAY
    assert told(on.shop.payments.get(payment.id)).transactions[0].indeterminate


def test_what_cannot_be_helped_does_not_keep_maintenance_from_the_rest() -> None:
    on = bench()
    for number in range(6):
        stuck = on.pay(f"stuck-{number}", token="tok_timeout_charged", gateway="sandbox")
        problem(on.shop.transactions.authorize(stuck.id))
    on.spy.on_look_up = lambda request: (
        None if request.owner.id.startswith("stuck") else on.spy.inner.look_up(request, fence=True)
    )
    fine = on.pay("fine", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(fine.id))
    on.clock.advance(2 * MINUTE)
    for _ in range(6):
        told(on.shop.maintenance.run(limit=2))
        on.clock.advance(30)
    assert only(on.again(fine), TransactionType.AUTHORIZE).succeeded


# --- people ---


def test_an_operator_settles_a_discrepancy_and_who_and_why_is_kept() -> None:
    on = bench()
    payment = on.pay(token="tok_wrong_amount")
    problem(on.shop.transactions.authorize(payment.id))
    (item,) = told(on.shop.maintenance.needs_attention())
    on.shop.maintenance.resolve(
        item.transaction_id, TransactionStatus.SUCCEEDED, operator="ada", reason="the bank says 59.90"
    )
    assert told(on.shop.maintenance.needs_attention()) == ()
    assert told(on.shop.payments.summary(payment.id)).amount_authorized == eur(5_990)
    ruling = told(on.shop.events.history(payment.id))[-1].fact
    assert (ruling.by, ruling.why) == ("operator ada", "the bank says 59.90")


def test_an_operator_does_not_lower_what_succeeded() -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    on.shop.maintenance.resolve(row.id, TransactionStatus.NOT_EXECUTED, operator="ada", reason="I do not like it")
    assert told(on.shop.payments.summary(payment.id)).amount_authorized == eur(5_990)


@pytest.mark.parametrize(
    "status", ["UNKNOWN", "SENDING_TO_PROCESSOR", "REQUIRES_ACTION", "paid", None, 6, ["SUCCEEDED"]]
)
def test_an_operator_rules_only_what_can_be_ruled(status: Any) -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    ruled = on.shop.maintenance.resolve(row.id, status, operator="ada", reason="because")
    assert isinstance(problem(ruled), InvalidInput)


# --- facts for the host ---


def test_facts_are_delivered_in_order_and_a_handler_that_raises_loses_none() -> None:
    on = bench()
    on.pay("c-1")
    on.pay("c-2")
    told(on.submit("c-1"))
    taken: list[int] = []

    def handler(recorded: Any) -> None:
        if len(taken) in raises_at:
            raises_at.remove(len(taken))
            raise RuntimeError("the host's secret")
        taken.append(recorded.position)

    raises_at = {0, 2, 3}
    errors = [told(on.shop.events.deliver(handler)) for _ in range(4)]
    assert [one.error for one in errors] == ["RuntimeError"] * 3 + [""]
    assert "secret" not in repr(errors)
    assert taken == sorted(taken)
    assert len(set(taken)) == len(taken)
    assert told(on.shop.events.deliver(handler)).delivered == 0


def test_the_history_of_a_payment_tells_who_did_what() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    told(on.shop.orders.capture(Owner("cart", "c-1"), "f-1", eur(5_990), key="k-1"))
    facts = [(one.fact.kind, one.fact.by) for one in told(on.shop.events.history(payment.id))]
    assert facts[0] == ("payment.created", "host")
    assert ("transaction.recorded", "checkout") in facts
    assert ("payment.placed", "checkout") in facts
    assert ("transaction.observed", "order") in facts


def test_a_gateway_that_is_asked_nothing_leaves_a_quiet_shop_quiet() -> None:
    on = bench(MEMORY)
    report = told(on.shop.maintenance.run())
    assert (report.looked_up, report.more) == (0, False)
    assert told(on.shop.maintenance.needs_attention()) == ()
