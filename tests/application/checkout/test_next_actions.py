"""Next actions are completed by their gateway when they are shown, and never stored so."""

from __future__ import annotations

import attrs

from payports import NextAction
from payports.ports.gateway import PaymentRequest
from tests.application.checkout.scenarios import Stubborn
from tests.application.scenarios import TWO
from tests.application.shops import bench, told, with_gateway, without_gateway


class Completing(Stubborn):
    """Completes an action with what was kept back, for the transaction that it is asked about."""

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:
        return attrs.evolve(action, fields=(("secret_of", request.transaction_id),))


def test_an_action_is_completed_by_its_gateway_and_never_stored_so() -> None:
    on = bench(TWO)
    actions = on.shop.gateways["first"].gateway.actions
    assert actions
    on = with_gateway(on, "first", actions=Completing(actions))
    payment = on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.clock.advance(1)
    on.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = told(on.submit(minor=3_000))
    (row,) = on.again(payment).transactions
    assert [one.fields for one in required.next_actions] == [(("secret_of", row.id),), ()]
    assert row.next_action
    assert row.next_action.fields == ()
    gone = without_gateway(on, "first").submit(minor=3_000)
    assert [one.fields for one in told(gone).next_actions] == [(), ()]
