"""Merchants: kept apart, with gateways and policies of their own."""

from __future__ import annotations

import pytest

from payports import Cart, CheckedOut, Owner, PaymentNotFound, TransactionReport, TransactionStatus
from tests.application.fixtures import eur, new_payment, open_shop, problem, value_of


def test_nothing_of_one_merchant_is_visible_to_another() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.submit())
    other = shop.payports.merchant("m-2")
    owner = Owner("cart", "c-1")
    assert isinstance(problem(other.payments.get(payment.id)), PaymentNotFound)
    assert isinstance(problem(other.transactions.capture(payment.id, eur(1))), PaymentNotFound)
    assert isinstance(problem(other.orders.capture(owner, "f-1", eur(1), key="k-1")), PaymentNotFound)
    assert isinstance(problem(other.events.history(payment.id)), PaymentNotFound)
    assert isinstance(problem(other.checkout.cancel(owner)), PaymentNotFound)
    row = shop.reload(payment).transactions[0]
    ruled = other.maintenance.resolve(row.id, TransactionStatus.REVOKED, operator="eve", reason="mine")
    assert isinstance(problem(ruled), PaymentNotFound)
    assert value_of(other.payments.of_owner(owner)) == ()
    assert value_of(other.events.deliver(lambda _: None)).delivered == 0
    assert isinstance(value_of(other.checkout.submit(Cart("c-1", total=eur(0)), request_id="attempt-1")), CheckedOut)
    assert shop.effects() == [("AUTHORIZE", 5_990)]


def test_keys_of_two_merchants_do_not_meet() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, key="k-1"))
    other = shop.payports.merchant("m-2")
    new = value_of(other.payments.create(new_payment("c-9")))
    assert isinstance(value_of(other.transactions.authorize(new.id, eur(1), key="k-1")), TransactionReport)


def test_a_merchant_may_have_gateways_and_rules_of_their_own() -> None:
    shop = open_shop(
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
    other = shop.payports.merchant("m-2")
    assert other.environment.gateways.captures_at_once() == {"sandbox"}
    assert other.environment.policy.rollback_immediately
    assert shop.environment.gateways.captures_at_once() == frozenset()
    assert not shop.environment.policy.rollback_immediately
    assert shop.payports.merchant("m-3").environment.policy == shop.environment.policy


def test_an_empty_merchant_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^merchant: must not be empty$"):
        open_shop().payports.merchant("")
