"""A mapping inside of a value: never changed, and copied, compared and pickled like the value that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

_Value = TypeVar("_Value")


class FrozenMapping(dict[str, _Value]):
    """A dictionary that refuses to be changed.

    >>> from copy import deepcopy
    >>> deepcopy(FixedMapping({"a": 1}))
    {'a': 1}
    >>> FixedMapping({"a": 1})["a"] = 2
    Traceback (most recent call last):
    TypeError: it is fixed
    """

    __slots__ = ()

    def _refuse(self, *_given: Any, **_named: Any) -> NoReturn:
        raise TypeError("it is fixed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType] -- they never give anything

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (dict(self),)


def frozen(values: Mapping[str, str]) -> Mapping[str, str]:
    """A copy that nobody changes; what nobody can change is its own."""
    return values if values.__class__ is FrozenMapping else FrozenMapping(values)
