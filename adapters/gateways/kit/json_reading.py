"""Reading JSON that comes from outside: total functions, for which a value of the wrong type is absent.

A duplicate key has no value, even if both are equal: money must not depend on which of the two a reader takes. At the top of a document
it makes the document unreadable. Further down the key stays, with a value of no type that any reader accepts, so that an object cannot be
read where it matters and does no harm where nobody looks (recorded answers of Stripe double ``object`` inside a charge).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeAlias, cast

from payports.domain.money import CURRENCIES, MAX_MINOR, Money

JsonObject: TypeAlias = dict[str, Any]

MAX_TEXT: Final = 500

DOUBLED: Final = ("this key is doubled",)
"""Stands for the value of a doubled key: a tuple, which JSON never gives and which can still be written as JSON."""


def read_object(body: bytes | str) -> JsonObject | None:
    """Read a JSON object, or nothing: NaN, doubled keys, text that is not UTF-8 and bottomless nesting are no JSON here.

    >>> read_object(b'{"a": 1}')
    {'a': 1}
    >>> read_object(b'{"a": 1, "a": 1}') is None
    True
    >>> integer(nested(read_object(b'{"inner": {"a": 1, "a": 1}}'), "inner"), "a") is None
    True
    """
    try:
        source = body.decode() if isinstance(body, bytes) else body  # json would guess at UTF-16 and UTF-32
        document: object = json.loads(source, parse_constant=_refuse_constant, object_pairs_hook=_single_values)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    found = cast("JsonObject", document)
    return None if any(value is DOUBLED for value in found.values()) else found


def nested(parent: JsonObject, name: str) -> JsonObject:
    """An object in an object, or an empty one."""
    found = parent.get(name)
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def nested_list(parent: JsonObject, name: str) -> list[JsonObject]:
    """A list of objects in an object; an item that is no object is an empty one."""
    found = parent.get(name)
    items = cast("Sequence[Any]", found if isinstance(found, list) else ())
    return [cast("JsonObject", item) if isinstance(item, dict) else {} for item in items]


def text(parent: JsonObject, name: str, limit: int = MAX_TEXT) -> str:
    """A printable text of bounded length, or an empty one."""
    found = parent.get(name)
    return found if isinstance(found, str) and len(found) <= limit and found.isprintable() else ""


def integer(parent: JsonObject, name: str) -> int | None:
    """A whole number (no float, no boolean), or nothing."""
    found = parent.get(name)
    return found if type(found) is int else None


def money(parent: JsonObject, minor: str = "amount_minor", currency: str = "currency") -> Money | None:
    """An amount from two fields, minor units and an exact currency code, or nothing."""
    units, code = integer(parent, minor), text(parent, currency)
    if units is None or not 0 <= units <= MAX_MINOR or code not in CURRENCIES:
        return None
    return Money(units, CURRENCIES[code])


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON")


def _single_values(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    times = Counter(name for name, _ in pairs)
    return {name: value if times[name] == 1 else DOUBLED for name, value in found.items()}
