"""Replace a few fields of a large value: the other fields are copied as they are, and so is what was derived from them alone.

Each movement of money replaces fields of values with twenty fields several times; ``attrs.evolve`` reads, converts and sets every field
again. A class offers this as a method ``evolve`` whose keywords are typed by a ``TypedDict`` of what may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, Self, TypeVar, overload

_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")

_DERIVED: Final[dict[type, dict[str, frozenset[str]]]] = {}
"""By class: its derived properties, each with the fields that it depends on."""


class Derived(Generic[_Owner, _Value]):
    """A property that is computed once and kept with the value. It must be pure: two threads may both compute it."""

    def __init__(self, compute: Callable[[_Owner], _Value], fields: frozenset[str]) -> None:
        self._compute = compute
        self._fields = fields
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        _DERIVED.setdefault(owner, {})[name] = self._fields

    @overload
    def __get__(self, value: None, _: type) -> Self: ...
    @overload
    def __get__(self, value: _Owner, _: type) -> _Value: ...
    def __get__(self, value: _Owner | None, _: type) -> _Value | Self:
        if value is None:
            return self  # asked of the class, by documentation tools
        computed = value.__dict__[self._name] = self._compute(value)  # from now on it is found there first
        return computed


def derived(*fields: str) -> Callable[[Callable[[_Owner], _Value]], Derived[_Owner, _Value]]:
    """Compute a property once from some fields of a value that has no slots: ``@derived("seen")``."""
    return lambda compute: Derived(compute, frozenset(fields))


def replaced(value: _Value, changes: Mapping[str, object]) -> _Value:
    """Copy a value with some fields replaced, neither converted nor checked here; for classes without slots and bases.

    Raises ``TypeError`` for a name that is no field.
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
