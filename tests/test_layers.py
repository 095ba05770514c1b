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


MAX_LINES: Final = 300
MAX_FUNCTION_LINES: Final = 40
MAX_PARAMETERS: Final = 6

LONG_MODULES: Final[dict[str, str]] = {}
"""Modules over 300 lines, each with its reason."""

LONG_FUNCTIONS: Final[dict[str, str]] = {
    "domain/summary.py:summarize": "one line for each field of the summary, no decision"
}
"""Functions over 40 lines or with seven or more parameters, as ``path:name``, each with its reason."""

LAZY: Final = {
    "payports.adapters.command_line": "the entry point says what is missing before it imports click",
    "payports.adapters.command_line.program": "a command imports what it needs when it runs",
}
"""Modules whose imports inside functions do not count for circles; everywhere else they count as those at the top."""


def module_name(path: Path) -> str:
    """The name under which a path below the repository is imported."""
    parts = path.with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else (FRONT_DOOR, *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_imports(name: str, tree: ast.Module, modules: frozenset[str]) -> set[str]:
    """The modules of ours that a module imports; the packages around a module do not count as imported with it."""
    inside = {
        node
        for function in ast.walk(tree)
        if name in LAZY and isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    targets: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in inside:
            targets.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in inside:
            base = node.module or ""
            full = {f"{base}.{alias.name}" for alias in node.names}
            targets |= full & modules
            if not full <= modules:
                targets.add(base)
    return (targets & modules) - {name}


def import_circles(sources: dict[Path, ast.Module]) -> list[list[str]]:
    """Every group of modules that import each other, directly or through others; sorted."""
    modules = frozenset(map(module_name, sources))
    imports: dict[str, set[str]] = {
        module_name(path): module_imports(module_name(path), tree, modules) for path, tree in sources.items()
    }
    circles: list[list[str]] = []
    while leaves := {name for name, targets in imports.items() if not targets & imports.keys()}:
        imports = {name: targets for name, targets in imports.items() if name not in leaves}
    while imports:
        first = min(imports)
        group = {name for name in reachable(first, imports) if first in reachable(name, imports)}
        if group:
            circles.append(sorted(group))
        imports = {name: targets for name, targets in imports.items() if name not in {*group, first}}
    return sorted(circles)


def reachable(name: str, imports: dict[str, set[str]]) -> set[str]:
    """All modules that a module imports, directly or through others."""
    reached: set[str] = set()
    coming = list(imports[name])
    while coming:
        target = coming.pop()
        if target in imports and target not in reached:
            reached.add(target)
            coming.extend(imports[target])
    return reached


def size_offences(path: Path, source: str) -> Iterator[str]:
    """A module or a function that is too long, or a function with too many parameters, without a stated reason."""
    lines = source.count("\n")
    if lines > MAX_LINES and path.as_posix() not in LONG_MODULES:
        yield f"{path} has {lines} lines, more than {MAX_LINES}"
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or f"{path}:{node.name}" in LONG_FUNCTIONS:
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{path}:{node.lineno} {node.name} has {length} lines, more than {MAX_FUNCTION_LINES}"
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > MAX_PARAMETERS:
            yield f"{path}:{node.lineno} {node.name} has {count} parameters, more than {MAX_PARAMETERS}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in shipped()}
    assert import_circles(sources) == []


def test_modules_and_functions_keep_their_size() -> None:
    offences = [
        offence for path in shipped() for offence in size_offences(path, (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert offences == []


def test_every_reason_for_a_size_is_still_needed() -> None:
    known = {path.as_posix() for path in shipped()}
    assert {entry.partition(":")[0] for entry in (*LONG_MODULES, *LONG_FUNCTIONS)} <= known


@pytest.mark.parametrize(
    ("sources", "circles"),
    [
        ({"domain/a.py": "import payports.domain.b", "domain/b.py": ""}, []),
        (
            {"domain/a.py": "import payports.domain.b", "domain/b.py": "import payports.domain.a"},
            [["domain.a", "domain.b"]],
        ),
        (
            {"domain/a.py": "from payports.domain.b import x", "domain/b.py": "from payports.domain import a"},
            [["domain.a", "domain.b"]],
        ),
        (
            {
                "domain/a.py": "from payports.domain.b import x",
                "domain/b.py": "from payports.domain.c import x",
                "domain/c.py": "def f() -> None:\n    from payports.domain.a import x",
                "domain/d.py": "from payports.domain.a import x",
            },
            [["domain.a", "domain.b", "domain.c"]],
        ),
        ({"domain/k/__init__.py": "from payports.domain.k.a import x", "domain/k/a.py": "import re"}, []),
        (
            {
                "domain/k/__init__.py": "from payports.domain.k.a import x",
                "domain/k/a.py": "from payports.domain.k import y",
            },
            [["domain.k", "domain.k.a"]],
        ),
        (
            {
                "adapters/command_line/program.py": "def f() -> None:\n    from payports.adapters.command_line import a",
                "adapters/command_line/a.py": "from payports.adapters.command_line.program import x",
            },
            [],
        ),
    ],
)
def test_the_circle_rule_sees_what_it_forbids(sources: dict[str, str], circles: list[list[str]]) -> None:
    planted = {Path(path): ast.parse(source) for path, source in sources.items()}
    assert import_circles(planted) == [[f"payports.{name}" for name in circle] for circle in circles]


@pytest.mark.parametrize(
    ("source", "offends"),
    [
        ("x = 1\n" * MAX_LINES, False),
        ("x = 1\n" * (MAX_LINES + 1), True),
        ("def f() -> None:\n" + "    g()\n" * (MAX_FUNCTION_LINES - 1), False),
        ("class A:\n    def f(self) -> None:\n" + "        g()\n" * MAX_FUNCTION_LINES, True),
        ("def f(a, b, c, d, e, f): ...", False),
        ("def f(a, b, /, c, d, *, e, f, g): ...", True),
        ("class A:\n    def f(self, a, b, c, d, e, f): ...", False),
        ("class A:\n    async def f(self, a, b, c, d, e, f, g): ...", True),
    ],
)
def test_the_size_rule_sees_what_it_forbids(source: str, offends: bool) -> None:
    assert bool(list(size_offences(Path("domain/a.py"), source))) is offends
