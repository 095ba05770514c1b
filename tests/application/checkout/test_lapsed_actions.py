"""Actions that the shopper does not finish in time: given up at the gateway, and late successes reversed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import attrs
import pytest

from payports import CheckedOut, Owner, PaymentsFailed, ReversalState, TransactionStatus, TransactionType
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from tests.application.checkout.scenarios import NoGivingUp, resume, shop_that_gives_no_action_up, three_d_secure
from tests.application.fixtures import (
    HOUR,
    action_reference,
    observation,
    only,
    open_shop,
    problem,
    value_of,
    with_gateway,
)
from tests.application.maintenance.scenarios import passed, run
from tests.application.scenarios import TWO_GATEWAYS


def test_a_lapsed_action_can_no_longer_be_finished_at_the_gateway() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.clock.advance(HOUR)
    assert value_of(shop.maintenance.run()).actions_expired == 1
    assert isinstance(problem(shop.submit()), PaymentsFailed)
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        shop.bank.complete_action(action_reference(required))


def test_an_action_finished_just_before_it_lapses_counts() -> None:
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required))
    shop.clock.advance(HOUR)
    assert value_of(shop.maintenance.run()).actions_expired == 0
    assert isinstance(value_of(shop.submit()), CheckedOut)


def test_a_late_return_of_the_browser_looks_the_action_up_at_the_gateway() -> None:
    shop = shop_that_gives_no_action_up()
    required = three_d_secure(shop)
    shop.clock.advance(HOUR)
    assert value_of(shop.maintenance.run()).actions_expired == 1
    shop.bank.complete_action(action_reference(required))
    problem(resume(shop, required))
    assert shop.effects() == [("AUTHORIZE", 5_990)]
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_maintenance_reverses_a_late_success() -> None:
    shop = shop_that_gives_no_action_up()
    required = three_d_secure(shop)
    shop.let_time_pass(HOUR, 1)  # to the second: the shop has given the action up, the bank has not
    assert isinstance(problem(shop.submit()), PaymentsFailed)
    shop.bank.complete_action(action_reference(required))
    shop.deliver_webhooks()
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.SUCCEEDED
    assert payment.transactions[0].reversal is ReversalState.REQUIRES_REVERSAL
    shop.let_time_pass()
    assert shop.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_a_lapsed_action_lets_the_other_payments_be_reversed() -> None:
    shop = open_shop(TWO_GATEWAYS)
    shop.pay(minor=1_000, gateway="first", token="tok_3ds")
    shop.pay(minor=2_000, gateway="second")
    value_of(shop.submit(minor=3_000))
    shop.let_time_pass(HOUR + 1, 8)
    assert shop.effects() == [("AUTHORIZE", 2_000), ("REVERSE_AUTH", 2_000)]


class Deaf(ExternalActions):
    """Actions of a gateway that cannot be reached."""

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        raise OSError(request, params)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request)


def test_an_action_does_not_lapse_while_the_gateway_is_unreachable() -> None:
    """Hyperswitch records a timeout as failed after the last poll."""
    shop = open_shop()
    required = three_d_secure(shop)
    shop.bank.complete_action(action_reference(required))
    deaf = with_gateway(shop, actions=Deaf())
    deaf.spy.on_look_up = lambda _: None
    deaf.let_time_pass(HOUR, 5)
    payment = value_of(shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.REQUIRES_ACTION
    shop.spy.on_look_up = None
    shop.let_time_pass(HOUR, 2)
    assert isinstance(value_of(shop.submit()), CheckedOut)


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_an_action_finished_just_before_it_lapses_counts_where_it_cannot_be_given_up() -> None:
    shop = shop_that_gives_no_action_up(NoGivingUp)
    payment = shop.pay(token="tok_3ds")
    shop.bank.complete_action(action_reference(value_of(shop.submit())))
    shop.clock.advance(HOUR)
    assert value_of(shop.maintenance.run()).actions_expired == 0
    assert isinstance(value_of(shop.submit()), CheckedOut)
    row = only(shop.reload(payment), AUTHORIZE)
    assert (
        row.reversal,
        [observed.status for observed in row.seen if observed.status is TransactionStatus.DECLINED],
    ) == ("NONE", [])


def test_the_present_policy_decides_how_long_a_shopper_has() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    schedule = attrs.evolve(shop.payports.policy.schedule, action_expires=timedelta(hours=2))
    longer = attrs.evolve(
        shop, payports=attrs.evolve(shop.payports, policy=attrs.evolve(shop.payports.policy, schedule=schedule))
    )
    shop.clock.advance(HOUR)
    assert value_of(longer.maintenance.run()).actions_expired == 0
    assert only(shop.reload(payment), AUTHORIZE).status is TransactionStatus.REQUIRES_ACTION


def test_an_action_that_lapses_by_time_alone_is_declined_as_abandoned() -> None:
    shop = open_shop()
    actions = shop.gateways["sandbox"].gateway.actions
    assert actions
    shop = with_gateway(shop, actions=NoGivingUp(actions))
    payment = shop.pay(token="tok_3ds")
    value_of(shop.submit())
    shop.clock.advance(HOUR)
    assert run(shop) == passed(looked_up=1, actions_expired=1)
    lapsed = only(shop.reload(payment), AUTHORIZE).judgement.telling
    assert lapsed == observation(
        TransactionStatus.DECLINED,
        channel=Channel.LOOK_UP,
        transaction_id=shop.reload(payment).transactions[0].id,
        code="action_expired",
        failure_type=FailureType.ABANDONED,
    )
