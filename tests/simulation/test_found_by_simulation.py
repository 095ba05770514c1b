"""Bugs that the simulation found, each in its smallest form."""

from __future__ import annotations

from payports import Cart, Failure, Owner, Success, TransactionType
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest, PaymentResponse
from tests.application.fixtures import MINUTE, ShopFixture, eur, only, open_shop, problem, value_of

T = TransactionType
CART = Owner("cart", "c-1")


def split_tender(shop: ShopFixture) -> Cart:
    for token in ("tok_approved", "tok_approved"):
        shop.pay(minor=1_000, token=token)
    return Cart("c-1", total=eur(2_000))


def test_an_attempt_that_slept_past_its_lease_leaves_the_order_of_its_successor_alone() -> None:
    """Seed 145: the late attempt claimed payments of the placed order, and then gave them up."""
    shop = open_shop()
    cart = split_tender(shop)

    placed: list[object] = []

    def answer_slowly(request: PaymentRequest) -> PaymentResponse:
        shop.spy.instead = None
        answer = shop.spy.inner.execute(request)
        shop.clock.advance(6 * MINUTE)
        shop.deliver_webhooks()
        placed.append(shop.checkout.submit(cart, request_id="attempt-2"))
        return answer

    shop.spy.instead = answer_slowly
    late = shop.checkout.submit(cart, request_id="attempt-1")
    assert isinstance(placed[0], Success)
    assert isinstance(late, Failure), "it was overtaken"
    shop.let_time_pass()
    held = [minor for kind, minor in shop.effects() if kind == "AUTHORIZE"]
    freed = [minor for kind, minor in shop.effects() if kind == "REVERSE_AUTH"]
    assert sum(held) - sum(freed) == 2_000
    assert value_of(shop.payments.coverage(cart)).secured == eur(2_000)


def test_a_cancellation_that_takes_its_time_leaves_what_a_later_attempt_secured_alone() -> None:
    """Seed 65: during the first reversal the cart was submitted anew and placed; then the cancellation reversed the second payment."""
    shop = open_shop()
    cart = split_tender(shop)
    shop.bank.fail_next(T.AUTHORIZE, "approved")
    shop.bank.fail_next(T.AUTHORIZE, "declined")
    assert isinstance(shop.checkout.submit(cart, request_id="attempt-1"), Failure)

    placed: list[object] = []

    def answer_slowly(request: PaymentRequest) -> PaymentResponse:
        answer = shop.spy.inner.execute(request)
        if request.type is T.REVERSE_AUTH and not placed:
            shop.deliver_webhooks()
            placed.append(shop.checkout.submit(cart, request_id="attempt-2"))
        return answer

    shop.spy.instead = answer_slowly
    value_of(shop.checkout.cancel(CART))
    assert isinstance(placed[0], Success)
    shop.let_time_pass()
    assert value_of(shop.payments.coverage(cart)).secured == eur(2_000)
    assert problem(shop.checkout.cancel(CART)).message.endswith("the order is placed")


def test_a_checkout_that_was_never_submitted_can_be_cancelled_too() -> None:
    shop = open_shop()
    payment = shop.pay(minor=500)
    value_of(shop.transactions.authorize(payment.id))
    assert isinstance(shop.checkout.cancel(CART), Success)
    assert shop.effects() == [("AUTHORIZE", 500), ("REVERSE_AUTH", 500)]


def test_a_return_that_got_its_money_from_one_payment_gets_none_from_another_under_a_former_key() -> None:
    """Seed 0: the first key's refund was not executed, a second key served the return elsewhere, then the first key came again."""
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox"}}, "orders": {"split": "priority"}})
    cart = split_tender(shop)
    value_of(shop.checkout.submit(cart, request_id="attempt-1"))
    value_of(shop.orders.capture(CART, "f-1", eur(1_000), key="k-1"))
    value_of(shop.orders.capture(CART, "f-2", eur(1_000), key="k-2"))
    shop.bank.fail_next(T.REFUND, "unreachable")
    assert isinstance(shop.orders.refund(CART, "r-1", eur(800), key="first"), Failure)
    shop.bank.fail_next(T.REFUND, "async")
    awaited = value_of(shop.orders.refund(CART, "r-2", eur(1_000), key="other"))  # takes all of the first payment
    value_of(shop.orders.refund(CART, "r-1", eur(800), key="second"))
    shop.bank.finish_async(awaited.reports[0].transactions[0].gateway_reference, succeed=False)
    shop.deliver_webhooks()
    again = shop.orders.refund(CART, "r-1", eur(800), key="first")
    assert isinstance(again, Failure), "it was served elsewhere"
    assert [minor for kind, minor in shop.effects() if kind == "REFUND"] == [800]


def test_noting_that_nothing_is_left_to_undo_forgets_nothing_that_was_seen_meanwhile() -> None:
    """Seed 931: a webhook came between load and commit, and its observation was lost."""
    shop = open_shop()
    payment = shop.pay(minor=500)
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.reverse_authorization(payment.id))
    value_of(shop.payments.archive(payment.id))
    assert only(shop.reload(payment), T.AUTHORIZE).reversal == "REQUIRES_REVERSAL"
    shop.clock.advance(10 * MINUTE)

    def hear(commit: Commit) -> None:
        if commit.changes and commit.changes[0].after.transactions[0].reversal == "REVERSED":
            shop.store.before_commit = None
            shop.deliver_webhooks()

    shop.store.before_commit = hear
    value_of(shop.maintenance.run())
    assert {observation.channel for observation in only(shop.reload(payment), T.AUTHORIZE).seen} == {
        "ANSWER",
        "WEBHOOK",
    }
    assert only(shop.reload(payment), T.AUTHORIZE).reversal == "REVERSED"
