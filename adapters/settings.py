"""Reading options from the configuration strictly: exact types, unknown keys refused, errors name the key and never the value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, StrEnum
from functools import cache
from typing import Any, Final, TypeVar

from cattrs import BaseValidationError, Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError

from payports.domain.secret import Secret
from payports.ports.adapter import ConfigurationError as ConfigurationError

_Settings = TypeVar("_Settings")


def read_options(kind: type[_Settings], options: Mapping[str, object], where: str) -> _Settings:
    """Structure a table of the configuration into an attrs class; ``where`` is its path, such as ``gateways.card``.

    Durations are written like ``"90s"``, ``"15m"``, ``"2h"`` or ``"7d"``. Raises ``ConfigurationError``.
    """
    try:
        return _converter().structure(dict(options), kind)
    except BaseValidationError as error:
        reason, _, key = transform_error(error, where, _reason)[0].rpartition(" @ ")
    raise ConfigurationError(key, reason)  # outside the except: the cause may hold the value


class Wrong(ValueError):
    """A value that its hook refuses; the text says why without showing the value."""


def _reason(error: BaseException, wanted: type | None) -> str:
    if isinstance(error, Wrong):
        return str(error)
    if isinstance(error, ForbiddenExtraKeysError):
        return f"unknown key {min(error.extra_fields)!r}"
    if isinstance(error, KeyError):
        return "is missing"
    return f"must be {getattr(wanted, '__name__', 'of another type')}" if wanted else "is not acceptable"


_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def _duration(value: object, _: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong('must be a duration such as "90s", "15m", "2h" or "7d"')
    return int(found[1]) * _UNITS[found[2]]


def _secret(value: object, _: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise Wrong("must be a text or a reference to one")


def _member(value: object, kind: type[Enum]) -> Enum:
    for member in kind:
        if value == member.value and type(value) is type(str(member.value)):
            return member
    raise Wrong(f"must be one of {', '.join(str(member.value) for member in kind)}")


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kind, name in ((str, "a text"), (int, "a whole number"), (bool, "true or false")):
        converter.register_structure_hook(kind, _exactly(kind, name))
    converter.register_structure_hook(timedelta, _duration)
    converter.register_structure_hook(Secret, _secret)
    for members in (Enum, StrEnum):  # both by class: a StrEnum is a str as well, and the nearer class wins
        converter.register_structure_hook(members, _member)
    return converter


def _exactly(kind: type, name: str) -> Any:
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise Wrong(f"must be {name}")
        return value

    return structure
