"""The shopper is sent to the gateway and comes back, in any order with webhooks, polls and maintenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import pytest

from payports import (
    ActionRequired,
    Busy,
    Cart,
    CheckedOut,
    NotCovered,
    Observation,
    OperationNotAllowed,
    Owner,
    PaymentNotFound,
    PaymentsFailed,
)
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.checkout import CheckoutState
from payports.domain.payment import Restriction
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.checkout.scenarios import come_back, record_of, resume, three_d_secure
from tests.application.scenarios import TWO
from tests.application.shops import MINUTE, bench, eur, new_payment, next_reference, problem, told, with_gateway
from tests.application.writers import faster, once


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("order", list(permutations(["webhook", "return", "poll", "maintenance"])))
def test_webhook_return_and_poll_come_in_any_order_and_the_end_is_the_same(
    order: tuple[str, ...], approve: bool
) -> None:
    """Medusa and Spree answer the race of webhook and return page by sleeping."""
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required), approve=approve)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    steps: dict[str, Callable[[], object]] = {
        "webhook": on.deliver,
        "return": lambda: resume(on, required),
        "poll": lambda: on.shop.transactions.refresh(payment.id),
        "maintenance": lambda: on.settle_down(50 * MINUTE, 1),
    }
    for step in order:
        steps[step]()
    if approve:
        assert isinstance(told(resume(on, required)), CheckedOut)
        assert isinstance(told(on.submit()), CheckedOut)
        assert on.again(payment).placed
    else:
        assert isinstance(problem(resume(on, required)), PaymentsFailed)
        assert not on.again(payment).restrictions
    assert on.effects() == ([("AUTHORIZE", 5_990)] if approve else [])
    assert told(on.shop.maintenance.needs_attention()) == ()


def test_the_return_of_the_browser_proves_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    lies = {"status": "SUCCEEDED", "approved": "true", "reference": next_reference(required)}
    again = told(on.shop.checkout.resume("sandbox", {"callback_token": required.callback_token, **lies}))
    assert isinstance(again, ActionRequired)
    assert on.effects() == []


def test_a_callback_token_that_is_wrong_foreign_or_of_another_merchant_opens_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    for token in (
        "wrong",
        required.callback_token[:-1],
        required.callback_token + "x",
        required.callback_token.upper(),
    ):
        assert isinstance(problem(on.shop.checkout.resume("sandbox", {"callback_token": token})), PaymentNotFound)
    other = on.shop.merchant("m-2").checkout.resume("sandbox", {"callback_token": required.callback_token})
    assert isinstance(problem(other), PaymentNotFound)
    assert on.store.of("default").checkout(Owner("cart", "c-1")).state is CheckoutState.ACTION_REQUIRED  # type: ignore[union-attr]


def test_a_callback_token_that_is_used_again_changes_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    placed = told(resume(on, required))
    commits, calls = len(on.store.commits), on.spy.calls
    assert told(resume(on, required)) == placed
    assert (len(on.store.commits), on.spy.calls) == (commits, calls)


def test_the_token_of_an_attempt_that_failed_revives_nothing() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required), approve=False)
    assert isinstance(problem(resume(on, required)), PaymentsFailed)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    told(on.shop.payments.update(payment.id, method=new_payment().method))
    told(on.shop.transactions.authorize(payment.id))
    assert isinstance(problem(resume(on, required)), OperationNotAllowed)
    assert isinstance(told(on.submit(request_id="attempt-2")), CheckedOut)


def test_a_return_while_a_new_attempt_is_under_way_is_busy() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second", token="tok_unreachable")
    failed = on.submit(minor=3_000)
    problem(failed)
    record = on.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    answers: list[Any] = []

    def come_back(_: PaymentRequest) -> None:
        now = on.store.of("default").checkout(Owner("cart", "c-1"))
        assert now is not None
        answers.append(on.shop.checkout.resume("first", {"callback_token": now.callback_token}))

    on.spies["second"].during = come_back
    on.submit(minor=3_000, request_id="attempt-2")
    assert [type(problem(one)) for one in answers] == [Busy]


def test_a_cart_that_changed_while_the_shopper_was_away_is_refused() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    changed = Cart("c-1", total=eur(9_990))
    assert isinstance(problem(resume(on, required, cart=changed)), NotCovered)
    assert isinstance(problem(resume(on, required)), OperationNotAllowed)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    told(on.shop.payments.update(payment.id, amount=eur(9_990)))
    topped_up = told(on.submit(minor=9_990, request_id="attempt-2"))
    on.bank.complete_action(next_reference(topped_up))
    assert isinstance(told(resume(on, topped_up, cart=changed)), CheckedOut)
    assert on.effects() == [("AUTHORIZE", 5_990), ("AUTHORIZE", 4_000)]


def test_a_cart_of_another_version_is_refused_even_if_its_total_is_the_same() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    required = told(on.submit(version="1"))
    on.bank.complete_action(next_reference(required))
    assert isinstance(problem(resume(on, required, cart=Cart("c-1", total=eur(5_990), version="2"))), NotCovered)


def test_payments_cannot_be_changed_while_the_shopper_is_away() -> None:
    on = bench()
    three_d_secure(on)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert isinstance(problem(on.shop.payments.update(payment.id, amount=eur(1))), OperationNotAllowed)
    assert isinstance(problem(on.shop.payments.archive(payment.id)), OperationNotAllowed)


def test_an_action_required_does_not_stop_the_other_payments() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second")
    required = told(on.submit(minor=3_000))
    assert isinstance(required, ActionRequired)
    assert on.effects() == [("AUTHORIZE", 2_000)]
    on.bank.complete_action(next_reference(required))
    params = {"callback_token": required.callback_token}
    assert isinstance(told(on.shop.checkout.resume("first", params)), CheckedOut)


def test_a_hosted_page_lets_the_shopper_pay_without_a_token() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "hosted_page": True}}})
    on.pay(token="")
    required = told(on.submit())
    assert required.next_actions[0].type == "hosted_page"
    on.bank.complete_action(next_reference(required))
    assert isinstance(told(resume(on, required)), CheckedOut)


def test_the_callback_token_goes_with_the_shopper_and_is_kept_by_a_repetition() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    cart = Cart("c-1", total=eur(5_990))
    url = "https://shop.example/back?a=1"
    required = told(on.shop.checkout.submit(cart, request_id="attempt-1", return_url=url))
    assert on.spy.executed[0].return_url == f"{url}&callback_token={required.callback_token}"
    assert told(on.shop.checkout.submit(cart, request_id="attempt-1", return_url=url)) == required
    assert len(required.callback_token) >= 22


@pytest.mark.parametrize(("token", "kept"), [("tok_3ds", True), ("tok_async", True), ("tok_declined", False)])
def test_a_shopper_who_is_still_away_may_come_back_to_the_next_attempt(token: str, kept: bool) -> None:
    on = bench()
    on.pay(token=token)
    on.submit()
    before = record_of(on).callback_token
    on.submit(request_id="attempt-2")
    assert (record_of(on).callback_token == before) is kept


class Listening(ExternalActions):
    """Notes what the browser brought; the gateway itself is asked by look-up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner
        self.brought: list[Mapping[str, str]] = []

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        self.brought.append(params)
        return self.inner.confirm(request, params)


