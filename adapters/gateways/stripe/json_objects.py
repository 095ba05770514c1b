"""Reading Stripe's JSON: what is told in two ways, or as something that it cannot be, is not the same as what is not told.

Stripe's answers may have doubled keys where nobody looks. One that is looked at spoils the object that it stands in.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, cast

from payports.adapters.gateways.kit.http_results import Answer, Sent
from payports.adapters.gateways.kit.json_reading import JsonObject
from payports.adapters.gateways.stripe.form import Call, is_id


class _Doubtful:
    """Stands for a key that is told twice, differently: there, but of no type that anybody asks for."""


_DOUBTFUL: Final = _Doubtful()


def read_body(body: bytes) -> JsonObject:
    """Read a JSON object; an empty one if it is none.

    >>> read_body(b'{"a": 1, "b": 2, "b": 2}'), read_body(b"[]")
    ({'a': 1, 'b': 2}, {})
    >>> "a" in read_body(b'{"a": 1, "a": true}')
    True
    """
    try:
        found: object = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_clear)
    except (ValueError, RecursionError):
        return {}
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def body_of(sent: Sent) -> JsonObject:
    """What a good answer tells; an empty table for all others."""
    return read_body(sent.body) if isinstance(sent, Answer) and sent.status == 200 else {}


def id_of(value: object) -> str:
    """The id that a field names, by itself or expanded; nothing if it is none.

    >>> id_of("ch_1"), id_of({"id": "ch_1", "amount": 1}), id_of("../ch_1"), id_of(None)
    ('ch_1', 'ch_1', '', '')
    """
    found: object = cast("JsonObject", value).get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and is_id(found) else ""


def own_id(told: JsonObject) -> str:
    """The id of an object itself, which is never an object."""
    found = told.get("id")
    return found if isinstance(found, str) and is_id(found) else ""


def named(told: JsonObject, name: str) -> str | None:
    """The id that a field names, an empty one if it names nobody; ``None`` if it cannot be read."""
    return "" if told.get(name) is None else id_of(told[name]) or None


def metadata_of(told: JsonObject) -> dict[str, str] | None:
    """The metadata of an object; ``None`` if it cannot be read."""
    found: Any = told.get("metadata")
    if found is None:
        return {}
    if not isinstance(found, dict):
        return None
    entries = cast("JsonObject", found)
    return entries if all(isinstance(value, str) for value in entries.values()) else None


def is_list(told: JsonObject, call: Call) -> bool:
    """Tell whether an answer is the list that was asked for."""
    kind = "search_result" if call.path.endswith("/search") else "list"
    return told.get("object") == kind and told.get("url", call.path) == call.path and isinstance(told.get("data"), list)


def _clear(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubtful = {name for name, value in pairs if type(value) is not type(found[name]) or value != found[name]}
    return {name: _DOUBTFUL if name in doubtful else value for name, value in found.items()}


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON")
