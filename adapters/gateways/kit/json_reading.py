"""Reading JSON that comes from outside: total functions, for which what does not fit is absent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeAlias, cast

from payports.domain.money import CURRENCIES, MAX_MINOR, Money

Table: TypeAlias = dict[str, Any]

MAX_TEXT: Final = 500


def read_table(body: bytes | str) -> Table | None:
    """Read a JSON object, or nothing: NaN, doubled keys, what is not UTF-8 and bottomless nesting are no JSON here.

    >>> read_table(b'{"a": 1}')
    {'a': 1}
    >>> read_table(b'{"a": 1, "a": 2}') is None
    True
    """
    try:
        written = body.decode() if isinstance(body, bytes) else body  # json would guess at UTF-16 and UTF-32
        found: object = json.loads(written, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return cast("Table", found) if isinstance(found, dict) else None


def table(parent: Table, name: str) -> Table:
    """An object in an object, or an empty one."""
    found = parent.get(name)
    return cast("Table", found) if isinstance(found, dict) else {}


def tables(parent: Table, name: str) -> list[Table]:
    """A list of objects in an object; an item that is none is an empty one."""
    found = parent.get(name)
    items = cast("Sequence[Any]", found if isinstance(found, list) else ())
    return [cast("Table", one) if isinstance(one, dict) else {} for one in items]


def text(parent: Table, name: str, limit: int = MAX_TEXT) -> str:
    """A printable text of bounded length, or an empty one."""
    found = parent.get(name)
    return found if isinstance(found, str) and len(found) <= limit and found.isprintable() else ""


def whole(parent: Table, name: str) -> int | None:
    """A whole number (no float, no boolean), or nothing."""
    found = parent.get(name)
    return found if type(found) is int else None


def money(parent: Table, minor: str = "amount_minor", currency: str = "currency") -> Money | None:
    """An amount from two fields, minor units and an exact currency code, or nothing."""
    units, code = whole(parent, minor), text(parent, currency)
    if units is None or not 0 <= units <= MAX_MINOR or code not in CURRENCIES:
        return None
    return Money(units, CURRENCIES[code])


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON")


def _once(pairs: list[tuple[str, Any]]) -> Table:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is doubled")
    return found
