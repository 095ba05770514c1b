"""Merchants are kept apart, and may have gateways and rules of their own."""

from __future__ import annotations

import pytest

from payports import Cart, CheckedOut, Owner, PaymentNotFound, TransactionReport, TransactionStatus
from tests.application.shops import bench, eur, new_payment, problem, told


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
    assert other.environment.gateways.captures_at_once() == {"sandbox"}
    assert other.environment.policy.rollback_immediately
    assert on.shop.environment.gateways.captures_at_once() == frozenset()
    assert not on.shop.environment.policy.rollback_immediately
    assert on.shop.merchant("m-3").environment.policy == on.shop.environment.policy


def test_a_merchant_whose_name_is_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^merchant: must not be empty$"):
        bench().shop.merchant("")
