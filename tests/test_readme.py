"""The code blocks of the README, and of each page in docs/ that asks for it, are run.

A page in docs/ asks with the line ``<!-- blocks are run -->``. ``tests/page.py`` says how blocks run and how one is left out. Each page
gets its own interpreter and an empty folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.page import ROOT, Block, Unreadable, Untrue, blocks_to_run, commands, run_command

ASKS: Final = "<!-- blocks are run -->"
PAGE_LIMIT_S: Final = 300


def pages() -> list[str]:
    docs = [page for page in (ROOT / "docs").rglob("*.md") if ASKS in page.read_text("utf-8")]
    return ["README.md", *sorted(page.relative_to(ROOT).as_posix() for page in docs)]


def run_as_program(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", str(ROOT / "tests" / "page.py"), str(page)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PAGE_LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("page", pages())
def test_the_blocks_of_a_page_run_in_order(page: str, tmp_path: Path) -> None:
    ended = run_as_program(ROOT / page, tmp_path)
    assert ended.returncode == 0, ended.stdout


PAGE: Final = """
# A page

```python
# shop.py
x = 1
```
<!-- not run: needs an account -->
```python
1 / 0
```
- in a list:

  ```toml
  # settings/shop.toml
  a = 1
  ```
```mermaid
graph LR
```
```python
import shop, tomllib, pathlib
assert tomllib.loads(pathlib.Path("settings/shop.toml").read_text())["a"] == shop.x == x
```
"""


def test_blocks_are_found_with_their_lines_and_file_names() -> None:
    found = list(blocks_to_run(PAGE))
    assert found[0] == Block(language="python", text="# shop.py\nx = 1\n", line=5)
    assert [(block.file_name, block.line) for block in found] == [
        ("shop.py", 5),
        ("settings/shop.toml", 15),
        (None, 22),
    ]


def test_blocks_share_a_namespace_and_find_the_files_written_before(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    ended = run_as_program(tmp_path / "page.md", tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_a_wrong_block_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE.replace("== x", "== x + 1"), encoding="utf-8")
    ended = run_as_program(tmp_path / "page.md", tmp_path)
    assert ended.returncode == 1
    assert 'page.md", line 23' in ended.stdout


@pytest.mark.parametrize(
    "page",
    [
        "```pyhton\nx = 1\n```",
        "```\nx = 1\n```",
        "    x = 1\n",
        "<!-- not run: -->\n```python\nx = 1\n```",
    ],
)
def test_no_block_is_left_out_silently(page: str) -> None:
    with pytest.raises(Unreadable):
        list(blocks_to_run(page))


def test_a_console_block_is_held_to_what_it_prints() -> None:
    ((command, expected),) = commands("$ printf 'a\\nb\\nc\\n' |\\\n  cat\na\n...\nc\n")
    run_command(command, expected)
    with pytest.raises(Untrue):
        run_command(command, "a\nc\n")
    with pytest.raises(Untrue):
        run_command("false", "")
    with pytest.raises(Untrue):
        run_command("make no-such-target", "")
    with pytest.raises(Unreadable):
        list(commands("ls\n"))
