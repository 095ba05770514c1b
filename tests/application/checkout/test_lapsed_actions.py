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
from tests.application.checkout.scenarios import Stubborn, resume, stubborn, three_d_secure
from tests.application.maintenance.scenarios import passed, run
from tests.application.scenarios import TWO
from tests.application.shops import HOUR, bench, next_reference, only, problem, seen, told, with_gateway


def test_what_has_lapsed_can_no_longer_be_finished_at_the_gateway() -> None:
    on = bench()
    required = three_d_secure(on)
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 1
    assert isinstance(problem(on.submit()), PaymentsFailed)
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        on.bank.complete_action(next_reference(required))


def test_what_was_finished_just_before_it_lapses_counts() -> None:
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 0
    assert isinstance(told(on.submit()), CheckedOut)


def test_the_browser_that_comes_back_too_late_makes_the_gateway_be_asked() -> None:
    on = stubborn()
    required = three_d_secure(on)
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 1
    on.bank.complete_action(next_reference(required))
    problem(resume(on, required))
    assert on.effects() == [("AUTHORIZE", 5_990)]
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_a_late_success_that_nobody_wants_is_reversed_by_maintenance() -> None:
    on = stubborn()
    required = three_d_secure(on)
    on.settle_down(HOUR, 1)  # to the second: we have given up, the bank has not
    assert isinstance(problem(on.submit()), PaymentsFailed)
    on.bank.complete_action(next_reference(required))
    on.deliver()
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.SUCCEEDED
    assert payment.transactions[0].reversal is ReversalState.REQUIRES_REVERSAL
    on.settle_down()
    assert on.effects() == [("AUTHORIZE", 5_990), ("REVERSE_AUTH", 5_990)]


def test_an_action_that_nobody_took_lapses_and_the_rest_is_reversed() -> None:
    on = bench(TWO)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second")
    told(on.submit(minor=3_000))
    on.settle_down(HOUR + 1, 8)
    assert on.effects() == [("AUTHORIZE", 2_000), ("REVERSE_AUTH", 2_000)]


class Deaf(ExternalActions):
    """Actions of a gateway that cannot be reached."""

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        raise OSError(request, params)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        raise OSError(request)


def test_an_action_does_not_lapse_while_the_gateway_cannot_be_asked() -> None:
    """Hyperswitch: a timeout is written as failed after the last poll."""
    on = bench()
    required = three_d_secure(on)
    on.bank.complete_action(next_reference(required))
    deaf = with_gateway(on, actions=Deaf())
    deaf.spy.on_look_up = lambda _: None
    deaf.settle_down(HOUR, 5)
    payment = told(on.shop.payments.of_owner(Owner("cart", "c-1")))[0]
    assert payment.transactions[0].status is TransactionStatus.REQUIRES_ACTION
    on.spy.on_look_up = None
    on.settle_down(HOUR, 2)
    assert isinstance(told(on.submit()), CheckedOut)


AUTHORIZE: Final = TransactionType.AUTHORIZE


def test_what_was_finished_just_before_it_lapses_counts_where_it_cannot_be_given_up() -> None:
    on = stubborn(Stubborn)
    payment = on.pay(token="tok_3ds")
    on.bank.complete_action(next_reference(told(on.submit())))
    on.clock.advance(HOUR)
    assert told(on.shop.maintenance.run()).lapsed == 0
    assert isinstance(told(on.submit()), CheckedOut)
    row = only(on.again(payment), AUTHORIZE)
    assert (row.reversal, [one.status for one in row.seen if one.status is TransactionStatus.DECLINED]) == ("NONE", [])


def test_a_shopper_has_as_long_as_the_policy_says_now() -> None:
    on = bench()
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    schedule = attrs.evolve(on.shop.policy.schedule, action_expires=timedelta(hours=2))
    longer = attrs.evolve(on, shop=attrs.evolve(on.shop, policy=attrs.evolve(on.shop.policy, schedule=schedule)))
    on.clock.advance(HOUR)
    assert told(longer.shop.maintenance.run()).lapsed == 0
    assert only(on.again(payment), AUTHORIZE).status is TransactionStatus.REQUIRES_ACTION


def test_what_lapses_by_the_time_alone_is_declined_as_abandoned() -> None:
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    on = with_gateway(on, actions=Stubborn(actions))
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    on.clock.advance(HOUR)
    assert run(on) == passed(looked_up=1, lapsed=1)
    lapsed = only(on.again(payment), AUTHORIZE).judgement.telling
    assert lapsed == seen(
        TransactionStatus.DECLINED,
        channel=Channel.LOOK_UP,
        transaction_id=on.again(payment).transactions[0].id,
        code="action_expired",
        failure_type=FailureType.ABANDONED,
    )
