"""The dependency rule, read from the syntax trees: who may import whom, and what the core may touch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]

FRONT_DOOR: Final = "payports"
LAYERS: Final = ("domain", "ports", "application", "adapters")

MAY_IMPORT: Final = {
    "domain": {"domain"},
    "ports": {"domain", "ports"},
    "application": {"domain", "ports", "application"},
    "adapters": {"domain", "ports", "adapters"},
    FRONT_DOOR: {*LAYERS, FRONT_DOOR},
}

WIRING: Final = ("adapters/configuration", "adapters/command_line", "adapters/demonstrations")
"""Modules and packages below adapters that may import everything."""

PURE: Final = frozenset(
    {
        "__future__", "abc", "attrs", "bisect", "collections", "datetime", "decimal", "enum",
        "fractions", "functools", "hashlib", "heapq", "itertools", "math", "operator", "re",
        "returns", "string", "types", "typing", "unicodedata",
    }
)  # fmt: skip
"""What the domain may import of the outside: values and arithmetic, nothing with a world behind it."""

TRANSPORTS: Final = frozenset({"click", "http", "requests", "rich", "socket", "sqlite3", "subprocess", "urllib"})
"""What only adapters may import."""

IMPURE_CALLS: Final = frozenset({"open", "print", "input", "eval", "exec", "compile", "__import__"})
CLOCKS: Final = frozenset({"now", "utcnow", "today"})


def shipped() -> list[Path]:
    folders = [*LAYERS, "src/payports"]
    found = {path.resolve() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return sorted(path.relative_to(ROOT) for path in found)


def layer_of(path: Path) -> str:
    if any(path.as_posix().startswith(wiring) for wiring in WIRING):
        return FRONT_DOOR
    return path.parts[0] if path.parts[0] in LAYERS else FRONT_DOOR


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = (f"{base}.{alias.name}" for alias in node.names)
            yield from ((node.lineno, name if base == FRONT_DOOR else base) for name in names)


def our_layer(name: str) -> str:
    """The layer that a full name below payports belongs to."""
    _, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    return first if first in LAYERS else FRONT_DOOR


def import_offences(path: Path, tree: ast.Module) -> Iterator[str]:
    layer = layer_of(path)
    for line, name in imported(tree):
        top = name.partition(".")[0]
        if name.startswith("."):
            yield f"{path}:{line} imports relatively; write the full name"
        elif top in LAYERS:
            yield f"{path}:{line} imports bare {top}; write payports.{name}"
        elif top == FRONT_DOOR:
            if our_layer(name) not in MAY_IMPORT[layer]:
                yield f"{path}:{line} ({layer}) imports {name}"
        elif (layer == "domain" and top not in PURE) or (layer in {"ports", "application"} and top in TRANSPORTS):
            yield f"{path}:{line} ({layer}) imports {name}"


def purity_offences(path: Path, tree: ast.Module) -> Iterator[str]:
    if layer_of(path) != "domain":
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=called) if called in IMPURE_CALLS:
                yield f"{path}:{node.lineno} (domain) calls {called}"
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=asked) if asked in CLOCKS:
                yield f"{path}:{node.lineno} (domain) asks the clock"
            case _:
                pass


def style_offences(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"{path}:{node.lineno} asserts; python -O would drop it, raise instead"
        if isinstance(node, ast.alias) and node.name == "TYPE_CHECKING":
            yield f"{path}:{node.lineno} hides names from the run time, where cattrs needs them"


RULES: Final = (import_offences, purity_offences, style_offences)


@pytest.mark.parametrize("rule", RULES)
def test_shipped_code_keeps_the_rule(rule: Callable[[Path, ast.Module], Iterator[str]]) -> None:
    offences = [
        offence for path in shipped() for offence in rule(path, ast.parse((ROOT / path).read_text(encoding="utf-8")))
    ]
    assert offences == []


def test_every_layer_is_read() -> None:
    assert {path.parts[0] for path in shipped()} == {*LAYERS, "src"}


@pytest.mark.parametrize(
    ("path", "source", "offends"),
    [
        ("domain/a.py", "from payports.domain.money import Money", False),
        ("domain/a.py", "from payports.ports.clock import Clock", True),
        ("domain/a.py", "from payports import ports", True),
        ("domain/a.py", "import payports", True),
        ("domain/a.py", "import collections.abc", False),
        ("domain/a.py", "def f() -> None:\n    import time", True),
        ("domain/a.py", "import logging", True),
        ("domain/a.py", "from os.path import join", True),
        ("domain/a.py", "import cattrs", True),
        ("domain/a.py", "datetime.now()", True),
        ("domain/a.py", "print()", True),
        ("ports/a.py", "from payports.domain.money import Money", False),
        ("ports/a.py", "from payports.application.checkout.service import Checkout", True),
        ("ports/a.py", "import sqlite3", True),
        ("application/a.py", "from payports.ports.clock import Clock", False),
        ("application/a.py", "from payports.adapters.gateways.sandbox import connect", True),
        ("application/a.py", "import requests", True),
        ("adapters/gateways/a.py", "import requests", False),
        ("adapters/gateways/a.py", "from payports.adapters.web.sender import Sender", False),
        ("adapters/gateways/a.py", "from payports.application.checkout.service import Checkout", True),
        ("adapters/gateways/a.py", "from payports import Money", True),
        ("adapters/configuration.py", "from payports.application.checkout.service import Checkout", False),
        ("adapters/configuration/read.py", "from payports.application.shop import Shop", False),
        ("adapters/command_line.py", "from payports import connect", False),
        ("src/payports/__init__.py", "from payports.application.shop import Shop", False),
        ("src/payports/__init__.py", "from domain.money import Money", True),
        ("adapters/a.py", "import application", True),
        ("adapters/a.py", "from . import web", True),
        ("adapters/a.py", "from ..domain import money", True),
        ("adapters/a.py", "assert True", True),
        ("adapters/a.py", "from typing import TYPE_CHECKING", True),
    ],
)
def test_the_rules_see_what_they_forbid(path: str, source: str, offends: bool) -> None:
    tree = ast.parse(source)
    found = [offence for rule in RULES for offence in rule(Path(path), tree)]
    assert bool(found) is offends
