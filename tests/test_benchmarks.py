"""The benchmark at its smallest size: it runs, counts correctly, and reports missed gates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

import pytest

from payports import Payports

ROOT: Final = Path(__file__).parents[1]
COMMITTED: Final = ROOT / "benchmarks" / "results" / "full.json"


def imported(name: str) -> Any:
    """Import a module of the benchmarks. The root is not on the path, so that nothing else can be imported by a bare name."""
    spec = spec_from_file_location("benchmarks", ROOT / "benchmarks" / "__init__.py")
    assert spec is not None
    sys.modules.setdefault("benchmarks", module_from_spec(spec))
    return import_module(f"benchmarks.{name}")


gates, page, scaling, sqlite_loops = map(imported, ("gates", "page", "scaling", "sqlite_loops"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run all parts except the peers, which need their own environment."""
    folder = tmp_path_factory.mktemp("bench")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONSAFEPATH", "PAYPORTS_DATA")}
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--extent",
        "tiny",
        "--results",
        str(folder),
        "--folder",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return json.loads((folder / "tiny.json").read_text())


def test_every_part_gives_figures(tiny: Any) -> None:
    parts = {"import", "sqlite_full", "sqlite_normal", "postgres", "stored", "transactions", "recovery", "replay"}
    assert {part for part in parts if not tiny[part]} == set()


def test_an_authorization_takes_two_commits_on_sqlite_and_few_statements(tiny: Any) -> None:
    assert tiny["sqlite_full"]["statements"] == 11


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_an_authorization_syncs_twice_and_not_at_all_where_the_host_asked_for_that(tiny: Any) -> None:
    assert (tiny["sqlite_full"]["syncs"]["each"], tiny["sqlite_normal"]["syncs"]["each"]) == (2, 0)


def test_an_authorization_takes_few_round_trips_on_postgresql(tiny: Any) -> None:
    assert tiny["postgres"]["round_trips"] == 5


def test_every_unknown_result_is_recovered(tiny: Any) -> None:
    assert tiny["recovery"]["resolved"] == tiny["recovery"]["rows"] == 20


def test_what_is_replayed_by_hand_is_what_the_library_executed(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite_loops.open_sqlite(path, "NORMAL").close()

    def load(shop: Payports, number: int) -> None:
        shop.payments.get(f"p-{number}")

    (log,) = sqlite_loops.record(path, load, range(1, 2))
    assert [(sql.split()[0], parameters[1]) for sql, parameters, _ in log] == [("SELECT", "p-1")]


def test_a_gate_that_is_missed_is_said_to_be() -> None:
    slow = {"cpu_us": {"1": 1.0, "10": 100.0}, "exponent": scaling.exponent([(1, 1.0), (10, 100.0)])}
    fast = {"cpu_us": {"1": 1.0, "10": 10.0}, "exponent": scaling.exponent([(1, 1.0), (10, 10.0)])}
    told = [row.reached for found in (slow, fast) for row in gates.rows({"transactions": found})]
    assert told == [False, True]


def test_the_table_is_put_between_its_marks(tmp_path: Path, tiny: Any) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.put_into(readme, tiny)
    page.put_into(readme, tiny)
    assert readme.read_text() == f"before\n{page.BEGIN}\n\n{page.table(tiny)}\n\n{page.END}\nafter\n"


def test_the_readme_shows_the_figures_that_are_kept() -> None:
    figures = json.loads(COMMITTED.read_text())
    assert page.table(figures) in (ROOT / "README.md").read_text()


@pytest.mark.skipif(not find_spec("matplotlib"), reason="matplotlib is not installed: payports[bench]")
def test_the_figures_that_are_kept_can_be_drawn(tmp_path: Path) -> None:
    drawn = imported("plots").draw(json.loads(COMMITTED.read_text()), tmp_path)
    assert {path.name for path in drawn if "</svg>" in path.read_text()} == {
        "authorize.svg",
        "scaling.svg",
        "peers.svg",
    }
