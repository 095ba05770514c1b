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
from tests.application.checkout.scenarios import checkout_record, come_back, resume, three_d_secure
from tests.application.concurrent_writers import before_next_commits, commit_meanwhile
from tests.application.fixtures import (
    MINUTE,
    action_reference,
    eur,
    new_payment,
    open_shop,
    problem,
    value_of,
    with_gateway,
)
from tests.application.scenarios import TWO_GATEWAYS


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("order", list(permutations(["webhook", "return", "poll", "maintenance"])))
def test_webhook_return_and_poll_lead_to_the_same_result_in_any_order(order: tuple[str, ...], approve: bool) -> None:
    """Medusa and Spree sleep to avoid the race between webhook and return page."""
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required), approve=approve)
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    steps: dict[str, Callable[[], object]] = {
        "webhook": shop.deliver_webhooks,
        "return": lambda: resume(shop, required),
        "poll": lambda: shop.transactions.refresh(payment.id),
        "maintenance": lambda: shop.let_time_pass(50 * MINUTE, 1),
    }
    for step in order:
        steps[step]()
    if approve:
        assert isinstance(value_of(resume(shop, required)), CheckedOut)
        assert isinstance(value_of(shop.submit()), CheckedOut)
        assert shop.reload(payment).placed
    else:
        assert isinstance(problem(resume(shop, required)), PaymentsFailed)
        assert not shop.reload(payment).restrictions
    assert shop.effects() == ([("AUTHORIZE", 5_990)] if approve else [])
    assert value_of(shop.maintenance.needs_attention()) == ()


def test_the_return_of_the_browser_proves_nothing() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    lies = {"status": "SUCCEEDED", "approved": "true", "reference": action_reference(required)}
    again = value_of(shop.checkout.resume("sandbox", {"callback_token": required.callback_token, **lies}))
    assert isinstance(again, ActionRequired)
    assert shop.effects() == []


def test_a_wrong_callback_token_or_that_of_another_merchant_finds_nothing() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required))
    for token in (
        "wrong",
        required.callback_token[:-1],
        required.callback_token + "x",
        required.callback_token.upper(),
    ):
        assert isinstance(problem(shop.checkout.resume("sandbox", {"callback_token": token})), PaymentNotFound)
    other = shop.payports.merchant("m-2").checkout.resume("sandbox", {"callback_token": required.callback_token})
    assert isinstance(problem(other), PaymentNotFound)
    assert shop.store.of("default").checkout(Owner("cart", "c-1")).state is CheckoutState.ACTION_REQUIRED  # type: ignore[union-attr]


def test_a_callback_token_that_is_used_again_changes_nothing() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required))
    placed = value_of(resume(shop, required))
    commits, calls = len(shop.store.commits), shop.spy.calls
    assert value_of(resume(shop, required)) == placed
    assert (len(shop.store.commits), shop.spy.calls) == (commits, calls)


def test_the_callback_token_of_a_failed_attempt_places_nothing() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required), approve=False)
    assert isinstance(problem(resume(shop, required)), PaymentsFailed)
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    value_of(shop.payments.update(payment.id, method=new_payment().method))
    value_of(shop.transactions.authorize(payment.id))
    assert isinstance(problem(resume(shop, required)), OperationNotAllowed)
    assert isinstance(value_of(shop.submit(request_id="attempt-2")), CheckedOut)


def test_a_return_while_a_new_attempt_is_under_way_is_busy() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=1_000, gateway="first", token="tok_3ds")
    shop.pay(minor=2_000, gateway="second", token="tok_unreachable")
    failed = shop.submit(minor=3_000)
    problem(failed)
    record = shop.store.of("default").checkout(Owner("cart", "c-1"))
    assert record is not None
    answers: list[Any] = []

    def come_back(_: PaymentRequest) -> None:
        now = shop.store.of("default").checkout(Owner("cart", "c-1"))
        assert now is not None
        answers.append(shop.checkout.resume("first", {"callback_token": now.callback_token}))

    shop.spies["second"].during = come_back
    shop.submit(minor=3_000, request_id="attempt-2")
    assert [type(problem(answer)) for answer in answers] == [Busy]


def test_a_cart_that_changed_while_the_shopper_was_away_is_refused() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required))
    changed = Cart("c-1", total=eur(9_990))
    assert isinstance(problem(resume(shop, required, cart=changed)), NotCovered)
    assert isinstance(problem(resume(shop, required)), OperationNotAllowed)
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    value_of(shop.payments.update(payment.id, amount=eur(9_990)))
    topped_up = value_of(shop.submit(minor=9_990, request_id="attempt-2"))
    shop.bank.complete_action(action_reference(topped_up))
    assert isinstance(value_of(resume(shop, topped_up, cart=changed)), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 5_990), ("AUTHORIZE", 4_000)]


