"""Strict reading of options from the configuration: exact types, unknown keys refused, errors name the key and never the value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from functools import cache
from types import GenericAlias
from typing import Any, Final, TypeVar, get_args, get_origin

from cattrs import BaseValidationError, Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError

from payports.domain.secret import Secret
from payports.ports.adapter import ConfigurationError as ConfigurationError

_Settings = TypeVar("_Settings")


def read_options(kind: type[_Settings], options: Mapping[str, object], where: str) -> _Settings:
    """Read a table of the configuration into an attrs class; ``where`` is its path, such as ``gateways.card``.

    Durations are texts such as ``"90s"``, ``"15m"``, ``"2h"`` or ``"7d"``. Raises ``ConfigurationError``.
    """
    try:
        return _converter().structure(dict(options), kind)
    except BaseValidationError as error:
        reason, _, key = transform_error(error, where, _reason)[0].rpartition(" @ ")
    raise ConfigurationError(key, reason)  # outside the except: the cause may hold the value


class InvalidOption(ValueError):
    """A value that its hook refuses; the message says why without the value."""


def _reason(error: BaseException, expected: type | None) -> str:
    if isinstance(error, InvalidOption):
        return str(error)
    if isinstance(error, ForbiddenExtraKeysError):
        return f"unknown key {min(map(str, error.extra_fields))!r}"
    if isinstance(error, KeyError):
        return "is missing"
    return f"must be {getattr(expected, '__name__', 'of another type')}" if expected else "is not acceptable"


LONGEST: Final = timedelta(days=3_650)
"""Ten years, so that no date computed with a duration exceeds the calendar."""

_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def _duration(value: object, _: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidOption('must be a duration such as "90s", "15m", "2h" or "7d"')
    duration = int(match[1]) * _UNITS[match[2]]
    if duration > LONGEST:
        raise InvalidOption("must not be longer than ten years")
    return duration


def _date_and_time(value: object, _: object) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidOption("must be a date and time with its offset, such as 2026-12-31T00:00:00Z")
    return value


def _secret(value: object, _: object) -> Secret:
    secret = Secret(value) if isinstance(value, str) else value
    if not isinstance(secret, Secret):
        raise InvalidOption("must be a text or a reference to one")
    if not secret.is_text:
        raise InvalidOption("must be text in UTF-8")
    return secret


def _member(value: object, kind: type[Enum]) -> Enum:
    for member in kind:
        if value == member.value and type(value) is type(str(member.value)):
            return member
    raise InvalidOption(f"must be one of {', '.join(str(member.value) for member in kind)}")


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook_func(_is_tuple, lambda value, kind: _tuple(converter, value, kind))
    converter.register_structure_hook_func(_is_dict, lambda value, kind: _dict(converter, value, kind))
    for kind, name in ((str, "a text"), (int, "a whole number"), (bool, "true or false")):
        converter.register_structure_hook(kind, _exactly(kind, name))
    converter.register_structure_hook(timedelta, _duration)
    converter.register_structure_hook(datetime, _date_and_time)
    converter.register_structure_hook(Secret, _secret)
    for members in (Enum, StrEnum):  # both by class: a StrEnum is a str as well, and the nearer class wins
        converter.register_structure_hook(members, _member)
    return converter


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_dict(kind: Any) -> bool:
    return get_origin(kind) is dict


def _tuple(converter: Converter, value: object, kind: Any) -> tuple[object, ...]:
    """Read a list. A text is no list, although it could be iterated letter by letter."""
    if type(value) not in (list, tuple):
        raise InvalidOption("must be a list")
    items: Any = GenericAlias(list, get_args(kind)[:1])
    return tuple(converter.structure(value, items))


def _dict(converter: Converter, value: object, kind: Any) -> object:
    if not isinstance(value, Mapping):
        raise InvalidOption("must be a table")
    table: Any = GenericAlias(Mapping, get_args(kind))
    return converter.structure(value, table)


def _exactly(kind: type, name: str) -> Any:
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise InvalidOption(f"must be {name}")
        return value

    return structure
