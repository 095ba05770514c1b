"""What a notification must show before it is believed."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.sandbox.signatures import HEADER, signed_headers
from payports.adapters.gateways.sandbox.webhooks import sandbox_webhooks
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus
from payports.testing import FixedClock
from tests.adapters.gateways.sandbox.test_translation import GENUINE, MUTATED, believable

SECRET = Secret("a secret of sixteen bytes")
NOW = FixedClock().now()
AT = int(NOW.timestamp())
READER = sandbox_webhooks(WebhookSecrets(SECRET), "sandbox")


def body_of(*items: Any, **changes: Any) -> bytes:
    numbered = [{"id": f"ev_{number}", "transaction": item} for number, item in enumerate(items)]
    return json.dumps({"account": "sandbox", "environment": "sandbox", "items": numbered, **changes}).encode()


BODY = body_of(GENUINE)


def read(body: bytes, headers: dict[str, str] | None = None) -> bool:
    given = signed_headers(SECRET, body, AT) if headers is None else headers
    return isinstance(READER.read(given, body, {}, NOW), Success)


def signature(at: object, body: bytes = BODY, secret: Secret = SECRET) -> str:
    return hmac.new(secret.reveal().encode(), f"{at}.".encode() + body, sha256).hexdigest()


def test_a_genuine_body_is_believed_item_by_item() -> None:
    settled = {**GENUINE, "key": "", "type": "SETTLED", "reference": "set_1", "parent": "au_1"}
    body = body_of(GENUINE, settled)
    notifications = READER.read(signed_headers(SECRET, body, AT), body, {}, NOW).unwrap()
    assert [(item.event_id, item.seen.transaction_id, item.seen.parent_reference) for item in notifications] == [
        ("ev_0", "t-requested", ""),
        ("ev_1", "", "au_1"),
    ]


def test_without_a_secret_nothing_is_believed() -> None:
    refused = sandbox_webhooks(WebhookSecrets(None), "sandbox").read(signed_headers(SECRET, BODY, AT), BODY, {}, NOW)
    assert isinstance(refused, Failure)


@pytest.mark.parametrize(("off", "believed"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_time_may_be_off_by_five_minutes_both_ways(off: int, believed: bool) -> None:
    assert read(BODY, signed_headers(SECRET, BODY, AT + off)) is believed


@pytest.mark.parametrize(
    "header",
    [
        "",
        "é",
        f"t={AT}",
        f"v1={signature(AT)}",
        f"t={AT},v1=",
        f"t={AT},v1={signature(AT).upper()}",
        f"t={AT},v1={signature(AT)[:-1]}",
        f"t={AT},v0={signature(AT)}",
        f"t={AT},t={AT},v1={signature(AT)}",
        f"t={AT}.0,v1={signature(f'{AT}.0')}",
        f"t=-{AT},v1={signature(-AT)}",
        f"t=+{AT},v1={signature(AT)}",
        "t=" + "9" * 40 + f",v1={signature('9' * 40)}",
        f"t={AT},v1={signature(AT)}" + "," * 3_000,
        f"t={AT},v1={signature(AT, BODY + b' ')}",
        f"t={AT},v1={signature(AT, secret=Secret('another secret of 16 bytes'))}",
    ],
)
def test_a_bad_signature_is_refused(header: str) -> None:
    assert not read(BODY, {HEADER: header})


def test_several_signatures_are_accepted_while_a_secret_changes() -> None:
    assert read(BODY, {HEADER.upper(): f"t={AT}, v1={'0' * 64}, v1={signature(AT)}, v2=new"})


@given(payload=MUTATED)
def test_an_item_is_believed_only_about_this_account_and_environment(payload: dict[str, Any]) -> None:
    body = body_of(GENUINE, payload)
    found = READER.read(signed_headers(SECRET, body, AT), body, {}, NOW)
    if isinstance(found, Success):
        assert (payload["account"], payload["environment"]) == ("sandbox", "sandbox")
        success = found.unwrap()[1].seen.status is TransactionStatus.SUCCEEDED
        assert success is (payload["status"] == "approved")
    else:
        assert not believable(payload)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        body_of(),
        body_of(GENUINE, account="other"),
        body_of(GENUINE, environment="live"),
        body_of(GENUINE, {**GENUINE, "account": "other"}),
        body_of({**GENUINE, "environment": "live"}),
        body_of(GENUINE, {}),
        body_of(GENUINE, None),
        body_of(items=None),
        body_of(items=[{"transaction": GENUINE}]),
        body_of(*[GENUINE] * 1_001),
        b" " * 1_000_001,
    ],
)
def test_one_item_that_cannot_be_believed_refuses_the_whole_body(body: bytes) -> None:
    assert not read(body)


@given(
    headers=st.dictionaries(st.sampled_from([HEADER, "X"]), st.text(max_size=120) | st.just(f"t={AT},v1={'0' * 64}")),
    body=st.binary(max_size=100),
)
def test_nothing_unsigned_is_believed_and_nothing_raises(headers: dict[str, str], body: bytes) -> None:
    assert not read(body, headers)
