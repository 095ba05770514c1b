"""The suite for gateways fails adapters that are wrong, each at the test that is about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from payports.domain.capabilities import Capabilities
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.observation import Observation
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import (
    Gateway,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    TransactionGateway,
)
from tests.adapters.gateways.test_conformance import SandboxConformance as _Suite

Answers = Callable[[Observation], Observation]


@attrs.frozen
class Spoilt(TransactionGateway):
    """A gateway whose answers are changed on their way."""

    inner: TransactionGateway
    change: Answers

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        response = self.inner.execute(request)
        return attrs.evolve(response, seen=self.change(response.seen))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002 -- wrong on purpose
        return self.inner.look_up(request)


def spoilt(tmp_path: Path, change: Answers) -> _Suite:
    suite = _Suite()
    vars(suite)["_numbers"], vars(suite)["_run"] = iter(range(1_000)), "bites"
    gateway: Gateway = suite.connect(tmp_path)
    suite.gateway = attrs.evolve(gateway, transactions=Spoilt(gateway.transactions, change))
    return suite


def always(**changes: Any) -> Answers:
    return lambda seen: attrs.evolve(seen, **changes)


WRONG: dict[str, tuple[Answers, Callable[[_Suite], object]]] = {
    "unknown called success": (
        always(status=TransactionStatus.SUCCEEDED, gateway_reference="r", amount=_Suite.amount),
        lambda suite: suite.test_no_usable_answer_is_an_unknown_result("lost_done", AUTHORIZE),
    ),
    "unknown called failure": (
        always(status=TransactionStatus.NOT_EXECUTED),
        lambda suite: suite.test_no_usable_answer_is_an_unknown_result("lost_done", AUTHORIZE),
    ),
    "success without a reference": (
        always(gateway_reference=""),
        lambda suite: suite.test_every_scenario_is_answered_soundly("approved", AUTHORIZE),
    ),
    "success without an amount": (
        always(amount=None),
        lambda suite: suite.test_every_scenario_is_answered_soundly("approved", AUTHORIZE),
    ),
    "undeclared partial": (always(partial=False), lambda suite: suite.test_a_partial_approval_is_declared(AUTHORIZE)),
    "another account": (always(account="x"), lambda suite: suite.test_an_approval_has_one_effect(AUTHORIZE)),
    "another transaction": (
        always(transaction_id="x"),
        lambda suite: suite.test_an_approval_has_one_effect(AUTHORIZE),
    ),
    "soft called hard": (
        always(hard=True),
        lambda suite: suite.test_a_decline_tells_hard_from_soft_and_has_no_effect("declined", AUTHORIZE),
    ),
    "decline without a type": (
        always(failure_type=None),
        lambda suite: suite.test_a_decline_tells_hard_from_soft_and_has_no_effect("declined", AUTHORIZE),
    ),
    "action that leads nowhere": (
        always(next_action=None),
        lambda suite: suite.test_what_needs_the_shopper_has_no_effect_before(AUTHORIZE),
    ),
    "found otherwise than answered": (
        always(status=TransactionStatus.UNKNOWN),
        lambda suite: suite.test_a_look_up_finds_what_happened(AUTHORIZE),
    ),
    "success called decline": (
        always(status=TransactionStatus.DECLINED),
        lambda suite: suite.test_a_capture_beyond_the_hold_is_refused(),
    ),
    "fence that does not hold": (always(), lambda suite: suite.test_a_fenced_key_can_never_be_executed(AUTHORIZE)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_adapter_fails(tmp_path: Path, name: str) -> None:
    change, run = WRONG[name]
    suite = spoilt(tmp_path, change)
    try:
        with pytest.raises(AssertionError):
            run(suite)
    finally:
        suite.disconnect()
