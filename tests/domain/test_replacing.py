"""A change of a large value is what attrs would make of it, and keeps only what was worked out from fields that stayed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.replacing import derived, replaced


@attrs.frozen(kw_only=True, slots=False)
class Sum:
    left: int
    right: int
    name: str = ""

    @derived("left", "right")
    def total(self) -> int:
        """Both together."""
        ASKED.append(self.name)
        return self.left + self.right

    @derived("name")
    def shout(self) -> str:
        ASKED.append(self.name)
        return self.name.upper()


ASKED: list[str] = []
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"left": st.integers(), "right": st.integers(), "name": st.text()}
)
SUMS = st.builds(Sum, left=st.integers(), right=st.integers(), name=st.text())


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    ASKED.clear()


@given(SUMS, FIELDS, st.booleans())
def test_it_is_what_attrs_makes_of_it(before: Sum, changes: dict[str, Any], asked_before: bool) -> None:
    if asked_before:
        assert (before.total, before.shout) == (before.left + before.right, before.name.upper())
    after, wanted = replaced(before, changes), attrs.evolve(before, **changes)
    assert (after, hash(after), repr(after)) == (wanted, hash(wanted), repr(wanted))
    assert (after.total, after.shout) == (wanted.total, wanted.shout)


def test_what_it_comes_from_stays_as_it_was() -> None:
    before = Sum(left=1, right=2)
    assert before.total == 3
    replaced(before, {"left": 5})
    assert (before.left, before.total) == (1, 3)


def test_a_property_is_computed_once_and_again_only_for_its_own_fields() -> None:
    one = Sum(left=1, right=2, name="a")
    assert (one.total, one.total, ASKED) == (3, 3, ["a"])
    renamed = replaced(one, {"name": "b"})
    assert (renamed.total, ASKED) == (3, ["a"])
    assert (renamed.shout, ASKED) == ("B", ["a", "b"])
    other = replaced(renamed, {"right": 3})
    assert (other.shout, other.total, ASKED) == ("B", 4, ["a", "b", "b"])


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Sum has no such field"):
        replaced(Sum(left=1, right=2), {"middle": 3})


def test_what_is_derived_is_no_field() -> None:
    one = Sum(left=1, right=2)
    assert one.total == 3
    with pytest.raises(TypeError, match="Sum has no such field"):
        replaced(one, {"total": 9})


def _pickled(one: Sum) -> Sum:
    twin: Sum = pickle.loads(pickle.dumps(one))  # noqa: S301 -- our own
    return twin


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, _pickled])
@pytest.mark.parametrize("asked", [False, True])
def test_copies_are_equal_and_derive_the_same(copied: Callable[[Sum], Sum], asked: bool) -> None:
    one = Sum(left=1, right=2, name="a")
    assert not asked or one.total == 3
    twin = copied(one)
    assert (twin, twin.total, twin.shout) == (one, 3, "A")


def test_what_is_derived_does_not_make_values_unequal() -> None:
    one, twin = Sum(left=1, right=2), Sum(left=1, right=2)
    assert one.total == 3
    assert (one, hash(one), repr(one)) == (twin, hash(twin), repr(twin))


def test_nothing_is_set_from_outside() -> None:
    one = Sum(left=1, right=2)
    for name in ("left", "total", "middle"):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(one, name, 7)


def test_a_property_has_the_words_of_its_function() -> None:
    assert Sum.total.__doc__ == "Both together."
