"""Offline tenders: money is awaited, giving up a claim succeeds at once."""

from __future__ import annotations

import pytest

from payports.adapters.gateways.offline import connect
from payports.domain.judgement import judge
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    DETACHED_CREDIT,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.adapters.gateways.fixtures import a_context, a_request, execute

GATEWAY = connect(a_context("cheque"))
EXPECTED = {
    AUTHORIZE: TransactionStatus.AWAITING_RESULT,
    AUTHORIZE_AND_CAPTURE: TransactionStatus.AWAITING_RESULT,
    CAPTURE: TransactionStatus.AWAITING_RESULT,
    REFUND: TransactionStatus.AWAITING_RESULT,
    VOID: TransactionStatus.SUCCEEDED,
    REVERSE_AUTH: TransactionStatus.SUCCEEDED,
    DETACHED_CREDIT: TransactionStatus.NOT_EXECUTED,
    SETTLED: TransactionStatus.NOT_EXECUTED,
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_type_is_answered_and_looked_up_alike(kind: TransactionType) -> None:
    request = a_request(kind, token="")
    seen = execute(GATEWAY, request)
    found = GATEWAY.transactions.look_up(request, fence=True)
    assert isinstance(found, Observation)
    assert seen.status is found.status is EXPECTED[kind]
    assert seen.gateway_reference == found.gateway_reference


def test_an_operator_confirms_what_is_awaited() -> None:
    request = a_request(AUTHORIZE_AND_CAPTURE, token="")
    seen = execute(GATEWAY, request)
    ruled = Observation(status=TransactionStatus.SUCCEEDED, channel=Channel.OPERATOR, operator="ada")
    judged = judge(request.amount, GATEWAY.account, (seen, ruled))
    assert (judged.status, judged.gateway_reference) == (TransactionStatus.SUCCEEDED, seen.gateway_reference)
