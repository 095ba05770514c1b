"""What the simulation found, each in its smallest form."""

from __future__ import annotations

from payports import Cart, Failure, Owner, Success, TransactionType
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest, PaymentResponse
from tests.application.shops import MINUTE, Bench, bench, eur, only, problem, told

T = TransactionType
CART = Owner("cart", "c-1")


def split_tender(on: Bench) -> Cart:
    for token in ("tok_approved", "tok_approved"):
        on.pay(minor=1_000, token=token)
    return Cart("c-1", total=eur(2_000))


def test_an_attempt_that_slept_past_its_lease_leaves_the_order_of_its_successor_alone() -> None:
    """Seed 145: it claimed payments of the placed order for itself, and then gave them up."""
    on = bench()
    cart = split_tender(on)

    placed: list[object] = []

    def answer_slowly(request: PaymentRequest) -> PaymentResponse:
        on.spy.instead = None
        answer = on.spy.inner.execute(request)
        on.clock.advance(6 * MINUTE)
        on.deliver()
        placed.append(on.shop.checkout.submit(cart, request_id="attempt-2"))
        return answer

    on.spy.instead = answer_slowly
    late = on.shop.checkout.submit(cart, request_id="attempt-1")
    assert isinstance(placed[0], Success)
    assert isinstance(late, Failure), "it was overtaken"
    on.settle_down()
    held = [minor for kind, minor in on.effects() if kind == "AUTHORIZE"]
    freed = [minor for kind, minor in on.effects() if kind == "REVERSE_AUTH"]
    assert sum(held) - sum(freed) == 2_000
    assert told(on.shop.payments.coverage(cart)).secured == eur(2_000)


def test_a_cancellation_that_takes_its_time_leaves_what_a_later_attempt_secured_alone() -> None:
    """Seed 65: while it reversed the first payment, the cart was submitted anew and placed; then it demanded the second one back."""
    on = bench()
    cart = split_tender(on)
    on.bank.fail_next(T.AUTHORIZE, "approved")
    on.bank.fail_next(T.AUTHORIZE, "declined")
    assert isinstance(on.shop.checkout.submit(cart, request_id="attempt-1"), Failure)

    placed: list[object] = []

    def answer_slowly(request: PaymentRequest) -> PaymentResponse:
        answer = on.spy.inner.execute(request)
        if request.type is T.REVERSE_AUTH and not placed:
            on.deliver()
            placed.append(on.shop.checkout.submit(cart, request_id="attempt-2"))
        return answer

    on.spy.instead = answer_slowly
    told(on.shop.checkout.cancel(CART))
    assert isinstance(placed[0], Success)
    on.settle_down()
    assert told(on.shop.payments.coverage(cart)).secured == eur(2_000)
    assert problem(on.shop.checkout.cancel(CART)).message.endswith("the order is placed")


def test_a_checkout_that_was_never_submitted_can_be_cancelled_too() -> None:
    on = bench()
    payment = on.pay(minor=500)
    told(on.shop.transactions.authorize(payment.id))
    assert isinstance(on.shop.checkout.cancel(CART), Success)
    assert on.effects() == [("AUTHORIZE", 500), ("REVERSE_AUTH", 500)]


def test_a_return_that_got_its_money_from_one_payment_gets_none_from_another_under_a_former_key() -> None:
    """Seed 0: the first key's refund was not executed, a second key served the return elsewhere, then the first came again."""
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox"}}, "orders": {"split": "priority"}})
    cart = split_tender(on)
    told(on.shop.checkout.submit(cart, request_id="attempt-1"))
    told(on.shop.orders.capture(CART, "f-1", eur(1_000), key="k-1"))
    told(on.shop.orders.capture(CART, "f-2", eur(1_000), key="k-2"))
    on.bank.fail_next(T.REFUND, "unreachable")
    assert isinstance(on.shop.orders.refund(CART, "r-1", eur(800), key="first"), Failure)
    on.bank.fail_next(T.REFUND, "async")
    awaited = told(on.shop.orders.refund(CART, "r-2", eur(1_000), key="other"))  # takes all of the first payment
    told(on.shop.orders.refund(CART, "r-1", eur(800), key="second"))
    on.bank.finish_async(awaited.reports[0].transactions[0].gateway_reference, succeed=False)
    on.deliver()
    again = on.shop.orders.refund(CART, "r-1", eur(800), key="first")
    assert isinstance(again, Failure), "it was served elsewhere"
    assert [minor for kind, minor in on.effects() if kind == "REFUND"] == [800]


def test_noting_that_nothing_is_left_to_undo_forgets_nothing_that_was_seen_meanwhile() -> None:
    """Seed 931: a notification came between loading and noting, and what it told was lost."""
    on = bench()
    payment = on.pay(minor=500)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.reverse_authorization(payment.id))
    told(on.shop.payments.archive(payment.id))
    assert only(on.again(payment), T.AUTHORIZE).reversal == "REQUIRES_REVERSAL"
    on.clock.advance(10 * MINUTE)

    def hear(commit: Commit) -> None:
        if commit.changes and commit.changes[0].after.transactions[0].reversal == "REVERSED":
            on.store.before_commit = None
            on.deliver()

    on.store.before_commit = hear
    told(on.shop.maintenance.run())
    assert {observation.channel for observation in only(on.again(payment), T.AUTHORIZE).seen} == {"ANSWER", "WEBHOOK"}
    assert only(on.again(payment), T.AUTHORIZE).reversal == "REVERSED"
