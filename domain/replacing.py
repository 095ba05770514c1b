"""Changing a field or two of a large value: all else is taken over as it is, and so is what was worked out from it.

Each movement of money changes values of twenty fields several times; ``attrs.evolve`` reads, converts and sets every one of them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Self, TypeVar, overload

_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")

_DERIVED: Final[dict[type, dict[str, frozenset[str]]]] = {}
"""By class, what its values may carry beside their fields, and the fields that it comes from."""


class Derived(Generic[_Owner, _Value]):
    """A property that is worked out once and kept with the value. Two threads may both work it out, so it is a pure function."""

    def __init__(self, work_out: Callable[[_Owner], _Value], fields: frozenset[str]) -> None:
        self._work_out = work_out
        self._fields = fields
        self.__doc__ = work_out.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        _DERIVED.setdefault(owner, {})[name] = self._fields

    @overload
    def __get__(self, value: None, _: type) -> Self: ...
    @overload
    def __get__(self, value: _Owner, _: type) -> _Value: ...
    def __get__(self, value: _Owner | None, _: type) -> _Value | Self:
        if value is None:
            return self  # asked of the class, by those who document it
        found = value.__dict__[self._name] = self._work_out(value)  # from now on it is found there first
        return found


def derived(*fields: str) -> Callable[[Callable[[_Owner], _Value]], Derived[_Owner, _Value]]:
    """Work a property out once from some fields of a value that has no slots: ``@derived("seen")``."""
    return lambda work_out: Derived(work_out, frozenset(fields))


def changed(value: _Value, **changes: object) -> _Value:
    """The same value with something else in some fields, which is neither converted nor checked; for values without slots or bases.

    ``TypeError`` for what is no field.
    """
    new = object.__new__(value.__class__)
    state = new.__dict__
    state.update(value.__dict__)
    for name, fields in _DERIVED.get(value.__class__, {}).items():
        if name in state and (name in changes or not fields.isdisjoint(changes)):
            del state[name]
    known = len(state)
    state.update(changes)
    if len(state) != known:
        raise TypeError(f"{value.__class__.__name__} has no such field")
    return new