def test_what_the_browser_brought_goes_to_the_gateway_that_it_comes_from() -> None:
    on = bench(TWO)
    actions = [on.shop.gateways[name].gateway.actions for name in ("first", "second")]
    listening = [Listening(one) for one in actions if one]
    for name, one in zip(("first", "second"), listening, strict=True):
        on = with_gateway(on, name, actions=one)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = told(on.submit(minor=3_000))
    params = {"callback_token": required.callback_token, "state": "x"}
    told(on.shop.checkout.resume("first", params))
    assert [one.brought for one in listening] == [[params], []]


def test_the_shopper_who_is_away_may_change_nothing_meanwhile() -> None:
    on = bench()
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    away = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
    assert on.again(payment).restrictions == {away}


def test_a_new_attempt_asks_what_the_shopper_has_done_meanwhile() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    on.bank.complete_action(next_reference(told(on.submit())))
    assert isinstance(told(on.submit(request_id="attempt-2")), CheckedOut)


@pytest.mark.parametrize("moving", [0, TRIES])
def test_the_shopper_comes_back_with_two_things_done_on_one_payment(moving: int) -> None:
    on = bench()
    payment = on.pay(minor=3_000, token="tok_3ds")
    for minor in (1_000, 2_000):
        told(on.shop.transactions.authorize(payment.id, eur(minor)))
    required = told(on.submit(minor=3_000))
    for action in required.next_actions:
        on.bank.complete_action(action.reference)
    on.store.before_commit = once(lambda _: faster(on, payment), moving)
    assert isinstance(told(come_back(on)), CheckedOut if not moving else ActionRequired)
    assert sorted(one.status.value for one in on.again(payment).transactions) == (
        ["SUCCEEDED", "SUCCEEDED"] if not moving else ["REQUIRES_ACTION", "SUCCEEDED"]
    )
