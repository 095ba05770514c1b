"""Whatever comes from outside is read without raising, and is a success only if all of it fits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.kit.http_results import Answer, Lost, NotSent
from payports.adapters.gateways.kit.json_reading import integer, money, nested_list, read_object, text
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.messages import EXECUTE, FORGET, KEEP, LOOK_UP, METHODS
from payports.adapters.gateways.sandbox.translation import read_answer, read_inquiry
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentResponse
from tests.adapters.gateways.fixtures import EUR, a_request, judged

REQUEST = a_request(AUTHORIZE, key="t-requested")

GENUINE: dict[str, Any] = {
    "reference": "au_1",
    "key": "t-requested",
    "account": "sandbox",
    "environment": "sandbox",
    "type": "AUTHORIZE",
    "status": "approved",
    "amount_minor": 1_000,
    "currency": "EUR",
    "partial": False,
    "parent": "",
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
LIKELY = st.one_of(
    JSON,
    st.sampled_from(
        ["approved", "declined", "sandbox", "AUTHORIZE", "EUR", "USD", "t-requested", 999, 1_000, 1_001, 0, True]
    ),
)
MUTATED = st.dictionaries(st.sampled_from(sorted(GENUINE)), LIKELY, max_size=4).map(
    lambda mutation: {**GENUINE, **mutation}
)


def answer(payload: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps({"transaction": payload}).encode())


def read(sent: Answer | NotSent | Lost) -> Observation:
    return read_answer(sent, REQUEST, "sandbox").seen


def believable(payload: dict[str, Any]) -> bool:
    """An independent judgement of whether a mutated answer may be believed."""
    same = all(
        payload[name] == GENUINE[name] and type(payload[name]) is type(GENUINE[name])
        for name in ("key", "account", "environment", "type", "status", "currency")
    )
    minor = payload["amount_minor"]
    fits = type(minor) is int and (minor == 1_000 or (0 < minor < 1_000 and payload["partial"] is True))
    reference = payload["reference"]
    return same and fits and isinstance(reference, str) and 0 < len(reference) <= 255 and reference.isprintable()


@given(status=st.integers(100, 599), body=st.binary(max_size=200))
def test_any_bytes_are_read_and_never_a_success(status: int, body: bytes) -> None:
    sent = Answer(status, {}, body)
    assert isinstance(read_answer(sent, REQUEST, "sandbox"), PaymentResponse)
    assert read(sent).status in (TransactionStatus.UNKNOWN, TransactionStatus.NOT_EXECUTED)
    assert isinstance(read_inquiry(sent, REQUEST, "sandbox", Channel.LOOK_UP), Observation)


@given(status=st.sampled_from([200, 201, 302, 404, 500]), payload=MUTATED)
def test_only_an_answer_that_fits_is_a_success(status: int, payload: dict[str, Any]) -> None:
    seen = read(answer(payload, status))
    assert (judged(seen, REQUEST) is TransactionStatus.SUCCEEDED) is (status == 200 and believable(payload))
    found = read_inquiry(answer(payload, status), REQUEST, "sandbox", Channel.LOOK_UP)
    assert isinstance(found, Observation)
    assert (judged(found, REQUEST) is TransactionStatus.SUCCEEDED) is (status == 200 and believable(payload))


def test_the_truth_is_believed() -> None:
    seen = read(answer(GENUINE))
    assert (seen.status, seen.amount, seen.gateway_reference) == (TransactionStatus.SUCCEEDED, EUR, "au_1")


def test_a_success_for_another_amount_is_unknown_and_keeps_the_amount() -> None:
    seen = read(answer({**GENUINE, "amount_minor": 100}))
    assert (judged(seen, REQUEST), seen.amount) == (TransactionStatus.UNKNOWN, Money.of("1.00", "EUR"))
    seen = read(answer({**GENUINE, "currency": "USD"}))
    assert (judged(seen, REQUEST), seen.amount) == (TransactionStatus.UNKNOWN, Money.of("10.00", "USD"))


def test_another_account_is_named() -> None:
    seen = read(answer({**GENUINE, "account": "somebody"}))
    assert (seen.status, seen.account) == (TransactionStatus.UNKNOWN, "somebody")


CONFIGURATION, NOT_POSSIBLE = FailureType.CONFIGURATION, FailureType.NOT_POSSIBLE


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, NOT_POSSIBLE),
        (401, CONFIGURATION),
        (402, NOT_POSSIBLE),
        (403, CONFIGURATION),
        (404, CONFIGURATION),
        (410, NOT_POSSIBLE),
        (429, NOT_POSSIBLE),
    ],
)
def test_a_definite_refusal_was_not_executed(status: int, failure: FailureType) -> None:
    seen = read(answer(GENUINE, status))
    assert (seen.status, seen.failure_type) == (TransactionStatus.NOT_EXECUTED, failure)


@pytest.mark.parametrize(
    "status", [100, 201, 204, 301, 302, 303, 307, 308, 408, 409, 422, 425, 500, 502, 503, 504, 599]
)
def test_any_other_status_leaves_it_unknown(status: int) -> None:
    assert read(answer(GENUINE, status)).status is TransactionStatus.UNKNOWN


def test_what_was_not_sent_was_not_executed_and_what_was_lost_is_unknown() -> None:
    assert read(NotSent("refused")).status is TransactionStatus.NOT_EXECUTED
    assert read(Lost("reset")).status is TransactionStatus.UNKNOWN
    for sent in (NotSent("refused"), Lost("reset")):
        found = read_inquiry(sent, REQUEST, "sandbox", Channel.LOOK_UP)
        assert isinstance(found, Observation)
        assert found.status is TransactionStatus.UNKNOWN


def test_only_the_bank_itself_says_not_found() -> None:
    said = Answer(404, {}, b'{"error": {"code": "not_found"}}')
    assert isinstance(read_inquiry(said, REQUEST, "sandbox", Channel.LOOK_UP), NotFoundYet)
    proxy = read_inquiry(Answer(404, {}, b"<html>"), REQUEST, "sandbox", Channel.LOOK_UP)
    assert isinstance(proxy, Observation)


def test_the_excerpt_that_is_kept_holds_no_token_and_no_url() -> None:
    payload = {
        **GENUINE,
        "token": "tok_secret",
        "action": {"url": "https://x/?secret=1"},
        "note": "4242 4242 4242 4242",
    }
    raw = read_answer(answer(payload), REQUEST, "sandbox").raw
    assert "au_1" in raw
    for secret in ("tok_secret", "https", "4242"):
        assert secret not in raw


@given(body=st.binary(max_size=200), path=st.sampled_from([EXECUTE, LOOK_UP, KEEP, METHODS, FORGET, "/", ""]))
def test_the_bank_refuses_what_it_cannot_read(body: bytes, path: str) -> None:
    bank = SandboxBank()
    assert bank.handle(path, body).status in (400, 402, 404)  # 402: a token that nobody knows
    assert bank.effects() == ()
    bank.close()


@given(message=st.dictionaries(st.sampled_from([*GENUINE, "token", "terms", "fence", "pass_through"]), LIKELY))
def test_the_bank_takes_any_object_without_raising(message: dict[str, Any]) -> None:
    bank = SandboxBank()
    for path in (EXECUTE, LOOK_UP, KEEP, METHODS, FORGET):
        bank.handle(path, json.dumps(message).encode())
    bank.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"nul",
        b'{"a": NaN}',
        b'{"a": 1, "a": 1}',
        b'{"a": Infinity}',
        b"\xff{}",
        b"[" * 200_000,
        b"9" * 5_000,
    ],
)
def test_what_is_no_plain_object_is_not_read(body: bytes) -> None:
    assert read_object(body) is None


def test_values_are_read_strictly() -> None:
    payload = read_object(
        rb'{"t": "x", "u": "\ud800", "n": "\u0000", "b": true, "i": 7, "f": 7.0, "c": "eur", "l": [1, {"a": 1}]}'
    )
    assert payload is not None
    assert [text(payload, name) for name in "tunbi"] == ["x", "", "", "", ""]
    assert [integer(payload, name) for name in "ibft"] == [7, None, None, None]
    assert money(payload, "i", "c") is None
    assert nested_list(payload, "l") == [{}, {"a": 1}]
