"""A whole shop over the Stripe adapter and localstripe: what it keeps, what it hands out, and what its doctor says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from returns.result import Failure, Success

import payports
from payports import Cart, Money, NewPayment, Owner, PaymentMethod
from payports.adapters.demonstrations.localstripe_server import TEST_KEY, Localstripe, running_localstripe
from payports.application.shop import Payports
from payports.domain.checkout import ActionRequired, CheckedOut
from payports.ports.gateway import Gateway
from tests.adapters.gateways.stripe.stubs import TERMS, an_intent
from tests.adapters.gateways.stripe.test_lookup import Query, Scripted, a_gateway

TEN = Money.of("10.00", "EUR")


@pytest.fixture(scope="module", name="local")
def _local() -> Iterator[Localstripe]:
    with running_localstripe() as local:
        yield local


@pytest.fixture(name="shop")
def _shop(local: Localstripe, tmp_path: Path) -> Iterator[Payports]:
    card = {"adapter": "stripe", "secret_key": TEST_KEY, "base_url": local.url, "fence_keys": False}
    store = {"url": f"sqlite:///{tmp_path / 'payments.db'}"}
    with payports.connect({"store": store, "gateways": {"card": card}}) as shop:
        yield shop


def a_cart(shop: Payports, token: str) -> Cart:
    method = PaymentMethod({"token": token})
    shop.payments.create(NewPayment(owner=Owner("cart", "c-1"), amount=TEN, gateway="card", method=method)).unwrap()
    return Cart("c-1", total=TEN)


def test_a_client_secret_is_handed_out_and_kept_nowhere(shop: Payports, local: Localstripe, tmp_path: Path) -> None:
    cart = a_cart(shop, local.card("4000002500003155"))
    required = shop.checkout.submit(cart, request_id="r-1").unwrap()
    assert isinstance(required, ActionRequired)
    (action,) = required.next_actions
    secret = dict(action.fields)["client_secret"]
    assert "_secret_" in secret
    assert shop.checkout.submit(cart, request_id="r-1").unwrap() == required, "asked again, it is fetched again"
    assert all(b"_secret_" not in path.read_bytes() for path in tmp_path.iterdir())
    boast = {"callback_token": required.callback_token, "redirect_status": "succeeded", "payment_intent": "pi_other"}
    assert isinstance(shop.checkout.resume("card", boast).unwrap(), ActionRequired), "the browser was believed"
    local.post(f"/v1/payment_intents/{action.reference}/_authenticate", f"client_secret={secret}&success=true")
    assert isinstance(shop.checkout.resume("card", boast).unwrap(), CheckedOut)


def test_an_order_is_captured_in_part_refunded_and_settled(shop: Payports) -> None:
    cart = a_cart(shop, "pm_card_visa")
    assert isinstance(shop.checkout.submit(cart, request_id="r-1").unwrap(), CheckedOut)
    (payment,) = shop.payments.of_owner(cart.owner).unwrap()
    assert isinstance(shop.transactions.capture(payment.id, Money.of("6.00", "EUR")), Success)
    assert isinstance(shop.transactions.settle(payment.id), Success)
    assert isinstance(shop.transactions.refund(payment.id, Money.of("2.00", "EUR")), Success)
    summary = shop.payments.summary(payment.id).unwrap()
    amounts = (summary.amount_authorized, summary.total_ever_captured, summary.amount_settled, summary.amount_refunded)
    assert [amount.text for amount in amounts] == ["6.00", "6.00", "6.00", "2.00"]


def test_what_the_metadata_cannot_hold_is_refused_when_the_payment_is_made(shop: Payports) -> None:
    method = PaymentMethod({"token": "pm_card_visa"})
    for fields in ({"n" * 41: "x"}, {f"n-{number}": "x" for number in range(48)}, {"n": "x" * 501}):
        new = NewPayment(owner=Owner("cart", "c-1"), amount=TEN, gateway="card", method=method, pass_through=fields)
        assert isinstance(shop.payments.create(new), Failure)


def test_a_hosted_page_is_a_detour_that_ends_with_an_intent() -> None:
    """The page has a name before there is an intent; the transaction's reference is the intent's alone."""
    session: dict[str, Any] = {"id": "cs_1", "object": "checkout.session", "status": "open", "livemode": False}
    session["url"] = "https://checkout.stripe.com/c/pay/cs_1"
    sent: list[Query] = []

    def says(method: str, path: str, query: Query) -> tuple[int, Any]:
        if method == "POST":
            sent.append(query)
            session["metadata"] = {"payports_transaction": query["metadata[payports_transaction]"][0]}
            return 200, session
        assert path == "/v1/checkout/sessions/cs_1"
        return 200, session

    gateway = a_gateway(Scripted(says))
    hosted = attrs.evolve(gateway, lookup=attrs.evolve(gateway.lookup, settings=attrs.evolve(TERMS, hosted_page=True)))
    given = {"card": Gateway(transactions=hosted, validator=hosted, actions=hosted, account="test")}
    with payports.connect({"store": {"url": "memory:"}, "gateways": {}}, gateways=given) as shop:
        cart = Cart("c-1", total=TEN)
        new = NewPayment(owner=cart.owner, amount=TEN, gateway="card", method=PaymentMethod({}))
        payment = shop.payments.create(new).unwrap()
        required = shop.checkout.submit(cart, request_id="r-1", return_url="https://shop.example/back").unwrap()
        assert isinstance(required, ActionRequired)
        assert required.next_actions[0].url == session["url"]
        back = {"callback_token": required.callback_token}
        assert isinstance(shop.checkout.resume("card", back).unwrap(), ActionRequired), "nobody has paid yet"
        key = sent[0]["payment_intent_data[metadata][payports_transaction]"][0]
        intent = an_intent(metadata={"payports_transaction": key})
        session.update(status="complete", payment_intent=intent)
        assert isinstance(shop.checkout.resume("card", back).unwrap(), CheckedOut)
        (hold,) = shop.payments.get(payment.id).unwrap().transactions
        assert (hold.gateway_reference, hold.discrepancy) == ("pi_1", None)
