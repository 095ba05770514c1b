"""Requests to Stripe as data: method, path and a form with brackets. Every part of a path is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import attrs

_ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_KEY: Final = re.compile(r"[!-~]{1,255}")


@attrs.frozen
class Call:
    """One request: ``form`` nests as Stripe's brackets do, ``key`` is the idempotency key of a POST."""

    method: str
    path: str
    form: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    key: str = ""

    @property
    def encoded(self) -> str:
        """The form with brackets, for a body or a query."""
        return urlencode(list(_flat(self.form)))


@attrs.frozen
class Unsendable:
    """Why a request cannot be sent to Stripe; nothing was sent. Safe to log."""

    reason: str


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _flat(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] -- each item is checked next
        for index, inner in enumerate(items):
            yield from _flat(inner, f"{name}[{index if isinstance(inner, Mapping) else ''}]")
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def is_id(reference: str) -> bool:
    """Tell whether a text can be an id of Stripe's: it has no character with a meaning in a URL."""
    return _ID.fullmatch(reference) is not None


def is_key(transaction_id: str) -> bool:
    """Tell whether an id of ours can be an idempotency key and stand in metadata."""
    return _KEY.fullmatch(transaction_id) is not None


def path(*parts: str) -> str:
    """Build a path, every part escaped; dots twice, because HTTP libraries undo the first escape and then walk.

    >>> path("refunds", "re_1"), path("refunds", "..")
    ('/v1/refunds/re_1', '/v1/refunds/%252E%252E')
    """
    return "/v1/" + "/".join(quote(part, safe="", errors="replace").replace(".", "%252E") for part in parts)


def checked(call: Call) -> Call | Unsendable:
    """Refuse a text that cannot be encoded: half of a surrogate pair."""
    try:
        call.encoded.encode()
    except UnicodeEncodeError:
        return Unsendable("a text is no Unicode")
    return call
