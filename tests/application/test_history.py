"""Every fact records who caused it and why: the host, a checkout, an order, a notification, recovery or an operator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

import pytest

from payports import ActionRequired, Cart, Observation, Payment, PaymentMethod, TransactionStatus, TransactionType
from payports.domain.observation import Channel
from payports.ports.gateway import PaymentRequest
from tests.application.checkout.scenarios import NoGivingUp
from tests.application.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    ShopFixture,
    action_reference,
    eur,
    open_shop,
    value_of,
    with_gateway,
)
from tests.application.scenarios import OWNER, TWO_GATEWAYS

HOST: Final = ("host", "")
CHECKOUT: Final = ("checkout", "")
ORDER: Final = ("order", "")
RECOVERY: Final = ("recovery", "")
WEBHOOK: Final = ("webhook of sandbox", "event ev")
Doing = Callable[[ShopFixture, Payment], Any]


def causes(shop: ShopFixture, payment: Payment) -> list[tuple[str, str]]:
    """Who caused what happened to a payment, and why, in order; several facts of the same cause in a row count once.

    An event's id ends in digits that are the bank's own.
    """
    facts = [recorded.fact for recorded in value_of(shop.events.history(payment.id))]
    return [cause for cause, _ in groupby((fact.by, fact.why.partition("_")[0]) for fact in facts)]


def come_back(shop: ShopFixture) -> Any:
    record = shop.store.of("default").checkout(OWNER)
    assert record
    return shop.checkout.resume("sandbox", {"callback_token": record.callback_token})


def sent_away(shop: ShopFixture) -> ActionRequired:
    required = value_of(shop.submit())
    assert isinstance(required, ActionRequired)
    return required


def finished_elsewhere(shop: ShopFixture, _: Payment) -> None:
    shop.bank.complete_action(action_reference(sent_away(shop)))
    shop.bank.webhooks()
    come_back(shop)


def lapsed(shop: ShopFixture, _: Payment) -> None:
    actions = shop.gateways["sandbox"].gateway.actions
    assert actions
    sent_away(shop)
    shop.clock.advance(HOUR)
    value_of(with_gateway(shop, actions=NoGivingUp(actions)).maintenance.run())


def ruled(shop: ShopFixture, payment: Payment) -> None:
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    shop.maintenance.resolve(row.id, TransactionStatus.REVOKED, operator="ada", reason="the bank says so")


def noticed(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.submit())
    shop.bank.finish_async(shop.reload(payment).transactions[0].gateway_reference)
    shop.deliver_webhooks()


def recorded(shop: ShopFixture, payment: Payment) -> None:
    fact = Observation(
        status=TransactionStatus.SUCCEEDED,
        channel=Channel.RETURN,
        type=TransactionType.AUTHORIZE,
        gateway_reference="au_1",
    )
    value_of(shop.transactions.record(payment.id, fact))


def given_up(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.transactions.authorize(payment.id))
    shop.submit(minor=1)
    value_of(shop.checkout.cancel(OWNER))


def looked_up_by_recovery(shop: ShopFixture, payment: Payment) -> None:
    shop.transactions.authorize(payment.id)
    shop.let_time_pass(2 * MINUTE, 1)


def looked_up_by_checkout(shop: ShopFixture, payment: Payment) -> None:
    shop.transactions.authorize(payment.id)
    shop.clock.advance(MINUTE)
    value_of(shop.submit())


def looked_up_by_the_next_command(shop: ShopFixture, payment: Payment) -> None:
    shop.transactions.authorize(payment.id)
    shop.clock.advance(MINUTE)
    shop.transactions.capture(payment.id)


def refreshed(shop: ShopFixture, payment: Payment) -> None:
    shop.transactions.authorize(payment.id)
    value_of(shop.transactions.refresh(payment.id))


def ordered(shop: ShopFixture, _: Payment) -> None:
    value_of(shop.submit())
    value_of(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    value_of(shop.orders.release(OWNER))


def claimed_without_a_call(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.transactions.authorize_and_capture(payment.id))
    value_of(shop.submit())
    value_of(shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))


def warned_of(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.transactions.authorize(payment.id))
    shop.let_time_pass(6 * DAY + MINUTE, 1)


def archived(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.archive(payment.id))
    shop.let_time_pass(HOUR, 1)


def changed(shop: ShopFixture, payment: Payment) -> None:
    value_of(shop.payments.update(payment.id, method=PaymentMethod({"token": "tok_partial"})))


def died(shop: ShopFixture, _: Payment) -> None:
    """Let a checkout die after the call; maintenance finalizes it."""

    def die(request: PaymentRequest) -> None:
        shop.spy.inner.execute(request)
        raise KeyboardInterrupt

    shop.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        shop.submit()
    shop.spy.during = None
    shop.let_time_pass(HOUR, 4)


FLOWS: Final[dict[str, tuple[str, Doing, list[tuple[str, str]]]]] = {
    "created": ("tok_approved", lambda _, __: None, [HOST]),
    "changed": ("tok_approved", changed, [HOST]),
    "archived": ("tok_approved", archived, [HOST, RECOVERY]),
    "authorized": ("tok_approved", lambda shop, payment: value_of(shop.transactions.authorize(payment.id)), [HOST]),
    "refreshed": ("tok_timeout_charged", refreshed, [HOST]),
    "recorded by the host": ("tok_approved", recorded, [HOST]),
    "looked up by the next command": ("tok_timeout_charged", looked_up_by_the_next_command, [HOST]),
    "looked up by a checkout": ("tok_timeout_charged", looked_up_by_checkout, [HOST, CHECKOUT]),
    "looked up by recovery": ("tok_timeout_charged", looked_up_by_recovery, [HOST, RECOVERY]),
    "checked out": ("tok_approved", lambda shop, _: value_of(shop.submit()), [HOST, CHECKOUT]),
    "finished elsewhere": (
        "tok_3ds",
        finished_elsewhere,
        [HOST, CHECKOUT, ("checkout", "the shopper came back"), CHECKOUT],
    ),
    "not finished in time": (
        "tok_3ds",
        lapsed,
        [HOST, CHECKOUT, RECOVERY, ("recovery", "the shopper did not come back in time")],
    ),
    "noticed": ("tok_async", noticed, [HOST, CHECKOUT, WEBHOOK, CHECKOUT]),
    "captured for an order": ("tok_approved", ordered, [HOST, CHECKOUT, ORDER]),
    "allocated to an order": ("tok_approved", claimed_without_a_call, [HOST, CHECKOUT, ORDER]),
    "warned of": ("tok_approved", warned_of, [HOST, RECOVERY]),
    "cancelled": ("tok_approved", given_up, [HOST, ("checkout", "cancelled")]),
    "placed by maintenance": ("tok_approved", died, [HOST, CHECKOUT, RECOVERY, CHECKOUT]),
    "ruled on": ("tok_approved", ruled, [HOST, ("operator ada", "the bank says so")]),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_every_fact_records_who_caused_it_and_why(flow: str) -> None:
    token, doing, expected = FLOWS[flow]
    shop = open_shop()
    payment = shop.pay(token=token)
    doing(shop, payment)
    assert causes(shop, payment) == expected


def test_an_immediate_rollback_is_recorded_as_a_rollback() -> None:
    shop = open_shop({**TWO_GATEWAYS, "checkout": {"rollback": "immediate"}})
    payment = shop.pay(minor=1_000, gateway="first")
    shop.pay(minor=2_000, gateway="second", token="tok_declined")
    shop.submit(minor=3_000)
    assert causes(shop, payment) == [HOST, CHECKOUT, ("checkout", "rolled back")]


def test_a_takeover_by_a_later_attempt_is_recorded_as_the_checkouts() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    value_of(shop.checkout.submit(Cart("c-1", total=eur(5_990)), request_id="attempt-2"))
    assert causes(shop, payment) == [HOST, CHECKOUT]
