"""JSON that comes from outside: what is no JSON, and what a doubled key is worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.kit.json_reading import (
    JsonObject,
    integer,
    money,
    nested,
    nested_list,
    read_object,
    text,
)

READERS: list[tuple[Callable[[JsonObject, str], Any], Any]] = [
    (nested, {}),
    (nested_list, []),
    (text, ""),
    (integer, None),
]
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_input_is_read_or_refused(body: bytes | str) -> None:
    found = read_object(body)
    assert found is None or isinstance(found, dict)


@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=5))
def test_an_object_without_doubled_keys_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert read_object(json.dumps(value)) == value


@pytest.mark.parametrize("second", ["1", "2", "null", "[]", '"1"'])
@pytest.mark.parametrize("first", ["1", "null", "{}"])
def test_a_doubled_key_has_no_value_wherever_it_stands(first: str, second: str) -> None:
    doubled = f'{{"a": {first}, "b": 7, "a": {second}}}'
    assert read_object(doubled) is None
    inner = nested(read_object(f'{{"inner": {doubled}}}') or {}, "inner")
    assert integer(inner, "b") == 7
    assert inner["a"] is not None, "it is not the same as an absent one"
    for read, nothing in READERS:
        assert read(inner, "a") == nothing
    assert not isinstance(inner["a"], str | int | float | bool | list | dict)
    json.dumps(inner)


def test_an_amount_that_is_told_twice_is_none() -> None:
    read = read_object('{"inner": {"amount_minor": 10, "currency": "EUR", "amount_minor": 10}}')
    assert money(nested(read or {}, "inner")) is None


def test_many_doubled_keys_cost_no_more_than_others() -> None:
    pairs = ",".join(f'"{number}": 1, "{number}": 2' for number in range(30_000))
    assert read_object(f"{{{pairs}}}") is None
