"""Runs the code blocks of a Markdown page in order, in the working folder and one namespace.

Every ``python``, ``toml`` and ``console`` block runs, unless the comment before it says why not: ``<!-- not run: needs an account at the
gateway -->``. Blocks in the other known languages are only shown; an unknown language is an error, so that a misspelt ``pyhton`` is found.
A block whose first line is a file name in a comment (``# payports.toml``) is also written to that file, for the blocks below it.

Run: ``python tests/page.py README.md``, as tests/test_readme.py does.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import attrs
from markdown_it import MarkdownIt

RUN: Final = frozenset({"python", "toml", "console"})
SHOWN: Final = frozenset({"mermaid", "text", "json", "html", "sql"})

ROOT: Final = Path(__file__).resolve().parents[1]
COMMAND_LIMIT_S: Final = 60

_NOT_RUN: Final = re.compile(r"<!--\s*not run:(?P<reason>.*?)-->\s*", re.DOTALL)
_FILE_NAME: Final = re.compile(r"#\s*(?P<name>[\w/-]+\.\w+)\s*")


class Unreadable(Exception):
    """A block that neither runs nor says why not."""


class Untrue(Exception):
    """A command that fails, or prints something other than the page shows."""


@attrs.frozen(kw_only=True)
class Block:
    language: str
    text: str
    line: int
    """The line of the page on which the text starts, from 1."""

    @property
    def file_name(self) -> str | None:
        found = _FILE_NAME.fullmatch(self.text.partition("\n")[0])
        return found["name"] if found else None


def run_page(page: Path) -> None:
    blocks = list(blocks_to_run(page.read_text(encoding="utf-8")))
    if all(block.language != "python" for block in blocks):
        raise Unreadable(f"{page} has no Python block to run")
    namespace = ModuleType("page")
    sys.modules[namespace.__name__] = namespace
    for block in blocks:
        if block.file_name:
            Path(block.file_name).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file_name).write_text(block.text, encoding="utf-8")
        run_block(block, page, namespace)


def blocks_to_run(text: str) -> Iterator[Block]:
    comment = ""
    for token in MarkdownIt().parse(text):
        if token.type == "code_block":
            raise Unreadable(f"an indented block without a language: {token.content!r}")
        if token.type == "fence":
            line = token.map[0] + 2 if token.map else 0
            block = Block(language=token.info.strip(), text=token.content, line=line)
            if is_to_run(block, _NOT_RUN.fullmatch(comment)):
                yield block
        comment = token.content if token.type == "html_block" else ""


def is_to_run(block: Block, excuse: re.Match[str] | None) -> bool:
    if excuse and not excuse["reason"].strip():
        raise Unreadable(f"line {block.line}: not run, and no reason given")
    if block.language not in RUN | SHOWN:
        raise Unreadable(f"line {block.line}: neither run nor shown: {block.language!r}")
    return block.language in RUN and not excuse


def run_block(block: Block, page: Path, namespace: ModuleType) -> None:
    match block.language:
        case "python":
            padded = "\n" * (block.line - 1) + block.text  # a traceback names the page's own line
            exec(compile(padded, page, "exec"), vars(namespace))  # noqa: S102 our own page
        case "toml":
            tomllib.loads(block.text)
        case _:
            for command, expected in commands(block.text):
                run_command(command, expected)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands (``$ ``, continued by a backslash) and their expected output."""
    head, *parts = ("\n" + text).split("\n$ ")
    if head.strip() or not parts:
        raise Unreadable(f"a console block starts with a command: {text!r}")
    for part in parts:
        lines = part.split("\n")
        length = next(i for i, line in enumerate(lines, 1) if not line.endswith("\\"))
        yield "\n".join(lines[:length]), "\n".join(lines[length:])


def run_command(command: str, expected: str) -> None:
    """Run one command; what the page prints below it must be printed (``...`` stands for anything).

    ``make`` is checked for its target only: this runs below ``make test``.
    """
    if command.startswith("make "):
        command = f"make --dry-run --directory '{ROOT}' {command.removeprefix('make ')} >/dev/null"
        expected = ""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ended = subprocess.run(
        ["bash", "-euc", command],
        env={**os.environ, "PATH": tools, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    as_shown = not expected.strip() or doctest.OutputChecker().check_output(expected, ended.stdout, flags)
    if ended.returncode != 0 or not as_shown:
        raise Untrue(f"$ {command}\nended {ended.returncode} and printed\n{ended.stdout}")


if __name__ == "__main__":
    sys.path.insert(0, "")  # the blocks' own files
    run_page(Path(sys.argv[1]).resolve())
