"""What ``pip install .`` installs into an empty environment, and what ``import payports`` loads there.

Import time is not asserted, because timings are noisy: ``benchmarks/import_time.py`` measures it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.git_checkout import copy_checkout
from tests.test_skeleton import skeleton_file

DEPENDENCIES: Final = {"attrs", "cattrs", "returns", "requests"}

NOT_LOADED: Final = {"requests", "sqlite3", "psycopg", "click", "rich", "http.server"}
"""Expensive modules that only some adapters need."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = copy_checkout(tmp_path_factory.mktemp("checkout"))
    fresh = tmp_path_factory.mktemp("environment")
    venv.create(fresh, with_pip=False, symlinks=True)
    python = str(fresh / "bin" / "python")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(checkout)],
        check=True,
    )
    return fresh


@pytest.fixture(scope="module")
def installed(environment: Path) -> dict[str, Distribution]:
    (site,) = environment.glob("lib/python*/site-packages")
    found = distributions(path=[str(site)])
    return {canonicalize_name(distribution.name): distribution for distribution in found}


def needs(distribution: Distribution) -> Iterator[str]:
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def test_only_the_dependencies_and_their_own_needs_are_installed(
    installed: dict[str, Distribution],
) -> None:
    assert set(needs(installed["payports"])) == DEPENDENCIES
    expected: set[str] = set()
    waiting = ["payports"]
    while waiting:
        name = waiting.pop()
        if name not in expected:
            expected.add(name)
            waiting.extend(needs(installed[name]))
    assert set(installed) == expected


def test_importing_payports_loads_no_adapter_and_nothing_heavy(environment: Path) -> None:
    told = subprocess.run(
        [str(environment / "bin" / "python"), "-I", "-c",
         "import json, sys, payports; print(json.dumps([payports.__file__, *sys.modules]))"],
        check=True,
        capture_output=True,
        text=True,
    )  # fmt: skip
    where, *loaded = json.loads(told.stdout)
    assert Path(where).is_relative_to(environment)
    assert NOT_LOADED & set(loaded) == set()
    assert [name for name in loaded if name.startswith("payports.adapters.gateways.")] == []


def test_the_skeleton_of_a_gateway_needs_nothing_but_the_kit(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "skeleton.py").write_text(skeleton_file("skeleton.py"), encoding="utf-8")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import skeleton
from payports.gateway_kit import AdapterContext, Secret
context = AdapterContext(name="mine", options={{"secret_key": Secret("sk_1")}}, clock=None, ids=None)
print(type(skeleton.connect(context).transactions).__name__, "requests" in sys.modules)
"""
    command = [str(environment / "bin" / "python"), "-I", "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["SkeletonGateway", "False"]
