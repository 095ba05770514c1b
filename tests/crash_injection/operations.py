"""The operations to kill: the preparation, the call, and the expected effects at the bank in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from payports import NewPayment, PaymentMethod, Payports, Secret
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.testing import SandboxBank
from tests.crash_injection.fixtures import OWNER, SECRET, WHOLE, Fixture, eur
from tests.crash_injection.preparation import (
    authorized,
    captured,
    captured_in_two,
    charged_back,
    created,
    failed_checkout,
    fulfilled,
    interrupted,
    nothing,
    placed,
    sold,
    split,
    split_with_a_bad_card,
    waiting_for_the_bank,
    waiting_for_the_shopper,
)

HOUR_S: Final = 3_600


@attrs.frozen(kw_only=True)
class Operation:
    """One operation.

    ``prepare`` sets up the shop and the bank; ``run`` is the call, with an idempotency key where there is one; ``at_s`` is its time after
    the preparation. ``effects``: all effects at the bank in the end; ``None`` for a checkout, which may also end undone.
    ``by_notification``: only a notification tells of the effect, and the repetition brings it again. ``recovers``: the call is maintenance
    after a crash, which reports something else when it is repeated. ``fresh``: the database file does not exist yet.
    """

    name: str
    prepare: Callable[[Payports, SandboxBank], Fixture]
    run: Callable[[Payports, Fixture], Any]
    effects: Counter[tuple[str, int]] | None
    at_s: int = 0
    immediate: bool = False
    by_notification: bool = False
    recovers: bool = False
    fresh: bool = False


def _authorize(shop: Payports, fixture: Fixture) -> Any:
    return shop.transactions.authorize(fixture.payment_id, key="k-1")


def _refund(shop: Payports, fixture: Fixture) -> Any:
    return shop.transactions.refund(fixture.payment_id, eur(3_000), key="k-1")


def _submit(shop: Payports, fixture: Fixture) -> Any:
    return shop.checkout.submit(fixture.cart, request_id="r-1")


def _receive(shop: Payports, fixture: Fixture) -> Any:
    """Receive the notification; the bank signs each delivery anew."""
    headers = signed_headers(Secret(SECRET), fixture.body, int(shop.clock.now().timestamp()))
    return shop.webhooks.receive("card", headers, fixture.body)


def _maintain(shop: Payports, _: Fixture) -> Any:
    return shop.maintenance.run()


def _create(shop: Payports, _: Fixture) -> Any:
    new = NewPayment(owner=OWNER, amount=eur(WHOLE), gateway="card", method=PaymentMethod({"token": "tok_approved"}))
    return shop.payments.create(new, key="k-1")


def _effects(*done: tuple[str, int]) -> Counter[tuple[str, int]]:
    return Counter(done)


_HELD: Final = ("AUTHORIZE", WHOLE)
_SOLD: Final = ("AUTHORIZE_AND_CAPTURE", WHOLE)
_TWO_CAPTURES: Final = (_HELD, ("CAPTURE", 2_000), ("CAPTURE", 3_990))
_PLACED: Final = (("AUTHORIZE", 4_000), ("AUTHORIZE_AND_CAPTURE", 1_990))

OPERATIONS: Final = (
    Operation(name="authorize", prepare=created, run=_authorize, effects=_effects(_HELD)),
    Operation(
        name="reverse_auth",
        prepare=authorized,
        run=lambda shop, on: shop.transactions.reverse_authorization(on.payment_id, eur(990), key="k-1"),
        effects=_effects(_HELD, ("REVERSE_AUTH", 990)),
    ),
    Operation(
        name="capture",
        prepare=authorized,
        run=lambda shop, on: shop.transactions.capture(on.payment_id, eur(4_000), key="k-1"),
        effects=_effects(_HELD, ("CAPTURE", 4_000)),
    ),
    Operation(
        name="authorize_and_capture",
        prepare=created,
        run=lambda shop, on: shop.transactions.authorize_and_capture(on.payment_id, key="k-1"),
        effects=_effects(_SOLD),
    ),
    Operation(
        name="settled",
        prepare=sold,
        run=lambda shop, on: shop.transactions.settle(on.payment_id, key="k-1"),
        effects=_effects(_SOLD, ("SETTLED", WHOLE)),
    ),
    Operation(
        name="void",
        prepare=captured,
        run=lambda shop, on: shop.transactions.void(on.payment_id, key="k-1"),
        effects=_effects(_HELD, ("CAPTURE", WHOLE), ("VOID", WHOLE)),
    ),
    Operation(
        name="refund",
        prepare=captured_in_two,
        run=_refund,
        effects=_effects(*_TWO_CAPTURES, ("REFUND", 2_000), ("REFUND", 1_000)),
    ),
    Operation(
        name="detached_credit",
        prepare=created,
        run=lambda shop, on: shop.transactions.credit(on.payment_id, eur(500), key="k-1"),
        effects=_effects(("DETACHED_CREDIT", 500)),
    ),
    Operation(
        name="chargeback",
        prepare=charged_back,
        run=_receive,
        effects=_effects(_SOLD, ("CHARGEBACK", 1_000)),
        by_notification=True,
    ),
    Operation(name="checkout", prepare=split, run=_submit, effects=None),
    Operation(name="rollback", prepare=split_with_a_bad_card, run=_submit, effects=None, immediate=True),
    Operation(
        name="return",
        prepare=waiting_for_the_shopper,
        run=lambda shop, on: shop.checkout.resume("card", on.params),
        effects=_effects(_HELD),
    ),
    Operation(name="webhook", prepare=waiting_for_the_bank, run=_receive, effects=_effects(_HELD)),
    Operation(
        name="fulfilment",
        prepare=placed,
        run=lambda shop, _: shop.orders.capture(OWNER, "f-1", eur(3_000), key="o-1"),
        effects=_effects(*_PLACED, ("CAPTURE", 3_000)),
    ),
    Operation(
        name="return_of_goods",
        prepare=fulfilled,
        run=lambda shop, _: shop.orders.refund(OWNER, "t-1", eur(4_500), key="o-1"),
        effects=_effects(*_PLACED, ("CAPTURE", 4_000), ("REFUND", 4_000), ("REFUND", 500)),
    ),
    Operation(name="first_use", prepare=nothing, run=_create, effects=_effects(), fresh=True),
    Operation(
        name="recovery_of_a_charge",
        prepare=interrupted(created, _authorize, after=True),
        run=_maintain,
        effects=_effects(_HELD),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_nothing",
        prepare=interrupted(created, _authorize, after=False),
        run=_maintain,
        effects=_effects(),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_a_refund",
        prepare=interrupted(captured_in_two, _refund, 2, after=True),
        run=_maintain,
        effects=_effects(*_TWO_CAPTURES, ("REFUND", 2_000), ("REFUND", 1_000)),
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_a_checkout",
        prepare=interrupted(split, _submit, 2, after=True),
        run=_maintain,
        effects=None,
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="recovery_of_half_a_checkout",
        prepare=interrupted(split, _submit, 2, after=False),
        run=_maintain,
        effects=None,
        at_s=HOUR_S,
        recovers=True,
    ),
    Operation(
        name="reversal_by_maintenance",
        prepare=failed_checkout,
        run=_maintain,
        effects=None,
        at_s=3 * HOUR_S,
        recovers=True,
    ),
)

BY_NAME: Final = {operation.name: operation for operation in OPERATIONS}
