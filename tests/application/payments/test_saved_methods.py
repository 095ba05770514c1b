"""Saved methods: only their customer sees and uses them, and a hard decline takes them out of use."""

from __future__ import annotations

from typing import Any

import pytest

from payports import (
    CheckedOut,
    Customer,
    Declined,
    GatewayUnsupported,
    InvalidInput,
    Money,
    NotExecuted,
    OperationNotAllowed,
    Outcome,
    Owner,
    PaymentMethod,
    ResultUnknown,
    SavedMethod,
    SavedMethodNotFound,
    Success,
)
from payports.domain.capabilities import Capabilities
from payports.ports.gateway import MethodVault
from tests.application.fixtures import (
    CUSTOMER,
    OTHER,
    ShopFixture,
    eur,
    new_payment,
    open_shop,
    problem,
    value_of,
    with_gateway,
)

OWNER = Owner("cart", "c-1")


def saved(shop: ShopFixture, token: str = "tok_approved", customer: Customer = CUSTOMER) -> SavedMethod:
    method = PaymentMethod({"token": token}, {"brand": "visa", "last4": "4242"})
    saved_method: SavedMethod = value_of(shop.saved_methods.save(customer, "sandbox", method))
    return saved_method


def test_a_single_use_token_is_swapped_for_one_that_may_be_used_again() -> None:
    shop = open_shop()
    kept = saved(shop)
    assert kept.method.token.startswith("pm_")
    assert not kept.method.single_use
    assert dict(kept.method.display) == {"brand": "visa", "last4": "4242"}
    for cart in ("c-1", "c-2"):
        payment = value_of(
            shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=Owner("cart", cart), amount=eur(1_000))
        )
        assert payment.customer == CUSTOMER
        assert isinstance(value_of(shop.submit(cart, 1_000, customer=CUSTOMER)), CheckedOut)


def test_a_customer_sees_their_own_methods_only() -> None:
    shop = open_shop()
    kept = saved(shop)
    assert value_of(shop.saved_methods.of_customer(CUSTOMER)) == (kept,)
    assert value_of(shop.saved_methods.of_customer(OTHER)) == ()
    assert value_of(shop.payports.merchant("m-2").saved_methods.of_customer(CUSTOMER)) == ()


def test_only_its_customer_uses_removes_or_names_a_saved_method() -> None:
    shop = open_shop()
    kept = saved(shop)
    methods = shop.saved_methods
    nobody = SavedMethodNotFound(kept.id)
    assert problem(methods.use(kept.id, customer=OTHER, owner=OWNER, amount=eur(1))) == nobody
    assert problem(methods.remove(kept.id, customer=OTHER)) == nobody
    for customer in (OTHER, None):
        new = new_payment(saved_method_id=kept.id, customer=customer, method=kept.method)
        assert problem(shop.payments.create(new)) == nobody
    other = shop.payports.merchant("m-2").saved_methods
    assert problem(other.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1))) == nobody
    assert value_of(methods.of_customer(CUSTOMER)) == (kept,)


def test_a_payment_with_a_saved_method_must_have_its_method_and_gateway() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox"}, "other": {"adapter": "sandbox"}}})
    kept = saved(shop)
    named: dict[str, Any] = {"saved_method_id": kept.id, "customer": CUSTOMER}
    value_of(shop.payments.create(new_payment(method=kept.method, **named)))
    wrong_gateway = new_payment(method=kept.method, gateway="other", **named)
    wrong_method = new_payment(token="tok_declined_hard", **named)
    for new in (wrong_gateway, wrong_method):
        assert isinstance(problem(shop.payments.create(new)), InvalidInput)


def test_a_removed_method_pays_no_more_and_its_payments_stay_refundable() -> None:
    shop = open_shop()
    kept = saved(shop)
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    value_of(shop.transactions.authorize_and_capture(payment.id))
    value_of(shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    value_of(shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    refused = shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1))
    assert problem(refused) == SavedMethodNotFound(kept.id)
    assert value_of(shop.saved_methods.of_customer(CUSTOMER)) == ()
    value_of(shop.transactions.refund(payment.id))


