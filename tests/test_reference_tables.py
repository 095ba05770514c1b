"""The reference tables in the docs name exactly the keys and scenarios of the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs
import pytest

from payports.adapters.configuration import payment_options
from payports.adapters.configuration import settings as configuration
from payports.adapters.gateways import offline
from payports.adapters.gateways.sandbox import config as sandbox
from payports.adapters.gateways.sandbox.scenarios import TOKENS
from payports.adapters.gateways.stored_value import gateway as stored_value
from payports.adapters.repositories.sqlite.database import SqliteOptions
from tests.page import ROOT

_NAME: Final = re.compile(r"`([\w.]+)`")
_READ: Final = re.compile(r"""(?:environ(?:\.get\(|\[)|: Final = )"(PAYPORTS_\w+)\"""")


def first_cells(page: str) -> list[str]:
    """The names in the first column of every table of a page."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    return [name for line in lines if line.startswith("| `") for name in _NAME.findall(line.split(" | ")[0])]


def keys(kind: type[attrs.AttrsInstance], prefix: str = "") -> list[str]:
    return [f"{prefix}{field.name}" for field in attrs.fields(kind)]


def test_the_readme_explains_every_key_of_the_configuration() -> None:
    explained = [name for name in first_cells("README.md") if name.islower() or ".NAME" in name]
    assert sorted(explained) == sorted(
        [
            "merchant",
            "options",
            "merchants.NAME",
            "store.url",
            *keys(SqliteOptions, "store."),
            *keys(configuration.GatewaySettings, "gateways.NAME."),
            *keys(configuration.CheckoutSettings, "checkout."),
            *keys(configuration.OrderSettings, "orders."),
            *keys(configuration.RecoverySettings, "recovery."),
            *keys(configuration.TelemetrySettings, "telemetry."),
            *keys(payment_options.OptionSettings, "options."),
        ]
    )


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ("docs/gateways/sandbox.md", keys(sandbox.Options)),
        ("docs/gateways/stored-value.md", keys(stored_value.Options)),
        ("docs/testing/your-shop.md", TOKENS),
    ],
)
def test_a_page_explains_every_key_of_its_gateway(page: str, named: Iterable[str]) -> None:
    assert sorted(first_cells(page)) == sorted(named)


def test_the_only_key_of_offline_tenders_is_named() -> None:
    assert keys(offline.Options) == ["account"]
    assert "`account`" in (ROOT / "docs/gateways/offline.md").read_text("utf-8")


def test_contributing_explains_every_variable_that_the_tests_read() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")]
    read = {name for text in texts for name in _READ.findall(text)}
    assert sorted(name for name in first_cells("CONTRIBUTING.md") if name.startswith("PAYPORTS_")) == sorted(read)


def test_the_index_of_decisions_has_each_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text("utf-8").splitlines()
    pages = sorted(folder.glob("0*.md"))
    lines: list[str] = []
    for number, page in enumerate(pages, start=1):
        heading = page.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        assert heading.startswith(f"{number}. ")
        assert page.name.startswith(f"{number:04}-")
        lines.append(f"- [{heading}]({page.name})")
    assert sorted(line for line in index if line.startswith("- ")) == sorted(lines)


def test_every_decision_that_the_code_names_exists() -> None:
    """A decision is named with its full file name, so that its title says what it is about."""
    folders = [ROOT / folder for folder in ("domain", "ports", "application", "adapters", "src", "tests", "benchmarks")]
    texts = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"docs/decisions/(\d{4}[^\s`\"):]*)", text)}
    assert named
    assert {name for name in named if not (ROOT / "docs" / "decisions" / name).is_file()} == set()


def test_every_file_that_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`((?:domain|ports|application|adapters|src|tests|docs|benchmarks)/[\w/.]*)`", text))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_each_file_on_the_way_of_an_authorization_has_the_names_that_contributing_gives() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    ways = re.findall(r"^\d+\. \[([\w/.]+)\]\(\1\): (.*)$", text, re.MULTILINE)
    assert 0 < len(ways) <= 10
    for path, line in ways:
        words = {name.rpartition(".")[2] for name in _NAME.findall(line)}
        source = set(re.findall(r"\w+", (ROOT / path).read_text("utf-8")))
        assert (path, words - source) == (path, set())


def test_every_link_to_a_file_of_this_tree_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text("utf-8"))]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
    assert links
