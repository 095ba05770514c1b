"""Preparations: bring a shop and a bank to the state before an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from payports import Payports
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import SandboxBank
from tests.crash_injection.fixtures import OWNER, WHOLE, Fixture, GatewayProxy, eur, pay, with_gateways


def nothing(_shop: Payports, _bank: SandboxBank) -> Fixture:
    return Fixture()


def created(shop: Payports, _: SandboxBank) -> Fixture:
    return Fixture(payment_id=pay(shop).id)


def authorized(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = created(shop, bank)
    shop.transactions.authorize(fixture.payment_id).unwrap()
    return fixture


def captured(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = authorized(shop, bank)
    shop.transactions.capture(fixture.payment_id).unwrap()
    return fixture


def captured_in_two(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = authorized(shop, bank)
    shop.transactions.capture(fixture.payment_id, eur(2_000)).unwrap()
    shop.transactions.capture(fixture.payment_id, eur(3_990)).unwrap()
    return fixture


def sold(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = created(shop, bank)
    shop.transactions.authorize_and_capture(fixture.payment_id).unwrap()
    return fixture


def charged_back(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = sold(shop, bank)
    sale = bank.effects()[0]
    bank.webhooks()
    bank.dashboard("CHARGEBACK", sale.gateway_reference, eur(1_000))
    return _with_notification(fixture, bank)


def _with_notification(fixture: Fixture, bank: SandboxBank) -> Fixture:
    ((_, fixture.body),) = bank.webhooks()
    return fixture


def split(shop: Payports, _: SandboxBank) -> Fixture:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale")
    return Fixture()


def split_with_a_bad_card(shop: Payports, _: SandboxBank) -> Fixture:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale", "tok_declined")
    return Fixture()


def failed_checkout(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = split_with_a_bad_card(shop, bank)
    assert not _is_success(shop.checkout.submit(fixture.cart, request_id="r-1"))
    return fixture


def placed(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = split(shop, bank)
    shop.checkout.submit(fixture.cart, request_id="r-1").unwrap()
    return fixture


def fulfilled(shop: Payports, bank: SandboxBank) -> Fixture:
    fixture = placed(shop, bank)
    shop.orders.capture(OWNER, "f-1", eur(WHOLE), key="o-0").unwrap()
    return fixture


def waiting_for_the_bank(shop: Payports, bank: SandboxBank) -> Fixture:
    payment = pay(shop, token="tok_async")
    fixture = Fixture(payment_id=payment.id)
    shop.checkout.submit(fixture.cart, request_id="r-1").unwrap()
    bank.webhooks()
    (transaction,) = shop.payments.get(payment.id).unwrap().transactions
    bank.finish_async(transaction.gateway_reference)
    return _with_notification(fixture, bank)


def waiting_for_the_shopper(shop: Payports, bank: SandboxBank) -> Fixture:
    payment = pay(shop, token="tok_3ds")
    fixture = Fixture(payment_id=payment.id)
    action_required: Any = shop.checkout.submit(
        fixture.cart, request_id="r-1", return_url="https://shop.example/back"
    ).unwrap()
    (transaction,) = shop.payments.get(payment.id).unwrap().transactions
    bank.complete_action(transaction.gateway_reference)
    fixture.params = {"callback_token": action_required.callback_token}
    return fixture


class ProcessStopped(BaseException):
    """Ends the preparing process, as far as the shop can tell."""


def _stopping(number: int, *, after: bool) -> Callable[[Any], Any]:
    """Build a gateway class that stops the process at its ``number``-th call: before or after the bank executes it."""
    calls: list[PaymentRequest] = []

    class Stopping(GatewayProxy):
        def execute(self, request: PaymentRequest) -> PaymentResponse:
            calls.append(request)
            last = len(calls) == number
            if last and not after:
                raise ProcessStopped
            answer = super().execute(request)
            if last:
                raise ProcessStopped
            return answer

    return Stopping


def interrupted(
    prepare: Callable[[Payports, SandboxBank], Fixture],
    call: Callable[[Payports, Fixture], Any],
    number: int = 1,
    *,
    after: bool,
) -> Callable[[Payports, SandboxBank], Fixture]:
    """Prepare, and interrupt a call as a crash would."""

    def prepare_and_interrupt(shop: Payports, bank: SandboxBank) -> Fixture:
        fixture = prepare(shop, bank)
        try:
            call(with_gateways(shop, _stopping(number, after=after)), fixture)
        except ProcessStopped:
            return fixture
        raise AssertionError("the call was not stopped")

    return prepare_and_interrupt


def _is_success(outcome: Any) -> bool:
    return type(outcome).__name__ == "Success"
