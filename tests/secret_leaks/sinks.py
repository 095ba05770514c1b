"""Every form in which a value, an exception, a log or a file may be seen, as text."""

from __future__ import annotations

import json
import logging
import pickle
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import attrs
from cattrs import Converter
from returns.result import Failure, Success

from tests.secret_leaks.canaries import KEPT, PASSED_THROUGH, PERSONAL, SECRETS, found_in

TESTS: Final = str(Path(__file__).resolve().parents[1])


def forms(given: object) -> Iterator[tuple[str, str]]:
    """Yield a value as each of the usual tools writes it; if a tool refuses it, yield that exception."""
    thing = inside(given)
    yield "repr of an outcome", repr(given)
    yield "repr", repr(thing)
    yield "str", str(thing)
    yield "format", f"{thing} {thing!r:>5} {thing!s}"
    yield "%", "%s %r" % (thing, thing)  # noqa: UP031 -- logging does it so
    yield "log", logging.LogRecord("a", 10, "b", 1, "%s", (thing,), None).getMessage()
    for name, tool in TOOLS.items():
        try:
            yield name, tool(thing)
        except Exception as refused:  # noqa: BLE001 -- whatever it is, it is what is looked at
            yield f"refusal of {name}", exception_text(refused)
    if isinstance(thing, BaseException):
        yield "exception", exception_text(thing)
    for message in ("message", "shopper_message"):
        if hasattr(thing, message):
            yield message, str(getattr(thing, message))


def inside(given: object) -> object:
    """The value or the failure of an outcome; anything else unchanged."""
    outcome: Any = given
    if isinstance(given, Success):
        return outcome.unwrap()
    if isinstance(given, Failure):
        return outcome.failure()
    return outcome


def _pickled(thing: object) -> str:
    return pickle.dumps(thing).decode("latin-1")


def _unstructured(thing: object) -> str:
    return json.dumps(Converter().unstructure(thing), default=repr)


def _as_dictionary(thing: Any) -> str:
    kind = cast("type[object]", type(thing))
    return json.dumps(attrs.asdict(thing), default=repr) if attrs.has(kind) else ""


def _copied(thing: object) -> str:
    return repr(copy(thing))


def _deeply_copied(thing: object) -> str:
    return repr(deepcopy(thing))


def _as_json(thing: object) -> str:
    return json.dumps(thing, default=repr)


TOOLS: Final[dict[str, Callable[[object], str]]] = {
    "pickle": _pickled,
    "copy": _copied,
    "deepcopy": _deeply_copied,
    "asdict": _as_dictionary,
    "unstructure": _unstructured,
    "json": _as_json,
}

BEHIND_FIELDS: Final = frozenset({"pickle", "asdict", "unstructure", "refusal of deepcopy"})
"""Tools that write every field, those that hold personal data on purpose too."""


def exception_text(error: BaseException) -> str:
    """Write an exception, its arguments, and the variables of all frames except the tests' own, along its whole chain.

    This is what ``traceback.TracebackException(error, capture_locals=True)`` shows; before Python 3.13 that fails on half-built values.
    """
    told: list[str] = []
    chain: list[BaseException] = [error]
    while chain:
        exception = chain.pop()
        told += [repr(exception), str(exception), repr(exception.args), repr(getattr(exception, "__notes__", ""))]
        told += [
            _safe_repr(value) for frame, _ in traceback.walk_tb(exception.__traceback__) for value in _variables(frame)
        ]
        chain += [cause for cause in (exception.__cause__, exception.__context__) if cause]
    return "\n".join(told)


def _variables(frame: FrameType) -> list[object]:
    return [] if frame.f_code.co_filename.startswith(TESTS) else list(frame.f_locals.values())


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as broken:  # noqa: BLE001 -- half made; what it says of itself is looked at
        return repr(broken)


NUMBERS: Final = frozenset({"process", "thread", "lineno", "created", "msecs", "relativeCreated"})
"""Numbers chosen by the machine: one of them may equal the short canary by chance."""


def log_text(record: logging.LogRecord) -> str:
    """A record with everything that a handler could make of it."""
    told = {name: value for name, value in vars(record).items() if name not in NUMBERS}
    return f"{record.getMessage()} {told!r} {logging.Formatter().format(record)}"


def leaks_of_store(path: Path) -> list[str]:
    """List the canaries in the files of an SQLite store, and in columns that are not meant for them."""
    every = {**SECRETS, **PERSONAL, **PASSED_THROUGH}
    raw = {file.name: file.read_bytes().decode("latin-1") for file in path.parent.glob(f"{path.name}*")}
    nowhere = {name: canary for name, canary in every.items() if name not in KEPT}
    leaks = [f"{file} shows {name}" for file, text in raw.items() for name in found_in(text, nowhere)]
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for table, column, text in _cells(connection):
        here = [name for name in found_in(text, every) if (table, column) not in KEPT.get(name, frozenset())]
        leaks += [f"{table}.{column} shows {name}" for name in here]
    connection.close()
    return leaks


def _cells(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 -- names from the schema
        names = [column[0] for column in rows.description]
        yield from ((table, name, str(cell)) for row in rows for name, cell in zip(names, row, strict=True))
