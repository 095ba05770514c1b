"""Input from the host is checked before anything is loaded: which values are refused, and under which field."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from payports import InvalidInput, Observation, TransactionStatus
from payports.application.kernel.input_validation import check_key, check_limit, check_observation
from payports.domain.observation import Channel, NextAction

FINE: Final[dict[str, Any]] = {
    "status": TransactionStatus.SUCCEEDED,
    "channel": Channel.WEBHOOK,
    "transaction_id": "t-1",
    "gateway_reference": "au_1",
    "parent_reference": "au_0",
    "account": "a-1",
    "code": "ok",
    "message": "fine",
    "operator": "",
    "attributes": {"a": "b"},
    "next_action": NextAction(type="redirect", url="https://bank.example", reference="r-1", fields=(("a", "b"),)),
}


def observation(**changed: Any) -> Observation:
    return Observation(**(FINE | changed))


NUMBER: Final = "4242424242424242"
NO_PRINT: Final = "holds characters that do not print"


@pytest.mark.parametrize("key", ["k", "k" * 255, "payports", "of payports:"])
def test_a_key_is_an_identifier_without_the_reserved_prefix(key: str) -> None:
    assert check_key(key) is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("payports:", "must not begin with 'payports:'"),
        ("payports:1", "must not begin with 'payports:'"),
        ("", "must not be empty"),
        ("k" * 256, "is longer than 255 characters"),
        (1, "must be text"),
        (NUMBER, "looks like a card number"),
    ],
)
def test_an_invalid_key_is_refused_by_its_field(key: object, reason: str) -> None:
    assert check_key(key) == InvalidInput("key", reason)
    assert check_key(key, "request_id") == InvalidInput("request_id", reason)


@pytest.mark.parametrize("limit", [1, 2, 9_999, 10_000])
def test_a_limit_goes_from_one_to_ten_thousand(limit: int) -> None:
    assert check_limit(limit) is None


@pytest.mark.parametrize("limit", [0, -1, 10_001, 1.0, True, "1", None])
def test_a_limit_outside_that_range_is_refused(limit: object) -> None:
    assert check_limit(limit) == InvalidInput("limit", "must be a whole number from 1 to 10000")


def test_a_full_and_a_minimal_observation_are_valid() -> None:
    assert check_observation(Observation(**FINE)) is None
    assert check_observation(Observation(status=TransactionStatus.UNKNOWN, channel=Channel.RETURN)) is None


def test_a_value_that_is_no_observation_is_refused() -> None:
    look_alike: Any = type("LookAlike", (Observation,), {})
    no_channel = attrs.evolve(Observation(**FINE), channel="WEBHOOK")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] -- on purpose
    for wrong in (None, "paid", FINE, look_alike(**FINE), no_channel):
        assert check_observation(wrong) == InvalidInput("observation", "must be an Observation")


def test_an_observation_with_a_field_of_another_type_is_refused() -> None:
    reason = "has a field of another type than it must be"
    assert check_observation(observation(hard=1)) == InvalidInput("observation", reason)


def test_an_observation_by_an_operator_is_refused() -> None:
    reason = "must not be OPERATOR; record an operator's ruling with maintenance.resolve()"
    refused = check_observation(observation(channel=Channel.OPERATOR))
    assert refused == InvalidInput("observation.channel", reason)


ACTION: Final = FINE["next_action"]


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"transaction_id": " "}, "transaction_id", "holds blanks at an end or characters that do not print"),
        ({"gateway_reference": NUMBER}, "gateway_reference", "looks like a card number"),
        ({"parent_reference": "r" * 256}, "parent_reference", "is longer than 255 characters"),
        ({"account": "\n"}, "account", "holds blanks at an end or characters that do not print"),
        ({"code": NUMBER}, "code", "looks like a card number"),
        ({"message": "\0"}, "message", NO_PRINT),
        ({"operator": "m" * 2_001}, "operator", "is longer than 2000 characters"),
        ({"attributes": {"a": "\0"}}, "attributes.a", NO_PRINT),
        ({"next_action": attrs.evolve(ACTION, fields=(("a", "\0"),))}, "next_action.fields.a", NO_PRINT),
        ({"next_action": attrs.evolve(ACTION, type="\0")}, "next_action.type", NO_PRINT),
        ({"next_action": attrs.evolve(ACTION, url="\0")}, "next_action.url", NO_PRINT),
        ({"next_action": attrs.evolve(ACTION, reference="\0")}, "next_action.reference", NO_PRINT),
    ],
)
def test_each_text_of_an_observation_is_checked_and_named(changed: dict[str, Any], field: str, reason: str) -> None:
    assert check_observation(observation(**changed)) == InvalidInput(f"observation.{field}", reason)
