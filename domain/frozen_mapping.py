"""An immutable mapping for fields of values; it can be copied, compared and pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

_Value = TypeVar("_Value")


class FrozenMapping(dict[str, _Value]):
    """A dictionary that refuses to be changed.

    >>> from copy import deepcopy
    >>> deepcopy(FrozenMapping({"a": 1}))
    {'a': 1}
    >>> FrozenMapping({"a": 1})["a"] = 2
    Traceback (most recent call last):
    TypeError: a FrozenMapping cannot be changed
    """

    __slots__ = ()

    def _refuse(self, *_given: Any, **_named: Any) -> NoReturn:
        raise TypeError("a FrozenMapping cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType] -- they never return

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (dict(self),)


def frozen(values: Mapping[str, str]) -> Mapping[str, str]:
    """Copy a mapping into a ``FrozenMapping``; return a ``FrozenMapping`` as it is."""
    return values if values.__class__ is FrozenMapping else FrozenMapping(values)
