"""Next actions for the browser: completed by the gateway when they are handed out, and never stored complete."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from returns.result import Failure

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.domain.checkout import ActionRequired
from payports.domain.observation import NextAction
from payports.domain.payment import Owner


def complete_next_actions(env: Environment, required: ActionRequired) -> ActionRequired:
    """Complete the next actions of a checkout, each by its gateway; nothing of it is stored."""
    return attrs.evolve(required, next_actions=tuple(_actions(env, required.owner)))


def _actions(env: Environment, owner: Owner) -> Iterator[NextAction]:
    for payment in env.store.payments_of(owner):
        found = env.gateways.find(payment.gateway, "actions")
        for transaction in payment.transactions:
            action = transaction.next_action
            if action is None or payment.archived:
                continue
            if isinstance(found, Failure):
                yield action
            else:
                yield gateway_calls.present(
                    found.unwrap().gateway, gateway_calls.payment_request(payment, transaction), action
                )
