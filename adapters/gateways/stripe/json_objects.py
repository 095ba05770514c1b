"""Fields that Stripe's objects share: ids, metadata and lists. A field that cannot be read is not the same as one that is not there."""

from __future__ import annotations

from typing import Any, cast

from payports.adapters.gateways.kit.http_results import Answer, SendResult
from payports.adapters.gateways.kit.json_reading import JsonObject, nested_list, read_object
from payports.adapters.gateways.kit.paging import Page
from payports.adapters.gateways.stripe.form import Call, is_id


def payload_of(sent: SendResult) -> JsonObject:
    """The object of a good answer; an empty one for all others."""
    return read_payload(sent) if isinstance(sent, Answer) and sent.status == 200 else {}


def read_payload(answer: Answer) -> JsonObject:
    """The object that an answer holds, whatever its status; an empty one if it is none."""
    return read_object(answer.body) or {}


def id_of(value: object) -> str:
    """The id in a field, by itself or of an expanded object; empty if there is none.

    >>> id_of("ch_1"), id_of({"id": "ch_1", "amount": 1}), id_of("../ch_1"), id_of(None)
    ('ch_1', 'ch_1', '', '')
    """
    found: object = cast("JsonObject", value).get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and is_id(found) else ""


def own_id(payload: JsonObject) -> str:
    """The id of an object itself, which is never expanded."""
    found = payload.get("id")
    return found if isinstance(found, str) and is_id(found) else ""


def reference_of(payload: JsonObject, name: str) -> str | None:
    """The id in a field that refers to another object, empty if the field is; ``None`` if it cannot be read."""
    return "" if payload.get(name) is None else id_of(payload[name]) or None


def metadata_of(payload: JsonObject) -> dict[str, str] | None:
    """The metadata of an object; ``None`` if it cannot be read."""
    found: Any = payload.get("metadata")
    if found is None:
        return {}
    if not isinstance(found, dict):
        return None
    entries = cast("JsonObject", found)
    return entries if all(isinstance(value, str) for value in entries.values()) else None


def read_page(sent: SendResult, call: Call) -> Page | None:
    """Read a page of the list that a call asks for; nothing if the answer is no such list."""
    payload = payload_of(sent)
    if not is_list(payload, call):
        return None
    items = nested_list(payload, "data")
    return Page(items=tuple(items), last=payload.get("has_more") is False, after=own_id(items[-1]) if items else "")


def is_list(payload: JsonObject, call: Call) -> bool:
    """Tell whether an answer is the list that was asked for."""
    kind = "search_result" if call.path.endswith("/search") else "list"
    return (
        payload.get("object") == kind
        and payload.get("url", call.path) == call.path
        and isinstance(payload.get("data"), list)
    )
