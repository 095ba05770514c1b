"""A fixed mapping is a value: it is not changed, and it is copied, compared and pickled."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import pytest

from payports.domain.frozen_mapping import FrozenMapping, frozen

CHANGES: dict[str, Callable[[Any], object]] = {
    "set": lambda mapping: mapping.__setitem__("a", 2),
    "delete": lambda mapping: mapping.__delitem__("a"),
    "merge": lambda mapping: mapping.__ior__({"b": 2}),
    "clear": lambda mapping: mapping.clear(),
    "pop": lambda mapping: mapping.pop("a"),
    "popitem": lambda mapping: mapping.popitem(),
    "setdefault": lambda mapping: mapping.setdefault("b", 2),
    "update": lambda mapping: mapping.update(b=2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_not_changed(change: Callable[[Any], object]) -> None:
    mapping = FrozenMapping({"a": 1})
    with pytest.raises(TypeError, match="cannot be changed"):
        change(mapping)
    assert mapping == {"a": 1}


def test_nothing_that_changes_a_dictionary_is_left_open() -> None:
    reading = {"get", "items", "keys", "values", "copy", "fromkeys"}
    methods = {name for name in dir(dict) if not name.startswith("_")}
    assert methods - reading == set(CHANGES) - {"set", "delete", "merge"}


def test_it_is_a_copy_of_what_it_was_made_from() -> None:
    given = {"a": "1"}
    mapping = frozen(given)
    given["a"] = "2"
    assert mapping == {"a": "1"}


def pickled(one: object) -> object:
    return pickle.loads(pickle.dumps(one))  # noqa: S301 -- our own


@pytest.mark.parametrize("way", [copy, deepcopy, pickled])
def test_its_copies_are_as_fixed_as_itself(way: Callable[[Any], Any]) -> None:
    mapping = way(FrozenMapping({"a": "1"}))
    assert mapping == {"a": "1"}
    assert type(mapping) is FrozenMapping
    assert json.dumps(mapping) == '{"a": "1"}'
