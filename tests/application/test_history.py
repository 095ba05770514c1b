"""Every fact tells who caused it and why: the host, a checkout, an order, a notification, recovery or a person."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

import pytest

from payports import ActionRequired, Cart, Observation, Payment, PaymentMethod, TransactionStatus, TransactionType
from payports.domain.observation import Channel
from payports.ports.gateway import PaymentRequest
from tests.application.checkout.scenarios import Stubborn
from tests.application.scenarios import OWNER, TWO
from tests.application.shops import DAY, HOUR, MINUTE, Bench, bench, eur, next_reference, told, with_gateway

HOST: Final = ("host", "")


CHECKOUT: Final = ("checkout", "")


ORDER: Final = ("order", "")


RECOVERY: Final = ("recovery", "")


WEBHOOK: Final = ("webhook of sandbox", "event ev")


Doing = Callable[[Bench, Payment], Any]


def causes(on: Bench, payment: Payment) -> list[tuple[str, str]]:
    """Who caused what happened to a payment, and why, in order; several facts of one cause in a row are told once.

    An event's id ends in digits that are the bank's own.
    """
    facts = [one.fact for one in told(on.shop.events.history(payment.id))]
    return [cause for cause, _ in groupby((one.by, one.why.partition("_")[0]) for one in facts)]


def come_back(on: Bench) -> Any:
    record = on.store.of("default").checkout(OWNER)
    assert record
    return on.shop.checkout.resume("sandbox", {"callback_token": record.callback_token})


def sent_away(on: Bench) -> ActionRequired:
    required = told(on.submit())
    assert isinstance(required, ActionRequired)
    return required


def finished_elsewhere(on: Bench, _: Payment) -> None:
    on.bank.complete_action(next_reference(sent_away(on)))
    on.bank.webhooks()
    come_back(on)


def lapsed(on: Bench, _: Payment) -> None:
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    sent_away(on)
    on.clock.advance(HOUR)
    told(with_gateway(on, actions=Stubborn(actions)).shop.maintenance.run())


def ruled(on: Bench, payment: Payment) -> None:
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    on.shop.maintenance.resolve(row.id, TransactionStatus.REVOKED, operator="ada", reason="the bank says so")


def noticed(on: Bench, payment: Payment) -> None:
    told(on.submit())
    on.bank.finish_async(on.again(payment).transactions[0].gateway_reference)
    on.deliver()


def recorded(on: Bench, payment: Payment) -> None:
    fact = Observation(
        status=TransactionStatus.SUCCEEDED,
        channel=Channel.RETURN,
        type=TransactionType.AUTHORIZE,
        gateway_reference="au_1",
    )
    told(on.shop.transactions.record(payment.id, fact))


def given_up(on: Bench, payment: Payment) -> None:
    told(on.shop.transactions.authorize(payment.id))
    on.submit(minor=1)
    told(on.shop.checkout.cancel(OWNER))


def looked_up_by_recovery(on: Bench, payment: Payment) -> None:
    on.shop.transactions.authorize(payment.id)
    on.settle_down(2 * MINUTE, 1)


def looked_up_by_checkout(on: Bench, payment: Payment) -> None:
    on.shop.transactions.authorize(payment.id)
    on.clock.advance(MINUTE)
    told(on.submit())


def looked_up_by_the_next_command(on: Bench, payment: Payment) -> None:
    on.shop.transactions.authorize(payment.id)
    on.clock.advance(MINUTE)
    on.shop.transactions.capture(payment.id)


def refreshed(on: Bench, payment: Payment) -> None:
    on.shop.transactions.authorize(payment.id)
    told(on.shop.transactions.refresh(payment.id))


def ordered(on: Bench, _: Payment) -> None:
    told(on.submit())
    told(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    told(on.shop.orders.release(OWNER))


def claimed_without_a_call(on: Bench, payment: Payment) -> None:
    told(on.shop.transactions.authorize_and_capture(payment.id))
    told(on.submit())
    told(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))


def warned_of(on: Bench, payment: Payment) -> None:
    told(on.shop.transactions.authorize(payment.id))
    on.settle_down(6 * DAY + MINUTE, 1)


def archived(on: Bench, payment: Payment) -> None:
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    on.settle_down(HOUR, 1)


def changed(on: Bench, payment: Payment) -> None:
    told(on.shop.payments.update(payment.id, method=PaymentMethod({"token": "tok_partial"})))


def died(on: Bench, _: Payment) -> None:
    """A checkout that died after the call, and that maintenance finds and concludes."""

    def die(request: PaymentRequest) -> None:
        on.spy.inner.execute(request)
        raise KeyboardInterrupt

    on.spy.during = die
    with pytest.raises(KeyboardInterrupt):
        on.submit()
    on.spy.during = None
    on.settle_down(HOUR, 4)


FLOWS: Final[dict[str, tuple[str, Doing, list[tuple[str, str]]]]] = {
    "created": ("tok_approved", lambda _, __: None, [HOST]),
    "changed": ("tok_approved", changed, [HOST]),
    "archived": ("tok_approved", archived, [HOST, RECOVERY]),
    "authorized": ("tok_approved", lambda on, one: told(on.shop.transactions.authorize(one.id)), [HOST]),
    "refreshed": ("tok_timeout_charged", refreshed, [HOST]),
    "recorded by the host": ("tok_approved", recorded, [HOST]),
    "looked up by the next command": ("tok_timeout_charged", looked_up_by_the_next_command, [HOST]),
    "looked up by a checkout": ("tok_timeout_charged", looked_up_by_checkout, [HOST, CHECKOUT]),
    "looked up by recovery": ("tok_timeout_charged", looked_up_by_recovery, [HOST, RECOVERY]),
    "checked out": ("tok_approved", lambda on, _: told(on.submit()), [HOST, CHECKOUT]),
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
def test_every_fact_tells_who_caused_it_and_why(flow: str) -> None:
    token, doing, expected = FLOWS[flow]
    on = bench()
    payment = on.pay(token=token)
    doing(on, payment)
    assert causes(on, payment) == expected


def test_a_rollback_in_line_is_told_as_one() -> None:
    on = bench({**TWO, "checkout": {"rollback": "immediate"}})
    payment = on.pay(minor=1_000, gateway="first")
    on.pay(minor=2_000, gateway="second", token="tok_declined")
    on.submit(minor=3_000)
    assert causes(on, payment) == [HOST, CHECKOUT, ("checkout", "rolled back")]


def test_what_a_later_attempt_takes_over_is_told_as_the_checkouts_doing() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.submit())
    told(on.shop.checkout.submit(Cart("c-1", total=eur(5_990)), request_id="attempt-2"))
    assert causes(on, payment) == [HOST, CHECKOUT]
