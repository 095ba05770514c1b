"""Stripe's own contract as a judge of requests: a form with brackets is decoded, coerced by its schema and validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

from payports.adapters.gateways.stripe.form import Call
from tests.adapters.gateways.stripe.stubs import SPECS

JsonObject = dict[str, Any]


@cache
def spec() -> JsonObject:
    return cast("JsonObject", json.loads((SPECS / "stripe" / "spec3-2023-09-12.json").read_text()))


def problems(call: Call) -> list[str]:
    """What the contract objects to in a request."""
    template = _template(call)
    operation = spec()["paths"][template][call.method.lower()]
    if call.method == "GET":
        return _query_problems(operation, call)
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    told = coerced(decoded(call.encoded), schema)
    validator = Draft202012Validator({**schema})  # request bodies hold no references
    errors: list[Any] = list(validator.iter_errors(told))  # pyright: ignore[reportUnknownMemberType]
    return [str(error.message) for error in errors]


def _template(call: Call) -> str:
    parts = urlsplit(call.path).path.split("/")
    for template, methods in spec()["paths"].items():
        pieces = template.split("/")
        fits = len(pieces) == len(parts) and all(
            a == b or a.startswith("{") for a, b in zip(pieces, parts, strict=True)
        )
        if fits and call.method.lower() in methods and not ("search" in parts and "search" not in pieces):
            return str(template)
    raise AssertionError(f"the contract has no {call.method} {call.path}")


def _query_problems(operation: JsonObject, call: Call) -> list[str]:
    known = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    return [f"unknown parameter {name}" for name in decoded(call.encoded) if name not in known]


def decoded(form: str) -> JsonObject:
    """Decode brackets: ``a[b]=1&c[]=2`` is ``{"a": {"b": "1"}, "c": ["2"]}``."""
    found: JsonObject = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        names = name.replace("]", "").split("[")
        place = found
        for part in names[:-1]:
            place = place.setdefault(part, {})
        place[names[-1] or str(len(place))] = value
    return cast("JsonObject", _listed(found))


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in cast("JsonObject", value).items()}
    return list(inner.values()) if inner and all(name.isdigit() for name in inner) else inner


def coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    """Give texts the types that the schema wants, where that can be done exactly."""
    branches: list[JsonObject] = schema.get("anyOf", [dict(schema)])
    if isinstance(value, dict):
        shape = _branch(branches, "object")
        usual: JsonObject = shape.get("additionalProperties") or {}
        inner: JsonObject = shape.get("properties", {})
        return {name: coerced(one, inner.get(name, usual)) for name, one in cast("JsonObject", value).items()}
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [coerced(one, _branch(branches, "array").get("items", {})) for one in items]
    kinds = {one.get("type") for one in branches}
    if "integer" in kinds and str(value).isdigit():
        return int(value)
    return value == "true" if "boolean" in kinds and value in ("true", "false") else value


def _branch(branches: list[JsonObject], kind: str) -> JsonObject:
    nothing: JsonObject = {}
    return next((one for one in branches if one.get("type") == kind), nothing)
