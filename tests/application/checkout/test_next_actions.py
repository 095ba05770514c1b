"""Next actions are completed by their gateway when they are shown; what completes them is not stored."""

from __future__ import annotations

import attrs

from payports import NextAction
from payports.ports.gateway import PaymentRequest
from tests.application.checkout.scenarios import NoGivingUp
from tests.application.fixtures import open_shop, value_of, with_gateway, without_gateway
from tests.application.scenarios import TWO_GATEWAYS


class Completing(NoGivingUp):
    """Completes an action with a secret of its transaction."""

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:
        return attrs.evolve(action, fields=(("secret_of", request.transaction_id),))


def test_an_action_is_completed_by_its_gateway_and_stored_incomplete() -> None:
    shop = open_shop(TWO_GATEWAYS)
    actions = shop.gateways["first"].gateway.actions
    assert actions
    shop = with_gateway(shop, "first", actions=Completing(actions))
    payment = shop.pay(minor=1_000, gateway="first", token="tok_3ds")
    shop.clock.advance(1)
    shop.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = value_of(shop.submit(minor=3_000))
    (row,) = shop.reload(payment).transactions
    assert [action.fields for action in required.next_actions] == [(("secret_of", row.id),), ()]
    assert row.next_action
    assert row.next_action.fields == ()
    gone = without_gateway(shop, "first").submit(minor=3_000)
    assert [action.fields for action in value_of(gone).next_actions] == [(), ()]