def test_a_cart_of_another_version_is_refused_even_with_the_same_total() -> None:
    shop = open_shop()
    shop.pay(token="tok_3ds")
    required = value_of(shop.submit(version="1"))
    shop.bank.complete_action(action_reference(required))
    assert isinstance(problem(resume(shop, required, cart=Cart("c-1", total=eur(5_990), version="2"))), NotCovered)


def test_payments_cannot_be_changed_while_the_shopper_is_away() -> None:
    shop = open_shop()
    three_d_secure(shop)
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert isinstance(problem(shop.payments.update(payment.id, amount=eur(1))), OperationNotAllowed)
    assert isinstance(problem(shop.payments.archive(payment.id)), OperationNotAllowed)


def test_an_action_required_does_not_stop_the_other_payments() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=1_000, gateway="first", token="tok_3ds")
    shop.pay(minor=2_000, gateway="second")
    required = value_of(shop.submit(minor=3_000))
    assert isinstance(required, ActionRequired)
    assert shop.effects() == [("AUTHORIZE", 2_000)]
    shop.bank.complete_action(action_reference(required))
    params = {"callback_token": required.callback_token}
    assert isinstance(value_of(shop.checkout.resume("first", params)), CheckedOut)


def test_a_hosted_page_lets_the_shopper_pay_without_a_token() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "hosted_page": True}}})
    shop.pay(token="")
    required = value_of(shop.submit())
    assert required.next_actions[0].type == "hosted_page"
    shop.bank.complete_action(action_reference(required))
    assert isinstance(value_of(resume(shop, required)), CheckedOut)


def test_the_callback_token_goes_with_the_shopper_and_stays_when_the_request_is_repeated() -> None:
    shop = open_shop()
    shop.pay(token="tok_3ds")
    cart = Cart("c-1", total=eur(5_990))
    url = "https://shop.example/back?a=1"
    required = value_of(shop.checkout.submit(cart, request_id="attempt-1", return_url=url))
    assert shop.spy.executed[0].return_url == f"{url}&callback_token={required.callback_token}"
    assert value_of(shop.checkout.submit(cart, request_id="attempt-1", return_url=url)) == required
    assert len(required.callback_token) >= 22


@pytest.mark.parametrize(("token", "kept"), [("tok_3ds", True), ("tok_async", True), ("tok_declined", False)])
def test_a_shopper_who_is_still_away_may_come_back_to_the_next_attempt(token: str, kept: bool) -> None:
    shop = open_shop()
    shop.pay(token=token)
    shop.submit()
    before = checkout_record(shop).callback_token
    shop.submit(request_id="attempt-2")
    assert (checkout_record(shop).callback_token == before) is kept


class Listening(ExternalActions):
    """Keeps the parameters that the browser brought, and passes the call on."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner
        self.brought: list[Mapping[str, str]] = []

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        self.brought.append(params)
        return self.inner.confirm(request, params)


def test_the_browsers_parameters_go_to_the_gateway_that_it_comes_from() -> None:
    shop = open_shop(TWO_GATEWAYS)
    actions = [shop.gateways[name].gateway.actions for name in ("first", "second")]
    listening = [Listening(port) for port in actions if port]
    for name, port in zip(("first", "second"), listening, strict=True):
        shop = with_gateway(shop, name, actions=port)
    shop.pay(minor=1_000, gateway="first", token="tok_3ds")
    shop.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = value_of(shop.submit(minor=3_000))
    params = {"callback_token": required.callback_token, "state": "x"}
    value_of(shop.checkout.resume("first", params))
    assert [port.brought for port in listening] == [[params], []]


def test_a_payment_is_restricted_while_the_shopper_is_away() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    away = Restriction.CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION
    assert shop.reload(payment).restrictions == {away}


def test_a_new_attempt_looks_up_what_the_shopper_has_done() -> None:
    shop = open_shop()
    shop.pay(token="tok_3ds")
    shop.bank.complete_action(action_reference(value_of(shop.submit())))
    assert isinstance(value_of(shop.submit(request_id="attempt-2")), CheckedOut)


@pytest.mark.parametrize("moving", [0, TRIES])
def test_a_shopper_may_finish_two_actions_of_one_payment(moving: int) -> None:
    shop = open_shop()
    payment = shop.pay(minor=3_000, token="tok_3ds")
    for minor in (1_000, 2_000):
        value_of(shop.transactions.authorize(payment.id, eur(minor)))
    required = value_of(shop.submit(minor=3_000))
    for action in required.next_actions:
        shop.bank.complete_action(action.reference)
    shop.store.before_commit = before_next_commits(lambda _: commit_meanwhile(shop, payment), moving)
    assert isinstance(value_of(come_back(shop)), CheckedOut if not moving else ActionRequired)
    assert sorted(transaction.status.value for transaction in shop.reload(payment).transactions) == (
        ["SUCCEEDED", "SUCCEEDED"] if not moving else ["REQUIRES_ACTION", "SUCCEEDED"]
    )
