"""Secret references: a configuration names the environment variable or the file that holds a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from payports.adapters.configuration.settings import Table
from payports.adapters.option_reading import ConfigurationError
from payports.domain.secret import Secret


def resolve_secrets(table: Table, where: str) -> dict[str, object]:
    """Resolve every value of a table."""
    return {key: resolve_secret(value, f"{where}.{key}") for key, value in table.items()}


def resolve_secret(value: object, where: str) -> object:
    """Resolve a reference, ``{ env = "NAME" }`` or ``{ file = "path" }``, to its secret; return every other value as it is."""
    if not isinstance(value, Mapping):
        return value
    reference = cast("Mapping[str, object]", value)
    if set(reference) not in ({"env"}, {"file"}):
        return reference
    ((kind, name),) = reference.items()
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}.{kind}", "must be a text")
    return _environment(name, where) if kind == "env" else _file(name, where)


_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)
"""An error shows only what looks like the name of a variable; anything else may be the secret itself."""


def _environment(name: str, where: str) -> Secret:
    value = os.environ.get(name) if "\0" not in name else None
    if value is None:
        shown = f" {name}" if _VARIABLE.fullmatch(name) else ""
        raise ConfigurationError(where, f"the environment variable{shown} is not set")
    return Secret(value)


def _file(name: str, where: str) -> Secret:
    try:
        return Secret(Path(name).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        reason = f"the file cannot be read: {type(error).__name__}"
    raise ConfigurationError(where, reason)
