"""The operations that are killed: what stands before each, the call, and what the bank must have done once all is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from payports import NewPayment, PaymentMethod, Payports, Secret
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.testing import SandboxBank
from tests.force.scene import OWNER, SECRET, WHOLE, Between, Scene, eur, pay, with_gateways

HOUR_S: Final = 3_600


@attrs.frozen(kw_only=True)
class Operation:
    """One row of the table.

    ``prepare`` leaves a shop and a bank as they are before the call; ``run`` is the call, with a key wherever there is one; ``at_s`` says
    when it is made, after the preparation. ``effects``: what the bank has done in the end, all told; ``None`` for a checkout, which may as
    well end undone. ``heard``: the bank's ledger holds what only a notification tells, which the repetition brings again. ``recovers``:
    the call is maintenance after a crash, which has other things to report when it is repeated. ``fresh``: there is no file yet.
    """

    name: str
    prepare: Callable[[Payports, SandboxBank], Scene]
    run: Callable[[Payports, Scene], Any]
    effects: Counter[tuple[str, int]] | None
    at_s: int = 0
    immediate: bool = False
    heard: bool = False
    recovers: bool = False
    fresh: bool = False


def _nothing(_shop: Payports, _bank: SandboxBank) -> Scene:
    return Scene()


def _created(shop: Payports, _: SandboxBank) -> Scene:
    return Scene(payment_id=pay(shop).id)


def _authorized(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _created(shop, bank)
    shop.transactions.authorize(scene.payment_id).unwrap()
    return scene


def _captured(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _authorized(shop, bank)
    shop.transactions.capture(scene.payment_id).unwrap()
    return scene


def _captured_in_two(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _authorized(shop, bank)
    shop.transactions.capture(scene.payment_id, eur(2_000)).unwrap()
    shop.transactions.capture(scene.payment_id, eur(3_990)).unwrap()
    return scene


def _sold(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _created(shop, bank)
    shop.transactions.authorize_and_capture(scene.payment_id).unwrap()
    return scene


def _charged_back(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _sold(shop, bank)
    sale = bank.effects()[0]
    bank.webhooks()
    bank.dashboard("CHARGEBACK", sale.gateway_reference, eur(1_000))
    return _with_notification(scene, bank)


def _with_notification(scene: Scene, bank: SandboxBank) -> Scene:
    ((_, scene.body),) = bank.webhooks()
    return scene


def _split(shop: Payports, _: SandboxBank) -> Scene:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale")
    return Scene()


def _split_with_a_bad_card(shop: Payports, _: SandboxBank) -> Scene:
    pay(shop, 4_000, "card")
    pay(shop, 1_990, "sale", "tok_declined")
    return Scene()


def _failed_checkout(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _split_with_a_bad_card(shop, bank)
    assert not _is_success(shop.checkout.submit(scene.cart, request_id="r-1"))
    return scene


def _placed(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _split(shop, bank)
    shop.checkout.submit(scene.cart, request_id="r-1").unwrap()
    return scene


def _fulfilled(shop: Payports, bank: SandboxBank) -> Scene:
    scene = _placed(shop, bank)
    shop.orders.capture(OWNER, "f-1", eur(WHOLE), key="o-0").unwrap()
    return scene


def _waiting_for_the_bank(shop: Payports, bank: SandboxBank) -> Scene:
    payment = pay(shop, token="tok_async")
    scene = Scene(payment_id=payment.id)
    shop.checkout.submit(scene.cart, request_id="r-1").unwrap()
    bank.webhooks()
    (one,) = shop.payments.get(payment.id).unwrap().transactions
    bank.finish_async(one.gateway_reference)
    return _with_notification(scene, bank)


def _waiting_for_the_shopper(shop: Payports, bank: SandboxBank) -> Scene:
    payment = pay(shop, token="tok_3ds")
    scene = Scene(payment_id=payment.id)
    told: Any = shop.checkout.submit(scene.cart, request_id="r-1", return_url="https://shop.example/back").unwrap()
    (one,) = shop.payments.get(payment.id).unwrap().transactions
    bank.complete_action(one.gateway_reference)
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


def _left(
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


def _authorize(shop: Payports, scene: Scene) -> Any:
    return shop.transactions.authorize(scene.payment_id, key="k-1")


def _refund(shop: Payports, scene: Scene) -> Any:
    return shop.transactions.refund(scene.payment_id, eur(3_000), key="k-1")


def _submit(shop: Payports, scene: Scene) -> Any:
    return shop.checkout.submit(scene.cart, request_id="r-1")


def _receive(shop: Payports, scene: Scene) -> Any:
    """The bank signs each delivery anew."""
    headers = signed_headers(Secret(SECRET), scene.body, int(shop.clock.now().timestamp()))
    return shop.webhooks.receive("card", headers, scene.body)


def _maintain(shop: Payports, _: Scene) -> Any:
    return shop.maintenance.run()


def _create(shop: Payports, _: Scene) -> Any:
    new = NewPayment(owner=OWNER, amount=eur(WHOLE), gateway="card", method=PaymentMethod({"token": "tok_approved"}))
    return shop.payments.create(new, key="k-1")


def _effects(*done: tuple[str, int]) -> Counter[tuple[str, int]]:
    return Counter(done)


_HELD: Final = ("AUTHORIZE", WHOLE)
_SOLD: Final = ("AUTHORIZE_AND_CAPTURE", WHOLE)
_TWO_CAPTURES: Final = (_HELD, ("CAPTURE", 2_000), ("CAPTURE", 3_990))
_PLACED: Final = (("AUTHORIZE", 4_000), ("AUTHORIZE_AND_CAPTURE", 1_990))

OPERATIONS: Final = (
    Operation(name="authorize", prepare=_created, run=_authorize, effects=_effects(_HELD)),
    Operation(
        name="reverse_auth",
        prepare=_authorized,
        run=lambda shop, on: shop.transactions.reverse_authorization(on.payment_id, eur(990), key="k-1"),
        effects=_effects(_HELD, ("REVERSE_AUTH", 990)),
    ),
    Operation(
        name="capture",
        prepare=_authorized,
        run=lambda shop, on: shop.transactions.capture(on.payment_id, eur(4_000), key="k-1"),
        effects=_effects(_HELD, ("CAPTURE", 4_000)),
    ),
    Operation(
        name="authorize_and_capture",
        prepare=_created,
        run=lambda shop, on: shop.transactions.authorize_and_capture(on.payment_id, key="k-1"),
        effects=_effects(_SOLD),
    ),
    Operation(
        name="settled",
        prepare=_sold,
        run=lambda shop, on: shop.transactions.settle(on.payment_id, key="k-1"),
        effects=_effects(_SOLD, ("SETTLED", WHOLE)),
    ),
    Operation(
        name="void",
        prepare=_captured,
        run=lambda shop, on: shop.transactions.void(on.payment_id, key="k-1"),
        effects=_effects(_HELD, ("CAPTURE", WHOLE), ("VOID", WHOLE)),
    ),
    Operation(
        name="refund",
        prepare=_captured_in_two,
        run=_refund,
        effects=_effects(*_TWO_CAPTURES, ("REFUND", 2_000), ("REFUND", 1_000)),
    ),
    Operation(
        name="detached_credit",
        prepare=_created,
        run=lambda shop, on: shop.transactions.credit(on.payment_id, eur(500), key="k-1"),
        effects=_effects(("DETACHED_CREDIT", 500)),
    ),
    Operation(
        name="chargeback",
        prepare=_charged_back,
        run=_receive,
        effects=_effects(_SOLD, ("CHARGEBACK", 1_000)),
        heard=True,
    ),
    Operation(name="checkout", prepare=_split, run=_submit, effects=None),
    Operation(name="rollback", prepare=_split_with_a_bad_card, run=_submit, effects=None, immediate=True),
    Operation(
        name="return",
        prepare=_waiting_for_the_shopper,
        run=lambda shop, on: shop.checkout.resume("card", on.params),
        effects=_effects(_HELD),
    ),
    Operation(name="webhook", prepare=_waiting_for_the_bank, run=_receive, effects=_effects(_HELD)),
    Operation(
        name="fulfilment",
        prepare=_placed,
        run=lambda shop, _: shop.orders.capture(OWNER, "f-1", eur(3_000), key="o-1"),
        effects=_effects(*_PLACED, ("CAPTURE", 3_000)),
    ),
    Operation(
        name="return_of_goods",
        prepare=_fulfilled,
        run=lambda shop, _: shop.orders.refund(OWNER, "t-1", eur(4_500), key="o-1"),
        effects=_effects(*_PLACED, ("CAPTURE", 4_000), ("REFUND", 4_000), ("REFUND", 500)),
    ),
    Operation(name="first_use", prepare=_nothing, run=_create, effects=_effects(), fresh=True),
    Operation(
        name="recovery_of_a_charge",
        prepare=_left(_created, _authorize, after=True),
        run=_maintain,
        effects=_effects(_HELD),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_nothing",
        prepare=_left(_created, _authorize, after=False),
        run=_maintain,
        effects=_effects(),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_a_refund",
        prepare=_left(_captured_in_two, _refund, 2, after=True),
        run=_maintain,
        effects=_effects(*_TWO_CAPTURES, ("REFUND", 2_000), ("REFUND", 1_000)),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_a_checkout",
        prepare=_left(_split, _submit, 2, after=True),
        run=_maintain,
        effects=None,
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_half_a_checkout",
        prepare=_left(_split, _submit, 2, after=False),
        run=_maintain,
        effects=None,
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="reversal_by_maintenance",
        prepare=_failed_checkout,
        run=_maintain,
        effects=None,
        at_s=3 * HOUR_S,
        recovers=True,
    ),
)

BY_NAME: Final = {one.name: one for one in OPERATIONS}
