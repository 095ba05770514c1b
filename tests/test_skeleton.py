"""The skeleton in docs/gateways/writing-one.md: short, and of payports it imports the kit alone; that it runs, test_readme.py shows."""

from __future__ import annotations

import ast

import pytest

from tests.page import ROOT, blocks_to_run

MOST_LINES = 80
TESTING = frozenset({"payports.testing", "payports.testing.gateway_conformance"})


def skeleton_file(name: str) -> str:
    page = (ROOT / "docs" / "gateways" / "writing-one.md").read_text(encoding="utf-8")
    (block,) = [block for block in blocks_to_run(page) if block.file_name == name]
    return block.text


def imports_of_payports(source: str) -> list[str]:
    nodes = list(ast.walk(ast.parse(source)))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names = plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [name for name in names if name.partition(".")[0] == "payports"]


def test_the_skeleton_is_short() -> None:
    assert len(skeleton_file("skeleton.py").splitlines()) <= MOST_LINES


def test_the_skeleton_imports_the_kit_once_and_nothing_else_of_payports() -> None:
    assert imports_of_payports(skeleton_file("skeleton.py")) == ["payports.gateway_kit"]


def test_its_tests_import_the_kit_and_the_test_kit() -> None:
    assert {*imports_of_payports(skeleton_file("test_skeleton.py"))} == {"payports.gateway_kit", *TESTING}


@pytest.mark.parametrize("source", ["import payports.domain.money", "def f():\n    from payports import connect"])
def test_other_imports_are_seen(source: str) -> None:
    assert imports_of_payports(source) != []
