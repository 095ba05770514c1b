"""The fuzzing of readers finds readers that raise, that believe noise, and that believe what is about something else."""

from __future__ import annotations

import json

import pytest

from payports.adapters.gateways.kit.fuzz import check_reader
from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.json_reading import JsonObject, money, read_object, text
from payports.adapters.gateways.kit.observations import succeeded, unknown
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import TransactionStatus
from tests.adapters.gateways.fixtures import EUR, a_request

REQUEST = a_request(AUTHORIZE, key="t-1")
GOOD: JsonObject = {"id": "t-1", "state": "done", "amount_minor": 1000, "currency": "EUR"}


def sound(answer: Answer) -> Observation:
    said = read_object(answer.body) or {}
    amount = money(said)
    if answer.status == 200 and amount and (text(said, "id"), text(said, "state")) == ("t-1", "done"):
        return succeeded(REQUEST, Channel.ANSWER, amount, "r-1")
    return unknown(REQUEST, Channel.ANSWER)


def check(answer: Answer, seen: Observation) -> None:
    if seen.status is TransactionStatus.SUCCEEDED:
        assert (read_object(answer.body) or {}).get("id") == "t-1"
        assert answer.status == 200


def test_a_sound_reader_passes() -> None:
    check_reader(sound, [GOOD], check, rounds=5)


def test_a_reader_that_raises_is_found() -> None:
    def raises_at_noise(answer: Answer) -> Observation:
        json.loads(answer.body)
        return sound(answer)

    with pytest.raises(ValueError):  # noqa: PT011 -- of which kind is up to the bytes
        check_reader(raises_at_noise, [GOOD], check, rounds=5)


def believes_any_id(answer: Answer) -> Observation:
    said = read_object(answer.body) or {}
    return sound(Answer(answer.status, {}, json.dumps({**GOOD, **said, "id": "t-1"}).encode()))


def test_a_reader_that_does_not_look_at_the_id_is_found() -> None:
    with pytest.raises(AssertionError):
        check_reader(believes_any_id, [GOOD], check, rounds=5)


def test_a_reader_that_believes_noise_is_found() -> None:
    def believes_all(_: Answer) -> Observation:
        return succeeded(REQUEST, Channel.ANSWER, EUR, "r-1")

    def accept(*_: object) -> None:
        """Every observation is fine."""

    with pytest.raises(AssertionError, match="success was read out of"):
        check_reader(believes_all, [GOOD], accept, rounds=2)
