"""The JSON documents in which rows keep what has no column, and the checks of the texts and times that may be stored.

A new field of the domain goes into the document automatically. A field unknown to this version is refused, never dropped. No other module
of a store reveals a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from payports.domain.money import Money
from payports.domain.observation import NextAction, Observation
from payports.domain.payment import Payment, Restriction
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod
from payports.domain.secret import Secret
from payports.domain.transaction import Transaction
from payports.ports.store import StoreFailed, is_text

Column: TypeAlias = str | int | None
Row: TypeAlias = tuple[Column, ...]

_Value = TypeVar("_Value")
_Parameters = ParamSpec("_Parameters")

COLUMN_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    Payment: (
        *("id", "owner", "amount", "gateway", "created_at", "type", "customer", "archived"),
        *("transactions", "version"),
    ),
    Transaction: ("id", "type", "requested", "created_at", "parent_id", "key", "source", "reversal", "due_at"),
    SavedMethod: ("id", "customer", "gateway", "created_at", "type", "name", "status", "version"),
}
"""The fields that a document leaves out because they have columns, or rows of their own."""


def require_storable(row: Row) -> Row:
    """Give the row back. Raise ``StoreFailed`` if it contains NUL or a lone surrogate, which not every store can keep."""
    if not is_text("".join([column for column in row if isinstance(column, str)])):
        raise StoreFailed("a text contains characters that cannot be stored: NUL or a lone surrogate")
    return row


def require_storable_merchant(merchant: str) -> str:
    """Give the merchant's name back. Raise ``StoreFailed`` if not every store can keep it."""
    if not is_text(merchant):
        raise StoreFailed("the name of the merchant contains characters that cannot be stored")
    return merchant


def utc_text(at: datetime) -> str:
    """Write a time as UTC text with microseconds, so that texts sort as times do."""
    if at.tzinfo is None:
        raise StoreFailed("a time has no time zone")
    return _iso_text(at if at.tzinfo is UTC else at.astimezone(UTC))


@lru_cache(maxsize=64)  # the same time goes into many columns
def _iso_text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: object) -> str:
    """Write the document of a value: its fields without columns, except those with default values."""
    return _encoded(_converter().unstructure(value))


def texts_to_json(texts: Mapping[str, str]) -> str:
    """Write the document of a mapping of texts."""
    return _encoded(dict(texts))


def _encoded(plain: object) -> str:
    try:
        document = _encode(plain)
    except ValueError:
        raise StoreFailed("a number is too long to store") from None
    if "\\u0000" in document and _NUL.search(document):
        raise StoreFailed("a text contains characters that cannot be stored: NUL")
    return document


def from_json(document: str, kind: type[_Value], columns: Mapping[str, object] | None = None) -> _Value:
    """Read a value from its document and its columns."""
    try:
        return _converter().structure(json.loads(document) | (columns or {}), kind)
    except (ValueError, TypeError, KeyError, ForbiddenExtraKeysError):
        raise StoreFailed(f"a {kind.__name__} cannot be read: damaged, or written by a newer version") from None


def damage_as_store_failed(read: Callable[_Parameters, _Value]) -> Callable[_Parameters, _Value]:
    """Let a row reader raise ``StoreFailed`` for an unreadable column, as ``from_json`` does for an unreadable document."""

    @wraps(read)
    def wrapper(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        try:
            return read(*args, **kwargs)
        except (ValueError, TypeError):
            raise StoreFailed("a row cannot be read: damaged, or written by a newer version") from None

    return wrapper


def _as_is(value: Any, _: object) -> Any:
    return value


def _reveal(secrets: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in secrets.items()}


def _pairs(values: list[list[str]], _: object) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, values))


_SECRETS: Final = override(unstruct_hook=_reveal, struct_hook=_as_is)
_TEXTS: Final = override(unstruct_hook=dict[str, str], struct_hook=_as_is)
_PAIRS: Final = override(unstruct_hook=list, struct_hook=_pairs)
_RESTRICTIONS: Final = override(unstruct_hook=sorted, struct_hook=lambda names, _: frozenset(map(Restriction, names)))


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=False, omit_if_default=True)
    converter.register_unstructure_hook(Money, lambda money: {"minor": money.minor, "currency": money.currency.code})
    converter.register_structure_hook(Money, lambda money, _: Money(money["minor"], money["currency"]))
    _register(converter, PaymentMethod, properties=_SECRETS, display=_TEXTS)
    _register(converter, NextAction, fields=_PAIRS)
    _register(converter, Observation, attributes=_PAIRS)
    _register(converter, Transaction)
    _register(converter, Payment, pass_through=_TEXTS, restrictions=_RESTRICTIONS)
    _register(converter, SavedMethod)
    return converter


def _register(converter: Converter, kind: type[attrs.AttrsInstance], **special: object) -> None:
    columns = COLUMN_FIELDS.get(kind, ())
    # Any: the overrides share the keyword arguments with the options of cattrs
    unstructure: dict[str, Any] = special | dict.fromkeys(columns, override(omit=True))
    structure: dict[str, Any] = special | dict.fromkeys(columns, override(struct_hook=_as_is))
    converter.register_unstructure_hook(
        kind, make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **unstructure)
    )
    converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **structure))
