"""A host matches every failure of every service: mypy and pyright refuse these functions as soon as a union gains or loses a member."""

from __future__ import annotations

from typing import Any, assert_never, get_args

import pytest

import payports
from payports import (
    ActionRequired,
    AwaitingResults,
    Cart,
    CheckedOut,
    CheckoutProblem,
    Failure,
    OrderProblem,
    Outcome,
    PaymentProblem,
    Payports,
    SavedMethodProblem,
    TransactionProblem,
)


def of_transactions(problem: TransactionProblem) -> str:
    match problem:
        case payports.InvalidInput() | payports.OperationNotAllowed() | payports.AmountNotAvailable():
            return "refused"
        case payports.CurrencyMismatch() | payports.GatewayUnsupported() | payports.PaymentNotFound():
            return "refused"
        case payports.Declined() | payports.NotExecuted():
            return "no money moved"
        case payports.ResultUnknown():
            return "ask again"
        case payports.Conflict() | payports.Busy() | payports.StoreUnavailable():
            return "again"
    assert_never(problem)


def of_payments(problem: PaymentProblem) -> str:
    match problem:
        case payports.InvalidInput() | payports.OperationNotAllowed() | payports.CurrencyMismatch():
            return "refused"
        case payports.PaymentNotFound() | payports.SavedMethodNotFound() | payports.GatewayUnsupported():
            return "refused"
        case payports.Conflict() | payports.Busy() | payports.StoreUnavailable():
            return "again"
    assert_never(problem)


def of_checkout(problem: CheckoutProblem) -> str:
    match problem:
        case payports.InvalidInput() | payports.NotCovered() | payports.OperationNotAllowed():
            return "refused"
        case payports.CurrencyMismatch() | payports.GatewayUnsupported() | payports.PaymentNotFound():
            return "refused"
        case payports.PaymentsFailed(details):
            return ", ".join(of_transactions(one.problem) for one in details)
        case payports.Conflict() | payports.Busy() | payports.StoreUnavailable():
            return "again"
    assert_never(problem)


def of_orders(problem: OrderProblem) -> str:
    match problem:
        case payports.InvalidInput() | payports.OperationNotAllowed() | payports.AmountNotAvailable():
            return "refused"
        case payports.CurrencyMismatch() | payports.GatewayUnsupported() | payports.PaymentNotFound():
            return "refused"
        case payports.PaymentsFailed(details):
            return ", ".join(of_transactions(one.problem) for one in details)
        case payports.Conflict() | payports.Busy() | payports.StoreUnavailable():
            return "again"
    assert_never(problem)


def of_saved_methods(problem: SavedMethodProblem) -> str:
    match problem:
        case payports.InvalidInput() | payports.SavedMethodNotFound() | payports.GatewayUnsupported():
            return "refused"
        case payports.Declined() | payports.NotExecuted() | payports.ResultUnknown():
            return "the gateway"
        case payports.Busy() | payports.StoreUnavailable():
            return "again"
    assert_never(problem)


def of_a_checkout(answer: Outcome[CheckedOut | ActionRequired | AwaitingResults, CheckoutProblem]) -> str:
    """In two steps: no type checker looks into the ``Success`` of a pattern for what is left of it."""
    if isinstance(answer, Failure):
        return answer.failure().shopper_message
    found = answer.unwrap()
    match found:
        case CheckedOut(total=total):
            return f"placed {total}"
        case ActionRequired(next_actions=actions):
            return f"go to {actions[0].url}"
        case AwaitingResults(awaiting=awaiting):
            return f"waiting for {awaiting}"
    assert_never(found)


def everything_a_host_may_do_with_a_shop(shop: Payports, cart: Cart) -> list[str]:
    """Never run: that each service's failures are of its union is what the type checkers read here."""
    payment_id, money, owner = "p-1", cart.total, cart.owner
    customer = payports.Customer("cu-1")
    method = payports.PaymentMethod({"token": "t"})
    said = [of_a_checkout(shop.checkout.submit(cart, request_id="r-1"))]
    transacted = (
        shop.transactions.authorize(payment_id, money, key="k-1"),
        shop.transactions.capture(payment_id, money, parent="t-1", source=payports.Source("f", "1"), key="k-2"),
        shop.transactions.reverse_authorization(payment_id),
        shop.transactions.void(payment_id, parent="t-1", key="k-3"),
        shop.transactions.refund(payment_id, money),
        shop.transactions.credit(payment_id, money),
        shop.transactions.settle(payment_id),
        shop.transactions.refresh(payment_id),
    )
    said += [of_transactions(one.failure()) for one in transacted if isinstance(one, Failure)]
    asked = (shop.payments.get(payment_id), shop.payments.update(payment_id, amount=money, method=method))
    said += [of_payments(one.failure()) for one in asked if isinstance(one, Failure)]
    ordered = (
        shop.orders.capture(owner, "f-1", money, key="k-4"),
        shop.orders.cancel(owner, "f-2", money, key="k-5"),
        shop.orders.refund(owner, "r-1", money, key="k-6"),
        shop.orders.release(owner),
    )
    said += [of_orders(one.failure()) for one in ordered if isinstance(one, Failure)]
    saved = shop.saved_methods.save(customer, "card", method)
    if isinstance(saved, Failure):
        said.append(of_saved_methods(saved.failure()))
    return said


UNIONS: dict[Any, Any] = {
    TransactionProblem: of_transactions,
    PaymentProblem: of_payments,
    CheckoutProblem: of_checkout,
    OrderProblem: of_orders,
    SavedMethodProblem: of_saved_methods,
}


@pytest.mark.parametrize(("union", "say"), UNIONS.items())
def test_every_member_of_a_union_of_failures_is_in_the_front_door_and_safe_to_log_and_show(
    union: Any, say: Any
) -> None:
    for kind in get_args(union):
        assert getattr(payports, kind.__name__) is kind
        assert kind.__name__ in payports.__all__
        assert isinstance(kind.message, property)
        assert isinstance(kind.shopper_message, property | str)  # a sentence of the class, or of the value
        assert kind.__attrs_attrs__  # frozen values, which match by position
    assert callable(say)


def test_each_service_has_the_failures_that_the_design_names() -> None:
    named = (
        *(
            "OperationNotAllowed",
            "AmountNotAvailable",
            "CurrencyMismatch",
            "PaymentNotFound",
            "Declined",
            "NotExecuted",
        ),
        *("ResultUnknown", "Conflict", "Busy", "GatewayUnsupported", "StoreUnavailable"),
    )
    assert {kind.__name__ for kind in get_args(TransactionProblem)} == {*named, "InvalidInput"}
