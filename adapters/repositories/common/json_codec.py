"""The part of a value that is kept as one JSON document, and which texts and times may be kept at all.

A field that the domain gains goes into the document by itself; one that this version does not know is refused, never dropped. This is
the only place of a store that reveals a secret.
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
_Parts = ParamSpec("_Parts")

IN_COLUMNS: Final[Mapping[type, tuple[str, ...]]] = {
    Payment: (
        *("id", "owner", "amount", "gateway", "created_at", "type", "customer", "archived"),
        *("transactions", "version"),
    ),
    Transaction: ("id", "type", "requested", "created_at", "parent_id", "key", "source", "reversal", "due_at"),
    SavedMethod: ("id", "customer", "gateway", "created_at", "type", "name", "status", "version"),
}
"""The fields that a document leaves out, because the row has columns for them (or they have rows of their own)."""


def storable(row: Row) -> Row:
    """Give a row back if every store can keep its texts: NUL and lone surrogates are refused."""
    if not is_text("".join([column for column in row if isinstance(column, str)])):
        raise StoreFailed("a text holds characters that cannot be kept: NUL or a lone surrogate")
    return row


def storable_merchant(merchant: str) -> str:
    """Give the name of a merchant back if every store can keep it."""
    if not is_text(merchant):
        raise StoreFailed("the name of the merchant holds characters that cannot be kept")
    return merchant


def instant(at: datetime) -> str:
    """A time as text: UTC with microseconds, so that texts sort as times do."""
    if at.tzinfo is None:
        raise StoreFailed("a time has no time zone")
    return _written_out(at if at.tzinfo is UTC else at.astimezone(UTC))


@lru_cache(maxsize=64)  # one moment goes into many columns
def _written_out(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: object) -> str:
    """The document of a value: what its columns do not hold, but for what is as it is by default."""
    return _written(_converter().unstructure(value))


def texts_to_json(texts: Mapping[str, str]) -> str:
    """The document of names and texts."""
    return _written(dict(texts))


def _written(plain: object) -> str:
    try:
        document = _encode(plain)
    except ValueError:
        raise StoreFailed("a number is too long to be kept") from None
    if "\\u0000" in document and _NUL.search(document):
        raise StoreFailed("a text holds characters that cannot be kept: NUL")
    return document


def from_json(document: str, kind: type[_Value], columns: Mapping[str, object] | None = None) -> _Value:
    """A value from its document and its columns."""
    try:
        return _converter().structure(json.loads(document) | (columns or {}), kind)
    except (ValueError, TypeError, KeyError, ForbiddenExtraKeysError):
        raise StoreFailed(f"a {kind.__name__} cannot be read: damaged, or written by a newer version") from None


def legible(read: Callable[_Parts, _Value]) -> Callable[_Parts, _Value]:
    """Make a reader of rows tell of a column that holds what it never wrote as of a damaged document."""

    @wraps(read)
    def reading(*args: _Parts.args, **kwargs: _Parts.kwargs) -> _Value:
        try:
            return read(*args, **kwargs)
        except (ValueError, TypeError):
            raise StoreFailed("a row cannot be read: damaged, or written by a newer version") from None

    return reading


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
    columns = IN_COLUMNS.get(kind, ())
    # Any: their overrides share the keyword arguments with cattrs' own options
    written: dict[str, Any] = special | dict.fromkeys(columns, override(omit=True))
    read: dict[str, Any] = special | dict.fromkeys(columns, override(struct_hook=_as_is))
    converter.register_unstructure_hook(
        kind, make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **written)
    )
    converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **read))
