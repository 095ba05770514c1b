"""The contents of the sdist and the wheel, and that a host's own ``domain`` package stays importable."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from tests.git_checkout import copy_checkout, tracked

LAYERS: Final = ("domain", "ports", "application", "adapters")
LINKS: Final = {PurePosixPath("src/payports", layer) for layer in LAYERS}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from it, without a network."""
    checkout = copy_checkout(tmp_path_factory.mktemp("checkout"))
    built = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(checkout)],
        check=True,
        capture_output=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    return built


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


def test_the_links_are_relative_and_committed() -> None:
    assert set(tracked()) >= LINKS


def test_the_sdist_holds_every_tracked_file_once(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [PurePosixPath(*PurePosixPath(name).parts[1:]) for name in archive.getnames()]
    assert sorted(names) == sorted([*(set(tracked()) - LINKS), PurePosixPath("PKG-INFO")])


def in_wheel(name: PurePosixPath) -> str | None:
    if name.is_relative_to("src"):
        return str(name.relative_to("src"))
    return f"payports/{name}" if name.parts[0] in LAYERS else None


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if not name.startswith("payports-")}
    assert package == {packed for name in set(tracked()) - LINKS if (packed := in_wheel(name))}
    assert {"payports/py.typed", *(f"payports/{layer}/__init__.py" for layer in LAYERS)} <= package

    about = {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in names - package}
    expected = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert about == {PurePosixPath(name) for name in expected}


def test_a_hosts_own_domain_stays_the_hosts(wheel: Path, tmp_path: Path) -> None:
    site, host = tmp_path / "site", tmp_path / "host"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--target", str(site), str(wheel)],
        check=True,
    )  # fmt: skip
    for layer in LAYERS:
        (host / layer).mkdir(parents=True)
        (host / layer / "__init__.py").write_text("OWNER = 'the host'\n", encoding="utf-8")
    shop = """
from importlib import import_module
import payports
for layer in ("domain", "ports", "application", "adapters"):
    assert import_module(layer).OWNER == "the host"
    print(import_module(f"payports.{layer}").__file__)
"""
    told = subprocess.run(
        [sys.executable, "-c", shop],
        cwd=host,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(host)])},
        check=True,
        capture_output=True,
        text=True,
    )
    ours = [str(site / "payports" / layer / "__init__.py") for layer in LAYERS]
    assert told.stdout.splitlines() == ours