@pytest.mark.parametrize(("token", "left"), [("tok_declined", 1), ("tok_declined_hard", 0)])
def test_only_a_hard_decline_takes_the_method_out_of_use(token: str, left: int) -> None:
    shop = open_shop()
    kept = saved(shop, token)
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    assert isinstance(problem(shop.transactions.authorize(payment.id)), Declined)
    assert len(value_of(shop.saved_methods.of_customer(CUSTOMER))) == left


def test_a_hard_decline_of_another_method_leaves_the_saved_method_in_use() -> None:
    shop = open_shop()
    kept = saved(shop)
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    value_of(shop.payments.update(payment.id, method=PaymentMethod({"token": "tok_declined_hard"})))
    assert isinstance(problem(shop.transactions.authorize(payment.id)), Declined)
    assert value_of(shop.saved_methods.of_customer(CUSTOMER)) == (kept,)


def test_a_currency_that_the_gateway_does_not_support_is_refused() -> None:
    shop = open_shop()
    kept = saved(shop)
    only_euros = with_gateway(shop, transactions=OnlyEuros(shop))
    refused = only_euros.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=Money(1, "USD"))
    assert problem(refused) == GatewayUnsupported("sandbox", "USD")


class OnlyEuros:
    """Supports euros only, so that nothing else is ever sent."""

    def __init__(self, shop: ShopFixture) -> None:
        self._inner: Any = shop.spy.inner

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(currencies=frozenset({"EUR"}))


class Vault(MethodVault):
    """Returns an answer of the test's choice, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def keep(
        self, customer: Customer, method: PaymentMethod
    ) -> Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]:
        del customer, method
        if isinstance(self._answer, BaseException):
            raise self._answer
        answer: Outcome[PaymentMethod, ResultUnknown] = self._answer
        return answer

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        raise NotImplementedError(customer)

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        raise RuntimeError(customer, method.token)


@pytest.mark.parametrize("answer", [RuntimeError("tok_canary"), None])
def test_the_result_of_a_misbehaving_vault_is_unknown(answer: Any) -> None:
    shop = open_shop()
    kept = saved(shop)
    broken = with_gateway(shop, vault=Vault(answer))
    method = PaymentMethod({"token": "tok_canary"})
    unknown = problem(broken.saved_methods.save(CUSTOMER, "sandbox", method))
    assert isinstance(unknown, ResultUnknown)
    assert "tok_canary" not in repr(unknown) + unknown.message
    assert isinstance(problem(broken.saved_methods.remove(kept.id, customer=CUSTOMER)), ResultUnknown)
    assert value_of(shop.saved_methods.of_customer(CUSTOMER)) == ()


def test_card_data_from_a_vault_is_refused() -> None:
    shop = open_shop()
    answer = Success(PaymentMethod({"token": "4242424242424242"}))
    refused = with_gateway(shop, vault=Vault(answer)).saved_methods.save(
        CUSTOMER, "sandbox", PaymentMethod({"token": "tok_approved"})
    )
    assert isinstance(problem(refused), InvalidInput)
    assert value_of(shop.saved_methods.of_customer(CUSTOMER)) == ()


def test_a_removed_method_is_charged_no_more() -> None:
    shop = open_shop()
    kept = saved(shop)
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    value_of(shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    assert isinstance(problem(shop.submit(minor=1_000, customer=CUSTOMER)), OperationNotAllowed)
    assert isinstance(problem(shop.transactions.authorize(payment.id)), OperationNotAllowed)
    assert shop.effects() == []


def test_a_payment_with_a_removed_method_is_captured_and_refunded() -> None:
    shop = open_shop()
    kept = saved(shop)
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    value_of(shop.submit(minor=1_000, customer=CUSTOMER))
    value_of(shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    value_of(shop.transactions.capture(payment.id))
    value_of(shop.transactions.refund(payment.id))
    assert [kind for kind, _ in shop.effects()] == ["AUTHORIZE", "CAPTURE", "REFUND"]
