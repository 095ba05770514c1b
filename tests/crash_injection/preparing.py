"""How a shop and a bank come to where an operation begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from payports import Payports
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import SandboxBank
from tests.crash_injection.scene import OWNER, WHOLE, Between, Scene, eur, pay, with_gateways


def nothing(_shop: Payports, _bank: SandboxBank) -> Scene:
    return Scene()


def created(shop: Payports, _: SandboxBank) -> Scene:
    return Scene(payment_id=pay(shop).id)


def authorized(shop: Payports, bank: SandboxBank) -> Scene:
    scene = created(shop, bank)
    shop.transactions.authorize(scene.payment_id).unwrap()
    return scene


def captured(shop: Payports, bank: SandboxBank) -> Scene:
    scene = authorized(shop, bank)
    shop.transactions.capture(scene.payment_id).unwrap()
    return scene


def captured_in_two(shop: Payports, bank: SandboxBank) -> Scene:
    scene = authorized(shop, bank)
    shop.transactions.capture(scene.payment_id, eur(2_000)).unwrap()
    shop.transactions.capture(scene.payment_id, eur(3_990)).unwrap()
    return scene


def sold(shop: Payports, bank: SandboxBank) -> Scene:
    scene = created(shop, bank)
    shop.transactions.authorize_and_capture(scene.payment_id).unwrap()
    return scene


def charged_back(shop: Payports, bank: SandboxBank) -> Scene:
    scene = sold(shop, bank)
    sale = bank.effects()[0]
    bank.webhooks()
    bank.dashboard("CHARGEBACK", sale.gateway_reference, eur(1_000))
    return _with_notification(scene, bank)


def _with_notification(scene: Scene, bank: SandboxBank) -> Scene:
    ((_, scene.body),) = bank.webhooks()
    return scene


def split(shop: Payports, _: SandboxBank) -> Scene:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale")
    return Scene()


def split_with_a_bad_card(shop: Payports, _: SandboxBank) -> Scene:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale", "tok_declined")
    return Scene()


def failed_checkout(shop: Payports, bank: SandboxBank) -> Scene:
    scene = split_with_a_bad_card(shop, bank)
    assert not _is_success(shop.checkout.submit(scene.cart, request_id="r-1"))
    return scene


def placed(shop: Payports, bank: SandboxBank) -> Scene:
    scene = split(shop, bank)
    shop.checkout.submit(scene.cart, request_id="r-1").unwrap()
    return scene


def fulfilled(shop: Payports, bank: SandboxBank) -> Scene:
    scene = placed(shop, bank)
    shop.orders.capture(OWNER, "f-1", eur(WHOLE), key="o-0").unwrap()
    return scene


def waiting_for_the_bank(shop: Payports, bank: SandboxBank) -> Scene:
    payment = pay(shop, token="tok_async")
    scene = Scene(payment_id=payment.id)
    shop.checkout.submit(scene.cart, request_id="r-1").unwrap()
    bank.webhooks()
    (transaction,) = shop.payments.get(payment.id).unwrap().transactions
    bank.finish_async(transaction.gateway_reference)
    return _with_notification(scene, bank)


def waiting_for_the_shopper(shop: Payports, bank: SandboxBank) -> Scene:
    payment = pay(shop, token="tok_3ds")
    scene = Scene(payment_id=payment.id)
    told: Any = shop.checkout.submit(scene.cart, request_id="r-1", return_url="https://shop.example/back").unwrap()
    (transaction,) = shop.payments.get(payment.id).unwrap().transactions
    bank.complete_action(transaction.gateway_reference)
    scene.params = {"callback_token": told.callback_token}
    return scene


class Stopped(BaseException):
    """The process that prepares ends here, as far as the shop can tell."""


def _stopping(number: int, *, after: bool) -> Callable[[Any], Any]:
    """Gateways that stop the process at one of its calls: before the bank has heard of it, or after it has done it."""
    calls: list[PaymentRequest] = []

    class Stopping(Between):
        def execute(self, request: PaymentRequest) -> PaymentResponse:
            calls.append(request)
            last = len(calls) == number
            if last and not after:
                raise Stopped
            answer = super().execute(request)
            if last:
                raise Stopped
            return answer

    return Stopping


def left(
    prepare: Callable[[Payports, SandboxBank], Scene],
    call: Callable[[Payports, Scene], Any],
    number: int = 1,
    *,
    after: bool,
) -> Callable[[Payports, SandboxBank], Scene]:
    """Prepare, and leave a call lying where its process was stopped."""

    def left(shop: Payports, bank: SandboxBank) -> Scene:
        scene = prepare(shop, bank)
        try:
            call(with_gateways(shop, _stopping(number, after=after)), scene)
        except Stopped:
            return scene
        raise AssertionError("the call was not stopped")

    return left


def _is_success(outcome: Any) -> bool:
    return type(outcome).__name__ == "Success"
